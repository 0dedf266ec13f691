"""Queries on deliveries."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import col, select

from models import Connection, DeliveryState, WebhookDelivery
from services.kernel.db import UnitOfWork
from services.kernel.leases import is_due, is_free

OPEN = (DeliveryState.RECEIVED, DeliveryState.PROCESSING, DeliveryState.FAILED)


def lock_processable(work: UnitOfWork, delivery_id: UUID) -> WebhookDelivery | None:
    """Return a delivery, locked, if it is due and nobody works on it."""
    return work.session.exec(
        select(WebhookDelivery)
        .where(
            col(WebhookDelivery.tenant_id) == work.tenant_id,
            col(WebhookDelivery.id) == delivery_id,
            col(WebhookDelivery.state).in_(OPEN),
            is_due(WebhookDelivery),
            is_free(WebhookDelivery),
        )
        .with_for_update()
    ).first()


def lock_held(work: UnitOfWork, delivery_id: UUID, lease_token: UUID) -> WebhookDelivery | None:
    """Return a delivery, locked, if the lease is still ours."""
    return work.session.exec(
        select(WebhookDelivery)
        .where(
            col(WebhookDelivery.tenant_id) == work.tenant_id,
            col(WebhookDelivery.id) == delivery_id,
            col(WebhookDelivery.lease_token) == lease_token,
        )
        .with_for_update()
    ).first()


def find_delivery(work: UnitOfWork, delivery_id: UUID) -> WebhookDelivery | None:
    """Return a delivery."""
    return work.session.exec(
        select(WebhookDelivery).where(
            col(WebhookDelivery.tenant_id) == work.tenant_id, col(WebhookDelivery.id) == delivery_id
        )
    ).first()


def get_connection(work: UnitOfWork, connection_id: UUID) -> Connection:
    """Return the connection a delivery came in through."""
    return work.session.exec(
        select(Connection).where(col(Connection.tenant_id) == work.tenant_id, col(Connection.id) == connection_id)
    ).one()


def list_deliveries(
    work: UnitOfWork,
    *,
    connection_id: UUID | None,
    states: Sequence[DeliveryState],
    before: UUID | None,
    limit: int,
) -> list[WebhookDelivery]:
    """Return deliveries, latest first."""
    statement = (
        select(WebhookDelivery)
        .where(col(WebhookDelivery.tenant_id) == work.tenant_id)
        .order_by(col(WebhookDelivery.id).desc())
        .limit(limit)
    )
    if connection_id:
        statement = statement.where(col(WebhookDelivery.connection_id) == connection_id)
    if states:
        statement = statement.where(col(WebhookDelivery.state).in_(states))
    if before:
        statement = statement.where(col(WebhookDelivery.id) < before)
    return list(work.session.exec(statement).all())
