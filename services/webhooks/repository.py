"""Queries on deliveries."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, bindparam, func, or_, text, update
from sqlmodel import col, select

from models import Agent, Connection, DeliveryState, WebhookDelivery
from services.kernel.db import UnitOfWork, among, among_named
from services.kernel.leases import in_seconds, is_due, is_free
from services.webhooks.batches import Outcome

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
BEGUN = (DeliveryState.PROCESSING, DeliveryState.FAILED)
OPEN = (DeliveryState.RECEIVED, *BEGUN)

# Built once: every claim runs them, and building them takes longer than PostgreSQL takes to answer.
_OWN = col(WebhookDelivery.tenant_id) == bindparam("tenant_id")
_FREE_ELSEWHERE = (
    is_due(WebhookDelivery),
    is_free(WebhookDelivery),
    ~among_named(WebhookDelivery.connection_id, "except_of"),
)
_HAS_DUE = (
    select(WebhookDelivery.id)
    .where(
        _OWN,
        or_(
            col(WebhookDelivery.state) == DeliveryState.RECEIVED,
            and_(col(WebhookDelivery.state).in_(BEGUN), is_free(WebhookDelivery)),
        ),
        is_due(WebhookDelivery),
    )
    .limit(1)
)
_LIST_BEGUN = (
    select(WebhookDelivery.id, WebhookDelivery.connection_id, WebhookDelivery.cut_offs, is_free(WebhookDelivery))
    .where(_OWN, col(WebhookDelivery.state) == DeliveryState.PROCESSING)
    .order_by(col(WebhookDelivery.id))
)
_LIST_NEW = (
    select(WebhookDelivery.id, WebhookDelivery.connection_id)
    .where(_OWN, col(WebhookDelivery.state) == DeliveryState.RECEIVED, *_FREE_ELSEWHERE)
    .order_by(col(WebhookDelivery.id))
    .limit(bindparam("most"))
)
_LIST_RETRIES = (
    select(WebhookDelivery.id)
    .where(_OWN, col(WebhookDelivery.state) == DeliveryState.FAILED, *_FREE_ELSEWHERE)
    .order_by(col(WebhookDelivery.next_attempt_at))
    .limit(bindparam("most"))
)


def lock_claims(work: UnitOfWork) -> None:
    """Let one transaction at a time claim deliveries of the tenant, until it ends."""
    work.session.connection().execute(_LOCK, {"name": f"{work.tenant_id}:deliveries"})


def has_due(work: UnitOfWork) -> bool:
    """Return whether any delivery is due that nobody holds: what a glance tells before a claim."""
    return work.session.exec(_HAS_DUE, params={"tenant_id": work.tenant_id}).first() is not None


def list_begun(work: UnitOfWork) -> Sequence[tuple[UUID, UUID, int, bool]]:
    """Return id, connection, cut-offs and whether it is free of deliveries whose attempt has not ended, by arrival."""
    return work.session.exec(_LIST_BEGUN, params={"tenant_id": work.tenant_id}).all()


def list_new(work: UnitOfWork, *, except_of: Collection[UUID], limit: int) -> Sequence[tuple[UUID, UUID]]:
    """Return id and connection of new deliveries, by arrival, except those of some connections."""
    values = {"tenant_id": work.tenant_id, "except_of": list(except_of), "most": limit}
    return work.session.exec(_LIST_NEW, params=values).all()


def list_retries(work: UnitOfWork, *, except_of: Collection[UUID], limit: int) -> Sequence[UUID]:
    """Return deliveries whose last attempt failed and that are due again, except those of some connections."""
    values = {"tenant_id": work.tenant_id, "except_of": list(except_of), "most": limit}
    return work.session.exec(_LIST_RETRIES, params=values).all()


def lease(
    work: UnitOfWork, ids: Collection[UUID], *, token: UUID, until: Any, now: datetime, cut_offs: int
) -> Sequence[WebhookDelivery]:
    """Begin an attempt at deliveries, unless a person took them out of the line meanwhile; return them."""
    statement = (
        update(WebhookDelivery)
        .where(
            col(WebhookDelivery.tenant_id) == work.tenant_id,
            among(WebhookDelivery.id, ids),
            col(WebhookDelivery.state).in_(OPEN),
            is_free(WebhookDelivery),
        )
        .values(
            state=DeliveryState.PROCESSING,
            attempt=col(WebhookDelivery.attempt) + 1,
            cut_offs=col(WebhookDelivery.cut_offs) + cut_offs,
            lease_token=token,
            lease_until=until,
            started_at=func.coalesce(col(WebhookDelivery.started_at), now),
        )
        .returning(WebhookDelivery)
    )
    return work.session.exec(statement, execution_options={"synchronize_session": False}).scalars().all()


def lock_held(work: UnitOfWork, ids: Collection[UUID], token: UUID) -> tuple[set[UUID], datetime | None]:
    """Lock those deliveries of which the lease is still ours; return them, and the database's time."""
    rows = work.session.exec(
        select(WebhookDelivery.id, func.clock_timestamp())
        .where(
            col(WebhookDelivery.tenant_id) == work.tenant_id,
            among(WebhookDelivery.id, ids),
            col(WebhookDelivery.lease_token) == token,
        )
        .order_by(col(WebhookDelivery.id))
        .with_for_update()
    ).all()
    return {row[0] for row in rows}, rows[0][1] if rows else None


def write(work: UnitOfWork, ids: Collection[UUID], outcome: Outcome, *, token: UUID | None, now: datetime) -> None:
    """Write what came of deliveries, and let their lease go.

    Args:
        work: the unit of work.
        ids: deliveries with the same outcome.
        outcome: what came of them.
        token: the lease they were held under; None if the caller has locked them otherwise.
        now: the time.
    """
    values: dict[str, Any] = {
        "state": outcome.state,
        "reason": outcome.reason,
        "cause": outcome.cause,
        "lease_token": None,
        "lease_until": None,
    }
    if outcome.has_ended:
        values["finished_at"] = now
    if outcome.retry_seconds is not None:
        values["next_attempt_at"] = in_seconds(outcome.retry_seconds)
    if outcome.attempts_given_back:
        values["attempt"] = col(WebhookDelivery.attempt) - outcome.attempts_given_back
    if outcome.cut_offs:
        values["cut_offs"] = col(WebhookDelivery.cut_offs) + outcome.cut_offs
    statement = update(WebhookDelivery).where(
        col(WebhookDelivery.tenant_id) == work.tenant_id, among(WebhookDelivery.id, ids)
    )
    if token:
        statement = statement.where(col(WebhookDelivery.lease_token) == token)
    work.session.exec(statement.values(values), execution_options={"synchronize_session": False})


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


def list_connections(work: UnitOfWork, ids: Collection[UUID]) -> dict[UUID, Connection]:
    """Return the connections that deliveries came in through, by id."""
    rows = work.session.exec(
        select(Connection).where(col(Connection.tenant_id) == work.tenant_id, among(Connection.id, ids))
    ).all()
    return {row.id: row for row in rows}
