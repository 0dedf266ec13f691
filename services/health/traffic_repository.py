"""What health reads about what flows through connections. Each statement binds the tenant."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import distinct_on
from sqlmodel import Session, col, select

from models import DeliveryState, Direction, Message, MessageState, WebhookDelivery, WebhookRefusal
from services.connections import WAITS_FOR_CONNECTION, WAITS_FOR_PROVIDER
from services.health.facts import DeliveryTrouble, Refusals, SendTrouble
from services.kernel.ids import lowest_id

_UNSENT = (MessageState.FAILED, MessageState.UNKNOWN)
_SETTLED = (MessageState.SENT, MessageState.DELIVERED, *_UNSENT)
_EXPECTED_CODES = (
    *("opted_out", "disconnected", "paused"),
    *("limit_dropped", "limit_handed_over", "limit_overtaken"),
)
"""Why an answer does not leave although nothing is broken."""


def list_refusals(
    session: Session, *, tenant_id: UUID, connection_ids: Collection[UUID], since: datetime
) -> Mapping[UUID, tuple[Refusals, ...]]:
    """Return connection id → refused webhooks since then, by reason."""
    rows = session.exec(
        select(WebhookRefusal)
        .where(
            col(WebhookRefusal.tenant_id) == tenant_id,
            col(WebhookRefusal.connection_id).in_(connection_ids),
            col(WebhookRefusal.last_at) >= since,
        )
        .order_by(col(WebhookRefusal.connection_id), col(WebhookRefusal.reason), col(WebhookRefusal.hour))
    ).all()
    found: dict[UUID, dict[str, Refusals]] = {}
    for row in rows:
        reasons = found.setdefault(row.connection_id, {})
        known = reasons.get(row.reason)
        reasons[row.reason] = Refusals(
            reason=row.reason,
            count=row.count + (known.count if known else 0),
            first_at=known.first_at if known else row.hour,
            last_at=row.last_at,
        )
    return {connection_id: tuple(reasons.values()) for connection_id, reasons in found.items()}


def count_accepted(
    session: Session, *, tenant_id: UUID, connection_ids: Collection[UUID], since: datetime
) -> Mapping[UUID, int]:
    """Return connection id → webhooks accepted since then. Reads all of them: ask only where it matters."""
    statement = (
        select(col(WebhookDelivery.connection_id), func.count())
        .where(
            col(WebhookDelivery.tenant_id) == tenant_id,
            col(WebhookDelivery.id) >= lowest_id(since),
            col(WebhookDelivery.connection_id).in_(connection_ids),
        )
        .group_by(col(WebhookDelivery.connection_id))
    )
    return dict(session.exec(statement).all())


def list_delivery_trouble(
    session: Session, *, tenant_id: UUID, connection_ids: Collection[UUID], since: datetime
) -> Mapping[UUID, DeliveryTrouble]:
    """Return connection id → deliveries that failed, and those that died since then."""
    received_at = func.min(col(WebhookDelivery.received_at))
    where = (col(WebhookDelivery.tenant_id) == tenant_id, col(WebhookDelivery.connection_id).in_(connection_ids))
    dead = session.exec(
        select(col(WebhookDelivery.connection_id), func.count(), received_at)
        .where(
            *where,
            col(WebhookDelivery.state) == DeliveryState.DEAD,
            col(WebhookDelivery.received_at) >= since,
        )
        .group_by(col(WebhookDelivery.connection_id))
    ).all()
    failing = session.exec(
        select(
            col(WebhookDelivery.connection_id),
            func.count(),
            received_at,
            func.min(col(WebhookDelivery.next_attempt_at)),
        )
        .where(*where, col(WebhookDelivery.state) == DeliveryState.FAILED)
        .group_by(col(WebhookDelivery.connection_id))
    ).all()
    found = {
        connection_id: DeliveryTrouble(failing=count, failing_since=first_at, next_attempt_at=next_at)
        for connection_id, count, first_at, next_at in failing
    }
    for connection_id, count, first_at in dead:
        found[connection_id] = replace(found.get(connection_id, DeliveryTrouble()), dead=count, dead_since=first_at)
    return found


def list_send_trouble(
    session: Session, *, tenant_id: UUID, connection_ids: Collection[UUID], since: datetime
) -> Mapping[UUID, SendTrouble]:
    """Return connection id → answers that did not leave since then, for connections that have such."""
    where = (
        col(Message.tenant_id) == tenant_id,
        col(Message.connection_id).in_(connection_ids),
        col(Message.direction) == Direction.OUTBOUND,
        col(Message.state).in_(_UNSENT),
        col(Message.created_at) >= since,
        col(Message.error_code).not_in(_EXPECTED_CODES),
    )
    counted = session.exec(
        select(
            col(Message.connection_id),
            func.count(),
            func.min(col(Message.created_at)),
            func.max(col(Message.created_at)),
        )
        .where(*where)
        .group_by(col(Message.connection_id))
    ).all()
    if not counted:
        return {}
    words = dict(
        session.exec(
            select(col(Message.connection_id), col(Message.error_text))
            .where(*where)
            .ext(distinct_on(col(Message.connection_id)))
            .order_by(col(Message.connection_id), col(Message.created_at).desc())
        ).all()
    )
    tried = _count_tried(session, tenant_id=tenant_id, connection_ids=[row[0] for row in counted], since=since)
    return {
        connection_id: SendTrouble(
            failed=failed,
            tried=max(failed, tried.get(connection_id, (0, None))[0]),
            first_at=first_at,
            last_at=last_at,
            last_sent_at=tried.get(connection_id, (0, None))[1],
            words=words.get(connection_id, ""),
        )
        for connection_id, failed, first_at, last_at in counted
    }


def count_waiting(session: Session, *, tenant_id: UUID, connection_ids: Collection[UUID]) -> Mapping[UUID, int]:
    """Return connection id → answers that wait until it is repaired."""
    statement = (
        select(col(Message.connection_id), func.count())
        .where(
            col(Message.tenant_id) == tenant_id,
            col(Message.connection_id).in_(connection_ids),
            col(Message.state) == MessageState.QUEUED,
            col(Message.error_code).in_((WAITS_FOR_CONNECTION, WAITS_FOR_PROVIDER)),
        )
        .group_by(col(Message.connection_id))
    )
    return dict(session.exec(statement).all())


def count_events_per_day(
    session: Session, *, tenant_id: UUID, connection_id: UUID, since: datetime, until: datetime
) -> tuple[int, ...]:
    """Return how many events came on each day from ``since`` to ``until``, both at midnight UTC."""
    day_of = func.date_trunc("day", func.timezone("UTC", col(WebhookDelivery.received_at)))
    statement = (
        select(day_of, func.count())
        .where(
            col(WebhookDelivery.tenant_id) == tenant_id,
            col(WebhookDelivery.id) >= lowest_id(since),
            col(WebhookDelivery.connection_id) == connection_id,
            col(WebhookDelivery.received_at) >= since,
            col(WebhookDelivery.received_at) < until,
        )
        .group_by(day_of)
    )
    counts = {day.date(): count for day, count in session.exec(statement).all()}
    return tuple(counts.get((since + timedelta(days=offset)).date(), 0) for offset in range((until - since).days))


def _count_tried(
    session: Session, *, tenant_id: UUID, connection_ids: Collection[UUID], since: datetime
) -> dict[UUID, tuple[int, datetime | None]]:
    statement = (
        select(col(Message.connection_id), func.count(), func.max(col(Message.sent_at)))
        .where(
            col(Message.tenant_id) == tenant_id,
            col(Message.id) >= lowest_id(since),
            col(Message.connection_id).in_(connection_ids),
            col(Message.direction) == Direction.OUTBOUND,
            col(Message.state).in_(_SETTLED),
        )
        .group_by(col(Message.connection_id))
    )
    return {connection_id: (count, sent_at) for connection_id, count, sent_at in session.exec(statement).all()}
