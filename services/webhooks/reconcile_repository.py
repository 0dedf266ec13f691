"""Queries on how far deliveries were compared with what the provider had for us."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, or_
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from models import Connection, PhoneNumber, Reconciliation, WebhookDelivery
from services.connections import WORKING
from services.kernel.db import UnitOfWork
from services.kernel.ids import new_id
from services.kernel.leases import in_seconds, is_due, is_free


def list_due(session: Session, *, providers: Collection[str], limit: int) -> Sequence[tuple[UUID, UUID]]:
    """Return the connections to look at, of all tenants: never looked at, or due and held by nobody."""
    is_its = and_(
        col(Reconciliation.tenant_id) == col(Connection.tenant_id),
        col(Reconciliation.connection_id) == col(Connection.id),
    )
    is_wanted = or_(col(Reconciliation.id).is_(None), and_(is_due(Reconciliation), is_free(Reconciliation)))
    return session.exec(
        select(Connection.tenant_id, Connection.id)
        .join(Reconciliation, is_its, isouter=True)
        .where(col(Connection.provider).in_(providers), col(Connection.status).in_(WORKING), is_wanted)
        .limit(limit)
    ).all()


def ensure(work: UnitOfWork, connection_id: UUID, *, complete_until: datetime) -> None:
    """Begin with a connection, unless that was done; nothing from before the time is ever fetched."""
    work.session.exec(
        insert(Reconciliation)
        .values(
            tenant_id=work.tenant_id,
            id=new_id(),
            connection_id=connection_id,
            complete_until=complete_until,
            cursor="",
            found=0,
            note="",
            attempt=0,
            next_attempt_at=in_seconds(0),
        )
        .on_conflict_do_nothing(index_elements=["tenant_id", "connection_id"])
    )


def lock_due(work: UnitOfWork, connection_id: UUID) -> Reconciliation | None:
    """Return a connection's row, locked, if it is due and nobody holds it."""
    return work.session.exec(
        select(Reconciliation)
        .where(
            col(Reconciliation.tenant_id) == work.tenant_id,
            col(Reconciliation.connection_id) == connection_id,
            is_due(Reconciliation),
            is_free(Reconciliation),
        )
        .with_for_update(skip_locked=True)
    ).first()


def lock_held(work: UnitOfWork, connection_id: UUID, lease_token: UUID) -> Reconciliation | None:
    """Return a connection's row, locked, if the lease is still ours."""
    return work.session.exec(
        select(Reconciliation)
        .where(
            col(Reconciliation.tenant_id) == work.tenant_id,
            col(Reconciliation.connection_id) == connection_id,
            col(Reconciliation.lease_token) == lease_token,
        )
        .with_for_update()
    ).first()


def find(work: UnitOfWork, connection_id: UUID) -> Reconciliation | None:
    """Return a connection's row."""
    return work.session.exec(
        select(Reconciliation).where(
            col(Reconciliation.tenant_id) == work.tenant_id, col(Reconciliation.connection_id) == connection_id
        )
    ).first()


def find_connection(work: UnitOfWork, connection_id: UUID) -> Connection | None:
    """Return a connection."""
    return work.session.exec(
        select(Connection).where(col(Connection.tenant_id) == work.tenant_id, col(Connection.id) == connection_id)
    ).first()


def list_addresses(work: UnitOfWork, connection_id: UUID) -> Sequence[str]:
    """Return the numbers of a connection on which an agent answers."""
    return work.session.exec(
        select(PhoneNumber.number).where(
            col(PhoneNumber.tenant_id) == work.tenant_id,
            col(PhoneNumber.connection_id) == connection_id,
            col(PhoneNumber.agent_id).is_not(None),
        )
    ).all()


def list_known(work: UnitOfWork, connection_id: UUID, keys: Collection[str]) -> frozenset[str]:
    """Return which of these deliveries a connection has."""
    return frozenset(
        work.session.exec(
            select(WebhookDelivery.dedupe_key).where(
                col(WebhookDelivery.tenant_id) == work.tenant_id,
                col(WebhookDelivery.connection_id) == connection_id,
                col(WebhookDelivery.dedupe_key).in_(keys),
            )
        ).all()
    )
