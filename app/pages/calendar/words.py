"""How times, states and answers of meetings are called. Without effects."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from services.calendar import EventView

RESPONSES: Mapping[str, str] = MappingProxyType(
    {"accepted": "accepted", "declined": "declined", "tentative": "maybe", "needs_action": "no answer yet"}
)
WATCH_KINDS: Mapping[str, str] = MappingProxyType({"active": "ok", "starting": "soon", "failed": "broken"})
"""Colours of the states of a subscription; all others are ``off``."""
_DAY = timedelta(days=1)


def title_of(event: EventView) -> str:
    """Return what a meeting is called; private ones have no title."""
    return event.title.strip() or "No title"


def day_words(day: date) -> str:
    """Return ``Thursday 19 November``."""
    return f"{day:%A} {day.day} {day:%B}"


def week_words(monday: date) -> str:
    """Return ``16 – 22 November 2026``, and no more than is needed of the first day's month and year."""
    sunday = monday + 6 * _DAY
    first = str(monday.day)
    if monday.month != sunday.month:
        first += f" {monday:%B}"
    if monday.year != sunday.year:
        first += f" {monday.year}"
    return f"{first} – {sunday.day} {sunday:%B} {sunday.year}"


def clock_words(event: EventView, *, zone: ZoneInfo, today: date | None = None) -> str:
    """Return from when till when, as on a clock in a zone.

    Args:
        event: a meeting with times.
        zone: whose clock.
        today: the day it is listed under; another day's times are named with their day.
    """
    start, end = event.starts_at.astimezone(zone), event.ends_at.astimezone(zone)
    is_plain = not (_is_doubtful(start) or _is_doubtful(end) or start.utcoffset() != end.utcoffset())
    texts: list[str] = []
    for at in (start, end):
        text = f"{at:%H:%M}" if is_plain else f"{at:%H:%M} {at.tzname()}"
        is_elsewhere = today is not None and at.date() != today and not _ends_at_midnight(at, today)
        texts.append(f"{at:%a} {text}" if is_elsewhere else text)
    return (
        texts[0] if start == end else "–".join(texts) if is_plain and " " not in "".join(texts) else " – ".join(texts)
    )


def all_day_words(event: EventView, *, today: date) -> str:
    """Return ``All day``, or which day of how many."""
    if event.starts_on is None or event.ends_on is None:
        return "All day"
    count = (event.ends_on - event.starts_on).days
    return "All day" if count <= 1 else f"Day {(today - event.starts_on).days + 1} of {count}"


def when_words(event: EventView, *, zone: ZoneInfo) -> str:
    """Return day and time in full."""
    if event.is_all_day and event.starts_on and event.ends_on:
        last = event.ends_on - _DAY
        days = day_words(event.starts_on) + ("" if last == event.starts_on else f" – {day_words(last)}")
        return f"{days} {last.year}, all day"
    start, end = event.starts_at.astimezone(zone), event.ends_at.astimezone(zone)
    if start.date() == end.date() or _ends_at_midnight(end, start.date()):
        return f"{day_words(start)} {start.year}, {clock_words(event, zone=zone)}"
    return f"{day_words(start)}, {start:%H:%M} – {day_words(end)} {end.year}, {end:%H:%M}"


def elsewhere_words(event: EventView, *, zone: ZoneInfo, its_zone: ZoneInfo) -> str:
    """Return the time in the zone a meeting was made in; empty if the clocks there show the same."""
    if (
        event.is_all_day
        or event.starts_at.astimezone(zone).utcoffset() == event.starts_at.astimezone(its_zone).utcoffset()
    ):
        return ""
    day = event.starts_at.astimezone(zone).date()
    return f"{clock_words(event, zone=its_zone, today=day)} in {its_zone.key}"


def zone_words(zone: ZoneInfo, *, now: datetime) -> str:
    """Return ``UTC+1``: how far a zone's clock is from UTC at a time."""
    minutes = round((now.astimezone(zone).utcoffset() or timedelta()).total_seconds()) // 60
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '−'}{hours}" + (f":{rest:02}" if rest else "")


def status_of(event: EventView) -> tuple[str, str]:
    """Return word and colour for a meeting that is not settled; both empty for one that is."""
    return {"tentative": ("Tentative", "soon"), "cancelled": ("Cancelled", "off")}.get(event.status, ("", ""))


def safe_url(url: str) -> str:
    """Return a link that came with a meeting if it leads to the web; else nothing."""
    try:
        return url if urlsplit(url).scheme in ("https", "http") else ""
    except ValueError:
        return ""


def _is_doubtful(at: datetime) -> bool:
    """Return whether the clock shows this time twice."""
    return at.replace(fold=0).utcoffset() != at.replace(fold=1).utcoffset()


def _ends_at_midnight(at: datetime, day: date) -> bool:
    return at.time() == time() and at.date() == day + _DAY
