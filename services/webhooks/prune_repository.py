"""Queries of retention."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import case, delete, or_, update
from sqlmodel import Session, col, select

from models import Connection, ConnectionStatus, DeliveryState, Tenant, WebhookDelivery
from services.kernel.db import UnitOfWork
from services.kernel.ids import lowest_id
from services.webhooks.repository import OPEN

_TOO_OLD = "It waited longer than deliveries are kept"


def list_unpruned(session: Session, *, before: datetime, limit: int) -> Sequence[tuple[UUID, UUID]]:
    """Return (id, id) of tenants with deliveries from before a time that were not looked through; runs unscoped."""
    behind = or_(col(Tenant.deliveries_pruned_until).is_(None), col(Tenant.deliveries_pruned_until) < before)
    statement = select(col(Tenant.id)).where(behind, col(Tenant.deletion_started_at).is_(None)).limit(limit)
    return [(tenant_id, tenant_id) for tenant_id in session.exec(statement)]


def find_pruned_until(work: UnitOfWork) -> datetime | None:
    """Return how far pruning has come."""
    return work.session.exec(
        select(col(Tenant.deliveries_pruned_until)).where(col(Tenant.id) == work.tenant_id)
    ).first()


def note_pruned_until(work: UnitOfWork, until: datetime) -> None:
    """Note how far pruning has come."""
    work.session.exec(update(Tenant).where(col(Tenant.id) == work.tenant_id).values(deliveries_pruned_until=until))


def empty_batch(work: UnitOfWork, *, since: datetime | None, before: datetime, now: datetime, limit: int) -> int:
    """Delete the content of some deliveries from before a time; return of how many.

    What still waited, such as for a connection that nobody repaired, is given up.
    """
    row = WebhookDelivery
    statement = (
        select(col(row.id))
        .where(
            col(row.tenant_id) == work.tenant_id,
            col(row.id) < lowest_id(before),
            col(row.received_at) < before,
            col(row.pruned_at).is_(None),
        )
        .order_by(col(row.id))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    if since is not None:
        statement = statement.where(col(row.id) >= lowest_id(since))
    ids = work.session.exec(statement).all()
    if not ids:
        return 0
    waits = col(row.state).in_(OPEN)
    work.session.exec(
        update(row)
        .where(col(row.tenant_id) == work.tenant_id, col(row.id).in_(ids))
        .values(
            body=b"",
            headers={},
            query="",
            pruned_at=now,
            state=case((waits, DeliveryState.DEAD.value), else_=col(row.state)),
            reason=case((waits, _TOO_OLD), else_=col(row.reason)),
            finished_at=case((waits, now), else_=col(row.finished_at)),
            lease_until=None,
            lease_token=None,
        )
    )
    return len(ids)


def delete_batch(work: UnitOfWork, *, before: datetime, limit: int) -> int:
    """Delete some deliveries of connections that were disconnected before a time; return how many."""
    row = WebhookDelivery
    gone = select(col(Connection.id)).where(
        col(Connection.tenant_id) == work.tenant_id,
        col(Connection.status) == ConnectionStatus.DISCONNECTED,
        col(Connection.updated_at) < before,
    )
    ids = work.session.exec(
        select(col(row.id))
        .where(col(row.tenant_id) == work.tenant_id, col(row.connection_id).in_(gone), col(row.received_at) < before)
        .limit(limit)
    ).all()
    if ids:
        work.session.exec(delete(row).where(col(row.tenant_id) == work.tenant_id, col(row.id).in_(ids)))
    return len(ids)
