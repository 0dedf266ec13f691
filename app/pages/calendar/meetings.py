"""What week, agenda and details have in common: which days a meeting takes, and what its colours say."""

from datetime import date
from zoneinfo import ZoneInfo

from app.pages.calendar import layout, words
from app.pages.calendar.shapes import Guest
from services.calendar import EventView


def is_bar(event: EventView) -> bool:
    """Return whether a meeting stands above the hours: an all-day entry, and what takes a day or more."""
    return event.is_all_day or layout.is_long(event.starts_at, event.ends_at)


def dates_of(event: EventView, zone: ZoneInfo) -> tuple[date, date]:
    """Return a meeting's first day, and the day after its last. An all-day entry's days are the same everywhere."""
    if event.is_all_day and event.starts_on and event.ends_on:
        return event.starts_on, event.ends_on
    return layout.dates_touched(event.starts_at, event.ends_at, zone=zone)


def is_within(event: EventView, monday: date, *, zone: ZoneInfo) -> bool:
    """Return whether any part of a meeting lies in a week."""
    return layout.clipped(*dates_of(event, zone), days=layout.days_of(monday)) is not None


def booked_words(event: EventView, agent_name: str) -> str:
    """Return that the agent made a meeting; empty if it did not."""
    return f"Booked by {agent_name or 'the agent'}" if event.is_agent_booking else ""


def notes_of(event: EventView, agent_name: str) -> str:
    """Return what the colours say, in words."""
    said = (booked_words(event, agent_name), words.status_of(event)[0])
    return ", ".join(text[:1].lower() + text[1:] for text in said if text)


def look_of(event: EventView) -> str:
    """Return the classes that a meeting is drawn with."""
    return " ".join(
        name for name, holds in (("own", event.is_agent_booking), (event.status, event.status != "confirmed")) if holds
    )


def guests_of(event: EventView) -> tuple[Guest, ...]:
    """Return who is invited, with the answers in words."""
    return tuple(
        Guest(email=item.email, answer=words.RESPONSES.get(item.response, item.response), look=item.response)
        for item in event.attendees
    )
