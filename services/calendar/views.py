"""What pages and the API show of calendars."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AttendeeView:
    """Somebody who is invited."""

    email: str
    response: str
    """``needs_action``, ``declined``, ``tentative`` or ``accepted``"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """One meeting."""

    id: UUID
    connection_id: UUID
    calendar_id: UUID
    external_id: str
    series_id: str
    """The same for all dates of a series; empty for a single meeting."""
    title: str
    description: str
    starts_at: datetime
    ends_at: datetime
    """Exclusive."""
    is_all_day: bool
    starts_on: date | None
    """First day of an all-day entry, as the calendar has it; None for others."""
    ends_on: date | None
    """The day after its last one."""
    time_zone: str
    """IANA name of the zone it was made in, else the calendar's."""
    location: str
    meet_url: str
    conference_type: str
    html_url: str
    organizer_email: str
    attendees: tuple[AttendeeView, ...]
    status: str
    """``confirmed``, ``tentative``; ``cancelled`` for a date of a series that does not take place"""
    is_agent_invited: bool
    is_agent_booking: bool
    synced_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarView:
    """One calendar of an agent."""

    id: UUID
    connection_id: UUID
    provider: str
    account: str
    name: str
    time_zone: str
    """IANA name; empty until the provider told us."""
    synced_at: datetime | None
    sync_note: str
    """What the last sync did, or why it failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchView:
    """Whether the provider tells us of changes."""

    state: str
    """``active``; ``starting`` before the first answer; ``failed``; ``off`` while the connection is out of use"""
    words: str
    """``Active (expires in 6 days)``"""
    means: str
    """What that means for whoever looks at the meetings."""
    expires_at: datetime | None
    error: str
    """Why the last attempt to subscribe failed; empty if it worked."""
    poll_minutes: int
    """How often we ask, beside being told; 0 while the connection is out of use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarCardView:
    """A connected calendar in short."""

    calendar: CalendarView
    watch: WatchView
    is_failing: bool
    """Whether the last attempt to read it failed; ``calendar.sync_note`` says why."""
    next_sync_at: datetime | None
    """When it is read next, if nobody tells us of a change before; None while the connection is out of use."""
    time_zone: str
    """The tenant's, in which days begin and end."""
    meetings_today: int
    """That take place on the tenant's today, all-day entries aside."""
    next_meeting: EventView | None
    """The one under way, or the next one."""
