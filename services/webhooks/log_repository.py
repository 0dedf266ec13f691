"""Queries of the delivery log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_
from sqlalchemy import select as select_columns
from sqlalchemy.orm import defer
from sqlmodel import col, select

from models import (
    Connection,
    DeliveryState,
    Direction,
    FailedAttempt,
    Message,
    MessageState,
    Replay,
    ReplayedDelivery,
    WebhookDelivery,
    WebhookRefusal,
)
from services.analytics.outcome_repository import has_outcome
from services.kernel.db import UnitOfWork
from services.kernel.ids import lowest_id
from services.provider_kit.registry import list_manifests
from services.webhooks.filters import UNSENT, DeliveryFilter

TROUBLE = (DeliveryState.FAILED, DeliveryState.DEAD)
UNARRIVED = (MessageState.FAILED, MessageState.UNKNOWN)
_GROUPS = 50
_BEFORE_STORED = timedelta(minutes=1)
"""A delivery gets its id this much earlier than its time at most."""


@dataclass(frozen=True, slots=True)
class Group:
    """Deliveries that failed of the same."""

    provider: str
    cause: str
    count: int
    dead: int
    first_at: datetime
    last_at: datetime
    next_attempt_at: datetime | None
    reason: str
    """Of one of them."""


def matching(work: UnitOfWork, wanted: DeliveryFilter) -> list[ColumnElement[bool]]:
    """Return the conditions that a filter sets, the tenant's among them."""
    row = WebhookDelivery
    conditions = [col(row.tenant_id) == work.tenant_id]
    for value, column in (
        (wanted.delivery_id, col(row.id)),
        (wanted.connection_id, col(row.connection_id)),
        (wanted.provider, col(row.provider)),
        (wanted.event_type, col(row.event_type)),
    ):
        if value:
            conditions.append(column == value)
    if wanted.cause:
        conditions += [col(row.cause) == wanted.cause, col(row.state).in_(TROUBLE)]
    if wanted.state == UNSENT:
        conditions.append(col(row.trace_id).in_(_traces_of_unarrived(work)))
    elif wanted.state:
        conditions.append(col(row.state) == DeliveryState(wanted.state))
    if wanted.since:
        # Ids begin with the time they were made at, so a range of time is a range of the list's index.
        conditions += [col(row.received_at) >= wanted.since, col(row.id) >= lowest_id(wanted.since - _BEFORE_STORED)]
    if wanted.until:
        conditions += [col(row.received_at) < wanted.until, col(row.id) < lowest_id(wanted.until)]
    if wanted.outcome or wanted.agent_id or wanted.channel:
        conditions.append(
            has_outcome(
                work,
                col(row.trace_id),
                outcome=wanted.outcome or "message",
                agent_id=wanted.agent_id,
                channel=wanted.channel,
            )
        )
    if wanted.search:
        conditions.append(_is_named(work, wanted.search.strip()))
    return conditions


def list_matching(
    work: UnitOfWork, wanted: DeliveryFilter, *, before: UUID | None, limit: int
) -> Sequence[WebhookDelivery]:
    """Return deliveries without their bodies, latest first."""
    statement = select(WebhookDelivery).where(*matching(work, wanted)).options(defer(WebhookDelivery.body))  # pyright: ignore[reportArgumentType]
    if before:
        statement = statement.where(col(WebhookDelivery.id) < before)
    return work.session.exec(statement.order_by(col(WebhookDelivery.id).desc()).limit(limit)).all()


def count_newer(work: UnitOfWork, wanted: DeliveryFilter, *, than: UUID | None, most: int) -> int:
    """Return how many deliveries a filter means that came after one of them; counts no further than asked."""
    found = select(col(WebhookDelivery.id)).where(*matching(work, wanted)).limit(most)
    if than:
        found = found.where(col(WebhookDelivery.id) > than)
    return work.session.exec(select(func.count()).select_from(found.subquery())).one()


def list_groups(work: UnitOfWork, wanted: DeliveryFilter) -> Sequence[Group]:
    """Return what failed and why, the largest group first."""
    row = WebhookDelivery
    is_dead = col(row.state) == DeliveryState.DEAD
    count = func.count()
    rows = work.session.connection().execute(
        select_columns(
            col(row.provider),
            col(row.cause),
            count,
            count.filter(is_dead),
            func.min(col(row.received_at)),
            func.max(col(row.received_at)),
            func.min(col(row.next_attempt_at)).filter(~is_dead),
            func.max(col(row.reason)),
        )
        .where(*matching(work, wanted), col(row.state).in_(TROUBLE))
        .group_by(col(row.provider), col(row.cause))
        .order_by(count.desc(), col(row.provider), col(row.cause))
        .limit(_GROUPS)
    )
    return [Group(*found) for found in rows]


def find_whole(work: UnitOfWork, delivery_id: UUID) -> tuple[WebhookDelivery, Connection] | None:
    """Return a delivery with its body, and the connection it came through."""
    return work.session.exec(
        select(WebhookDelivery, Connection)
        .join(
            Connection,
            (col(Connection.tenant_id) == col(WebhookDelivery.tenant_id))
            & (col(Connection.id) == col(WebhookDelivery.connection_id)),
        )
        .where(col(WebhookDelivery.tenant_id) == work.tenant_id, col(WebhookDelivery.id) == delivery_id)
    ).first()


def list_attempts(work: UnitOfWork, delivery: WebhookDelivery) -> Sequence[FailedAttempt]:
    """Return the attempts at a delivery that failed, the oldest first."""
    return work.session.exec(
        select(FailedAttempt)
        .where(
            col(FailedAttempt.tenant_id) == work.tenant_id,
            col(FailedAttempt.trace_id) == delivery.trace_id,
            col(FailedAttempt.subject_id) == delivery.id,
        )
        .order_by(col(FailedAttempt.id))
    ).all()


def list_replays(work: UnitOfWork, delivery_id: UUID) -> Sequence[tuple[Replay, ReplayedDelivery]]:
    """Return what was done again with a delivery, the latest first."""
    return work.session.exec(
        select(Replay, ReplayedDelivery)
        .join(
            ReplayedDelivery,
            (col(ReplayedDelivery.tenant_id) == col(Replay.tenant_id))
            & (col(ReplayedDelivery.replay_id) == col(Replay.id)),
        )
        .where(col(Replay.tenant_id) == work.tenant_id, col(ReplayedDelivery.delivery_id) == delivery_id)
        .order_by(col(Replay.id).desc())
    ).all()


def list_refusals(work: UnitOfWork, *, since: datetime) -> Sequence[tuple[Connection, str, int, datetime]]:
    """Return what was refused at the door since a time, by connection and reason, the latest first."""
    last = func.max(col(WebhookRefusal.last_at))
    return work.session.exec(
        select(Connection, col(WebhookRefusal.reason), func.sum(col(WebhookRefusal.count)), last)
        .join(
            WebhookRefusal,
            (col(WebhookRefusal.tenant_id) == col(Connection.tenant_id))
            & (col(WebhookRefusal.connection_id) == col(Connection.id)),
        )
        .where(col(Connection.tenant_id) == work.tenant_id, col(WebhookRefusal.hour) >= since)
        .group_by(col(Connection.tenant_id), col(Connection.id), col(WebhookRefusal.reason))
        .order_by(last.desc())
        .limit(_GROUPS)
    ).all()


def _traces_of_unarrived(work: UnitOfWork):
    return select(col(Message.trace_id)).where(
        col(Message.tenant_id) == work.tenant_id,
        col(Message.direction) == Direction.OUTBOUND,
        col(Message.state).in_(UNARRIVED),
    )


def _is_named(work: UnitOfWork, name: str) -> ColumnElement[bool]:
    try:
        row_id = UUID(name)
    except ValueError:
        kinds = {kind.name for manifest in list_manifests() for kind in manifest.webhooks}
        keys = [name, *(f"{kind}:{name}" for kind in ("", *sorted(kinds)))]
        # Through the connections, as the index that makes keys unique begins with them.
        mine = select(col(Connection.id)).where(col(Connection.tenant_id) == work.tenant_id)
        return col(WebhookDelivery.connection_id).in_(mine) & col(WebhookDelivery.dedupe_key).in_(keys)
    return or_(col(WebhookDelivery.id) == row_id, col(WebhookDelivery.trace_id) == row_id)
