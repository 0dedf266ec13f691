"""All statements on tests of connections. Each binds the tenant."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from models import CheckOrigin, Connection, ConnectionCheck


def list_check_times(session: Session, *, tenant_id: UUID, connection_id: UUID, since: datetime) -> Sequence[datetime]:
    """Return when tests that people asked for began since then, the latest first."""
    statement = (
        select(col(ConnectionCheck.created_at))
        .where(
            col(ConnectionCheck.tenant_id) == tenant_id,
            col(ConnectionCheck.connection_id) == connection_id,
            col(ConnectionCheck.origin) == CheckOrigin.PERSON,
            col(ConnectionCheck.created_at) > since,
        )
        .order_by(col(ConnectionCheck.created_at).desc())
    )
    return session.exec(statement).all()


def find_check(session: Session, *, tenant_id: UUID, check_id: UUID) -> ConnectionCheck | None:
    """Return one test."""
    statement = select(ConnectionCheck).where(
        col(ConnectionCheck.tenant_id) == tenant_id, col(ConnectionCheck.id) == check_id
    )
    return session.exec(statement).first()


def lock_due_check(session: Session, *, tenant_id: UUID, connection_id: UUID) -> Connection | None:
    """Return a connection, locked, if its check is due and nobody else works on its row."""
    statement = (
        select(Connection)
        .where(
            col(Connection.tenant_id) == tenant_id,
            col(Connection.id) == connection_id,
            col(Connection.next_check_at) <= func.clock_timestamp(),
        )
        .with_for_update(key_share=True, skip_locked=True)
    )
    return session.exec(statement).first()


def delete_old_checks(session: Session, *, tenant_id: UUID, connection_id: UUID, before: datetime) -> None:
    """Forget tests of long ago."""
    session.execute(  # pyright: ignore[reportDeprecated]
        delete(ConnectionCheck).where(
            col(ConnectionCheck.tenant_id) == tenant_id,
            col(ConnectionCheck.connection_id) == connection_id,
            col(ConnectionCheck.created_at) < before,
        ),
    )
