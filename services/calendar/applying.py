"""Turns what a provider lists into cached meetings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from models import Calendar, EventStatus
from services.calendar import event_repository
from services.calendar.timing import AHEAD, BEHIND
from services.kernel.db import UnitOfWork
from services.kernel.ids import new_id
from services.provider_kit.contract import ExternalEvent


@dataclass(frozen=True, slots=True)
class Window:
    """What of a calendar is cached."""

    begins_at: datetime
    ends_at: datetime

    def holds(self, event: ExternalEvent) -> bool:
        """Return whether any of a meeting lies inside."""
        if event.starts_at is None:
            return False
        ends_at = event.ends_at or event.starts_at
        return event.starts_at < self.ends_at and (ends_at > self.begins_at or event.starts_at >= self.begins_at)


def window_around(at: datetime) -> Window:
    """Return what is cached when everything is read anew at that time."""
    return Window(at - BEHIND, at + AHEAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What a page did."""

    kept: frozenset[str]
    """The provider's ids of the meetings on it that take place."""
    removed: int


def apply_page(
    work: UnitOfWork,
    calendar: Calendar,
    events: Sequence[ExternalEvent],
    *,
    window: Window,
    is_full: bool,
    now: datetime,
) -> Applied:
    """Store what a page says. Applying it twice does no harm.

    Args:
        work: the unit of work; the caller holds the calendar.
        calendar: whose page it is.
        events: in the provider's order; of one that is there twice, the last counts.
        window: what is cached; what leaves it is forgotten.
        is_full: whether all was read anew: then the page wins even over something that claims to be newer.
        now: the time.
    """
    latest = {event.id: event for event in events}
    kept = {id: event for id, event in latest.items() if _takes_place(event, window)}
    removed = event_repository.delete_events(work, calendar.id, external_ids=latest.keys() - kept.keys())
    rows = [_row(calendar, event, now=now) for event in kept.values()]
    event_repository.store_events(work, rows, unless_newer=not is_full)
    return Applied(kept=frozenset(kept), removed=removed)


def forget_missing(work: UnitOfWork, calendar_id: UUID, *, seen: Iterable[str]) -> int:
    """Delete what a reading of everything did not bring; return how many meetings that were."""
    known = event_repository.list_external_ids(work, calendar_id)
    return event_repository.delete_events(work, calendar_id, external_ids=known - frozenset(seen))


def _takes_place(event: ExternalEvent, window: Window) -> bool:
    is_cancelled = event.status == EventStatus.CANCELLED and not event.series_id
    return not event.is_removed and not is_cancelled and window.holds(event)


def _row(calendar: Calendar, event: ExternalEvent, *, now: datetime) -> Mapping[str, object]:
    return {
        "tenant_id": calendar.tenant_id,
        "id": new_id(),
        "connection_id": calendar.connection_id,
        "calendar_id": calendar.id,
        "external_id": event.id,
        "series_id": event.series_id,
        "title": _storable(event.title),
        "description": _storable(event.description),
        "starts_at": event.starts_at,
        "ends_at": event.ends_at or event.starts_at,
        "is_all_day": event.is_all_day,
        "time_zone": event.time_zone,
        "location": _storable(event.location),
        "meet_url": _link(event.meet_url),
        "conference_type": event.conference_type,
        "html_url": _link(event.html_url),
        "organizer_email": event.organizer_email,
        "attendees": [{"email": item.email, "response": item.response} for item in event.attendees],
        "status": EventStatus(event.status),
        "is_agent_invited": event.is_invited,
        "is_agent_booking": event.is_booked_by_us,
        "etag": event.etag,
        "external_updated_at": event.updated_at,
        "synced_at": now,
        "created_at": now,
    }


def _storable(text: str) -> str:
    """Return what PostgreSQL can hold: anything but zero characters."""
    return text.replace("\x00", "")


def _link(address: str) -> str:
    """Return an address that may stand behind a link; whoever invites us chooses it."""
    return address if urlsplit(address).scheme in ("http", "https") else ""
