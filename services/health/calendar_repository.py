"""What health reads about calendars. Each statement binds the tenant."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, func, select

from models import Calendar, Subscription, SubscriptionState
from services.health.facts import CalendarTrouble


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarState:
    """How a connection's calendar is kept up to date."""

    trouble: CalendarTrouble
    watch_expires_at: datetime | None
    """When the provider stops telling us, if renewing has failed."""


def list_calendar_states(
    session: Session, *, tenant_id: UUID, connection_ids: Collection[UUID], now: datetime
) -> Mapping[UUID, CalendarState]:
    """Return connection id → how its calendar is kept up to date; nothing for connections without one."""
    calendars = session.exec(
        select(Calendar).where(col(Calendar.tenant_id) == tenant_id, col(Calendar.connection_id).in_(connection_ids))
    ).all()
    if not calendars:
        return {}
    expiries = dict(
        session.exec(
            select(col(Subscription.calendar_id), func.max(col(Subscription.expires_at)))
            .where(
                col(Subscription.tenant_id) == tenant_id,
                col(Subscription.connection_id).in_(connection_ids),
                col(Subscription.state) == SubscriptionState.ACTIVE,
            )
            .group_by(col(Subscription.calendar_id))
        ).all()
    )
    return {row.connection_id: _state(row, expiries.get(row.id), now=now) for row in calendars}


def _state(calendar: Calendar, expires_at: datetime | None, *, now: datetime) -> CalendarState:
    is_ending = expires_at is not None and (calendar.subscribe_attempt > 0 or expires_at <= now)
    return CalendarState(
        trouble=CalendarTrouble(
            failed_syncs=calendar.attempt,
            synced_at=calendar.synced_at,
            sync_words=calendar.sync_note,
            failed_subscriptions=calendar.subscribe_attempt if expires_at is None else 0,
            subscribe_words=calendar.subscribe_error,
        ),
        watch_expires_at=expires_at if is_ending else None,
    )
