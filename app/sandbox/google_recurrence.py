"""The occurrences of a series, as RFC 5545 counts them: the rules that people's calendars use.

A rule repeats on the wall clock of the event's own time zone, so that a meeting at nine stays at nine all year.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from app.sandbox.google_call import GoogleError
from app.sandbox.google_time import Point

_ENDLESS = 104
"""How many occurrences of a series without an end there are here."""
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_MOST_STEPS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A recurrence rule and the days it leaves out."""

    frequency: str
    interval: int = 1
    count: int = _ENDLESS
    until: str = ""
    """A day as ``YYYYMMDD``, or a moment as ``YYYYMMDDTHHMMSSZ``."""
    weekdays: tuple[int, ...] = ()
    left_out: frozenset[str] = frozenset()


def read_rule(lines: JsonValue) -> Rule:
    """Return what the lines of ``recurrence`` say.

    Raises:
        GoogleError: they say something else than one RRULE and some EXDATEs.
    """
    rules = [line[6:] for line in _texts(lines) if line.upper().startswith("RRULE:")]
    left_out = [line.rpartition(":")[2] for line in _texts(lines) if line.upper().startswith("EXDATE")]
    if len(rules) != 1 or len(rules) + len(left_out) != len(_texts(lines)):
        raise GoogleError("invalid", "Invalid recurrence rule.")
    pairs = [part.partition("=") for part in rules[0].upper().split(";") if part]
    parts = {name: value for name, _, value in pairs}
    unknown = parts.keys() - {"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "WKST"}
    try:
        rule = Rule(
            frequency=parts["FREQ"],
            interval=int(parts.get("INTERVAL", "1")),
            count=min(int(parts.get("COUNT", _ENDLESS)), _MOST_STEPS),
            until=parts.get("UNTIL", ""),
            weekdays=tuple(sorted(_WEEKDAYS.index(day) for day in parts.get("BYDAY", "").split(",") if day)),
            left_out=frozenset(item for text in left_out for item in text.split(",")),
        )
    except (KeyError, ValueError) as error:
        raise GoogleError("invalid", "Invalid recurrence rule.") from error
    if unknown or rule.frequency not in _STEPS or rule.interval < 1 or (rule.weekdays and rule.frequency != "WEEKLY"):
        raise GoogleError("invalid", "Invalid recurrence rule.")
    return rule


def occurrences(start: Point, rule: Rule) -> Iterator[Point]:
    """Return the starts of a series' occurrences, in order."""
    for point in islice(_candidates(start, rule), rule.count):
        key = occurrence_key(point)
        if rule.until and (key if "T" in rule.until else key[:8]) > rule.until:
            return
        if key not in rule.left_out:
            yield point


def occurrence_key(point: Point) -> str:
    """Return how an occurrence is called within its series: its original start."""
    if isinstance(point, datetime):
        return point.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    return point.strftime("%Y%m%d")


def read_key(key: str) -> Point:
    """Return the original start that an occurrence's key names."""
    if "T" in key:
        return datetime.strptime(key, "%Y%m%dT%H%M%SZ").replace(tzinfo=ZoneInfo("UTC"))
    return date.fromisoformat(key)


def _candidates(start: Point, rule: Rule) -> Iterator[Point]:
    for step in range(_MOST_STEPS):
        base = _STEPS[rule.frequency](start, step * rule.interval)
        if base is None:
            continue
        if not rule.weekdays:
            yield base
            continue
        monday = base - timedelta(days=base.weekday())
        for weekday in rule.weekdays:
            point = monday + timedelta(days=weekday)
            if point >= start:
                yield point


def _months_later(start: Point, months: int) -> Point | None:
    years, month = divmod(start.month - 1 + months, 12)
    try:
        return start.replace(year=start.year + years, month=month + 1)
    except ValueError:
        # A month without that day is left out.
        return None


def _days_later(start: Point, days: int) -> Point | None:
    return start + timedelta(days=days)


def _weeks_later(start: Point, weeks: int) -> Point | None:
    return start + timedelta(weeks=weeks)


def _years_later(start: Point, years: int) -> Point | None:
    return _months_later(start, 12 * years)


_STEPS: Mapping[str, Callable[[Point, int], Point | None]] = {
    "DAILY": _days_later,
    "WEEKLY": _weeks_later,
    "MONTHLY": _months_later,
    "YEARLY": _years_later,
}


def _texts(lines: JsonValue) -> Sequence[str]:
    return [line for line in lines if isinstance(line, str)] if isinstance(lines, list) else []
