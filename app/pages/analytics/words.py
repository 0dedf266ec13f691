"""Numbers, times and comparisons as people read them. Without effects."""

from datetime import datetime
from zoneinfo import ZoneInfo

from app.components.words import duration
from services.analytics import BucketView

_TICKS = 6
"""Most names of moments below a chart; more do not fit on a phone."""
NONE = "–"


def percent(rate: float | None) -> str:
    """Return a rate, 0 to 1, as people read it."""
    if rate is None:
        return NONE
    shown = round(rate * 100, 1)
    return f"{shown:.0f} %" if shown in (0, 100) or shown >= 10 else f"{shown:.1f} %"


def time_words(milliseconds: int | None) -> str:
    """Return how long something took; a dash for nothing."""
    return NONE if milliseconds is None else duration(milliseconds)


def round_time(milliseconds: int) -> str:
    """Return a round span of time beside a chart, short."""
    for length, unit in ((3_600_000, "h"), (60_000, "min"), (1_000, "s")):
        if milliseconds >= length:
            return f"{milliseconds / length:g} {unit}"
    return f"{milliseconds} ms" if milliseconds else "0"


def short_count(number: int) -> str:
    """Return a round number beside a chart, short."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number / size:g} {letter}"
    return str(number)


def grown(now: int, before: int) -> str:
    """Return how a number of things compares with the one before."""
    if not before:
        return "none in the period before" if now else "none in the period before either"
    change = round(100 * (now - before) / before)
    return _moved(now - before, f"{abs(change):,} %", f"{before:,}")


def moved_rate(now: float | None, before: float | None) -> str:
    """Return how a rate compares with the one before."""
    if now is None or before is None:
        return "nothing to compare with"
    points = round(100 * (now - before), 1)
    return _moved(points, f"{abs(points):g} point{'' if abs(points) == 1 else 's'}", percent(before))


def moved_time(now: int | None, before: int | None) -> str:
    """Return how a time compares with the one before."""
    if now is None or before is None:
        return "nothing to compare with"
    by = 0 if duration(now) == duration(before) else now - before
    return _moved(by, duration(abs(by)), duration(before))


def label(bucket: BucketView, *, unit: str, zone: ZoneInfo, now: datetime) -> str:
    """Return which hour or day it is, and whether it is still going on."""
    since, until = bucket.since.astimezone(zone), bucket.until.astimezone(zone)
    words = f"{since:%a} {since.day} {since:%b}"
    if unit == "hour":
        words += f", {since:%H:%M} to {until:%H:%M}"
    return f"{words}, so far" if bucket.since <= now < bucket.until else words


def tick(place: int, count: int, bucket: BucketView, *, unit: str, zone: ZoneInfo) -> str:
    """Return what stands below a moment; empty for most where there are many."""
    every = -(-count // _TICKS)
    if (count - 1 - place) % every:
        return ""
    since = bucket.since.astimezone(zone)
    return f"{since:%H:%M}" if unit == "hour" else f"{since.day} {since:%b}"


def before_words(before: BucketView, *, zone: ZoneInfo) -> str:
    """Return which period is the one before."""
    since, until = before.since.astimezone(zone), before.until.astimezone(zone)
    return f"{since.day} {since:%b}, {since:%H:%M} to {until.day} {until:%b}, {until:%H:%M}"


def _moved(by: float, amount: str, before: str) -> str:
    if not by:
        return f"as before ({before})"
    return f"{'up' if by > 0 else 'down'} {amount} from {before}"
