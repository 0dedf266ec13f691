"""The week as a list: days that have something, and today."""

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from app.pages.calendar import layout, words
from app.pages.calendar.meetings import booked_words, dates_of, guests_of, is_bar
from app.pages.calendar.shapes import AgendaDay, Entry
from services.calendar import EventView

ATTENDEES_LISTED = 4


def agenda_of(
    events: Sequence[EventView], *, monday: date, zone: ZoneInfo, now: datetime, agent_name: str
) -> tuple[AgendaDay, ...]:
    """Return the days that have something, and today."""
    today, _ = layout.now_at(now, zone=zone)
    found: list[AgendaDay] = []
    for day in layout.days_of(monday):
        listed = [event for event in events if _takes(event, day, zone=zone)]
        listed.sort(key=lambda event: (not is_bar(event), event.starts_at, event.ends_at))
        if listed or day == today:
            entries = tuple(_entry(event, day=day, zone=zone, agent_name=agent_name) for event in listed)
            is_today = day == today
            label = words.day_words(day)
            found.append(AgendaDay(key=day.isoformat(), label=label, is_today=is_today, meetings=entries))
    return tuple(found)


def _takes(event: EventView, day: date, *, zone: ZoneInfo) -> bool:
    first, after = dates_of(event, zone)
    return first <= day < after


def _entry(event: EventView, *, day: date, zone: ZoneInfo, agent_name: str) -> Entry:
    status, kind = words.status_of(event)
    guests = guests_of(event)
    more = len(guests) - ATTENDEES_LISTED
    return Entry(
        key=f"{event.id}-{day}",
        event_id=str(event.id),
        title=words.title_of(event),
        time=_agenda_time(event, day=day, zone=zone),
        is_off=event.status == "cancelled",
        booked=booked_words(event, agent_name),
        status=status,
        status_kind=kind,
        location=event.location,
        guests=guests[:ATTENDEES_LISTED],
        more_guests=f"and {more} more" if more > 0 else "",
        meet_url=words.safe_url(event.meet_url),
        html_url=words.safe_url(event.html_url),
    )


def _agenda_time(event: EventView, *, day: date, zone: ZoneInfo) -> str:
    if event.is_all_day:
        return words.all_day_words(event, today=day)
    return words.clock_words(event, zone=zone, today=day)
