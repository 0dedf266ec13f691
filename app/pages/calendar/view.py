"""What stands around the week: where the buttons lead, the calendars' heads, and the details of one meeting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from app import routes
from app.components.words import counted
from app.pages.calendar import layout, words
from app.pages.calendar.meetings import booked_words, guests_of
from app.pages.calendar.shapes import Choice, Detail, Paths, Source
from services.calendar import CalendarCardView, CalendarView, EventView

WEEK, AGENDA = "week", "agenda"
VIEWS = (WEEK, AGENDA)
"""What an address may ask for; without a wish a desk shows the week and a phone the agenda."""
OUT_OF_USE = "Repair or resume the connection first; then its calendar is read."
LONGEST_WAIT = timedelta(minutes=1)
"""After which a sync that was asked for is no longer waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the address asks for."""

    agent_id: str
    monday: date
    view: str
    calendar_id: str
    """The only calendar to show; empty for all."""

    def path(self, *, monday: date | None = None, view: str | None = None, calendar_id: str | None = None) -> str:
        """Return the address that differs from this one in what is given."""
        return routes.agent_calendar(
            self.agent_id,
            week=(monday or self.monday).isoformat(),
            view=self.view if view is None else view,
            calendar=self.calendar_id if calendar_id is None else calendar_id,
        )


def paths_of(asked: Asked, *, today: date) -> Paths:
    """Return where the buttons lead; what is chosen otherwise stays."""
    return Paths(
        before=asked.path(monday=asked.monday - layout.WEEK),
        today=asked.path(monday=layout.monday_of(today)),
        after=asked.path(monday=asked.monday + layout.WEEK),
        week=asked.path(view=WEEK),
        agenda=asked.path(view=AGENDA),
    )


def choices_of(calendars: Sequence[CalendarView], asked: Asked) -> tuple[Choice, ...]:
    """Return the filters; none if there is nothing to choose from."""
    if len(calendars) < 2:
        return ()
    named = [("All calendars", ""), *((item.account, str(item.id)) for item in calendars)]
    return tuple(
        Choice(name=name, path=asked.path(calendar_id=key), is_current=key == asked.calendar_id) for name, key in named
    )


def source_of(view: CalendarCardView, *, is_reading: bool) -> Source:
    """Return a calendar's head.

    Args:
        view: the calendar in short.
        is_reading: whether somebody here asked for a sync that has not ended.
    """
    calendar, meetings = view.calendar, counted(view.meetings_today, "meeting")
    return Source(
        id=str(calendar.id),
        account=calendar.account,
        watch=view.watch.words,
        watch_kind=words.WATCH_KINDS.get(view.watch.state, "off"),
        means=view.watch.means,
        synced_at=calendar.synced_at.isoformat() if calendar.synced_at else "",
        note=calendar.sync_note,
        is_failing=view.is_failing,
        is_reading=is_reading,
        not_now=OUT_OF_USE if view.watch.state == "off" else "",
        today=f"{meetings[:1].upper()}{meetings[1:]} today",
    )


def has_ended(view: CalendarCardView, *, asked_at: datetime, now: datetime, was_told: bool) -> bool:
    """Return whether a sync that was asked for has ended, or nobody seems to do it.

    Args:
        view: the calendar as it is now.
        asked_at: when it was asked for.
        now: the time.
        was_told: whether something has happened to the calendar since: a failure from before says nothing.
    """
    synced_at = view.calendar.synced_at
    if (synced_at is not None and synced_at >= asked_at) or (was_told and view.is_failing):
        return True
    return now - asked_at > LONGEST_WAIT


def detail_of(
    event: EventView, *, zone: ZoneInfo, its_zone: ZoneInfo, agent_name: str, accounts: Mapping[UUID, str]
) -> Detail:
    """Return everything about a meeting."""
    status, kind = words.status_of(event)
    return Detail(
        id=str(event.id),
        title=words.title_of(event),
        when=words.when_words(event, zone=zone),
        elsewhere=words.elsewhere_words(event, zone=zone, its_zone=its_zone),
        booked=booked_words(event, agent_name),
        status=status,
        status_kind=kind,
        repeats=bool(event.series_id),
        location=event.location,
        organizer=event.organizer_email,
        account=accounts.get(event.calendar_id, ""),
        description=event.description.strip(),
        guests=guests_of(event),
        meet_url=words.safe_url(event.meet_url),
        html_url=words.safe_url(event.html_url),
    )
