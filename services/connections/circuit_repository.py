"""Statements on circuit breakers, and on what waits for them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, text, update
from sqlmodel import Session, col, select

from models import ActionRun, ActionRunState, Connection, Message, MessageState
from services.kernel.leases import in_seconds

WAITS_FOR_PROVIDER = "waits_for_provider"
"""Error code of what waits until the provider answers again, or until the time that it named."""


def database_time(session: Session) -> datetime:
    """Return the database's time."""
    return session.connection().execute(text("SELECT clock_timestamp()")).scalar_one()


def take_probe(session: Session, *, tenant_id: UUID, connection_id: UUID, next_at: datetime) -> bool:
    """Take the probe of a half-open circuit; return whether nobody else has it.

    Waits for no lock: whoever holds the row changes it, or makes the probe.
    """
    own = (col(Connection.tenant_id) == tenant_id, col(Connection.id) == connection_id)
    is_half_open = (
        col(Connection.circuit_opened_at).is_not(None),
        col(Connection.circuit_next_at) <= func.clock_timestamp(),
    )
    free = select(Connection.id).where(*own, *is_half_open).with_for_update(key_share=True, skip_locked=True)
    taken = session.scalar(
        update(Connection)
        .where(*own, col(Connection.id).in_(free))
        .values(circuit_next_at=next_at)
        .returning(col(Connection.id))
        .execution_options(synchronize_session=False)
    )
    return taken is not None


def give_back_probe(session: Session, *, tenant_id: UUID, connection_id: UUID) -> None:
    """Make the probe of a half-open circuit due again."""
    session.exec(
        update(Connection)
        .where(
            col(Connection.tenant_id) == tenant_id,
            col(Connection.id) == connection_id,
            col(Connection.circuit_opened_at).is_not(None),
        )
        .values(circuit_next_at=in_seconds(0))
        .execution_options(synchronize_session=False)
    )


def release_waiting(session: Session, *, tenant_id: UUID, connection_id: UUID) -> None:
    """Make the messages and action runs due that waited for the provider to answer, and those to be looked up."""
    for table, queued in ((Message, MessageState.QUEUED), (ActionRun, ActionRunState.QUEUED)):
        session.exec(
            update(table)
            .where(
                col(table.tenant_id) == tenant_id,
                col(table.connection_id) == connection_id,
                col(table.state) == queued,
                col(table.error_code) == WAITS_FOR_PROVIDER,
            )
            .values(next_attempt_at=in_seconds(0))
            .execution_options(synchronize_session=False)
        )
    session.exec(
        update(Message)
        .where(
            col(Message.tenant_id) == tenant_id,
            col(Message.connection_id) == connection_id,
            col(Message.state) == MessageState.SENDING,
            col(Message.lease_token).is_(None),
            col(Message.error_code) == WAITS_FOR_PROVIDER,
        )
        .values(lease_until=in_seconds(0))
        .execution_options(synchronize_session=False)
    )
