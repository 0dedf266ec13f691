"""Queries on deliveries."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlmodel import col, select

from models import Agent, Connection, DeliveryState, WebhookDelivery
from services.kernel.db import UnitOfWork
from services.kernel.leases import is_due, is_free

OPEN = (DeliveryState.RECEIVED, DeliveryState.PROCESSING, DeliveryState.FAILED)


def list_processable(work: UnitOfWork, *, except_for: Collection[UUID], limit: int) -> Sequence[UUID]:
    """Return deliveries that are due and that nobody works on, the earliest first."""
    return work.session.exec(
        select(WebhookDelivery.id)
        .where(
            col(WebhookDelivery.tenant_id) == work.tenant_id,
            col(WebhookDelivery.id).not_in(except_for),
            col(WebhookDelivery.state).in_(OPEN),
            is_due(WebhookDelivery),
            is_free(WebhookDelivery),
        )
        .order_by(col(WebhookDelivery.id))
        .limit(limit)
    ).all()


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


def get_agent(work: UnitOfWork, agent_id: UUID) -> Agent:
    """Return the agent that answers in a conversation."""
    return work.session.exec(
        select(Agent).where(col(Agent.tenant_id) == work.tenant_id, col(Agent.id) == agent_id)
    ).one()


def get_connection(work: UnitOfWork, connection_id: UUID) -> Connection:
    """Return the connection a delivery came in through."""
    return work.session.exec(
        select(Connection).where(col(Connection.tenant_id) == work.tenant_id, col(Connection.id) == connection_id)
    ).one()
