"""Where meetings lie in a week as people see it: in one zone, side by side where they overlap. Without effects.

Positions are wall-clock minutes: a day has 24 rows of an hour even when the clock is put forward or back in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY_MINUTES = 24 * 60
SHORTEST = 30
"""A meeting is drawn at least this long, so that it can be read and hit."""
WEEK = timedelta(days=7)
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_YEARS = range(1971, 2100)
"""Which an address may ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """The part of a meeting that is drawn in one day, in minutes from the top."""

    day: date
    begin: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something stands beside what overlaps it."""

    lane: int
    lanes: int
    """How many stand side by side there."""
    span: int
    """How many lanes it takes: free ones to its right are its own."""


def monday_of(day: date) -> date:
    """Return the first day of a week."""
    return day - timedelta(days=day.weekday())


def week_of(asked: str, *, today: date) -> date:
    """Return the Monday of the week that an address asks for; this week's if it makes no sense."""
    try:
        day = date.fromisoformat(asked)
    except ValueError:
        return monday_of(today)
    return monday_of(day if day.year in _YEARS else today)


def days_of(monday: date) -> tuple[date, ...]:
    """Return the seven days of a week."""
    return tuple(monday + timedelta(days=offset) for offset in range(7))


def reach_of(monday: date, *, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return between which times to look for what may be drawn in a week.

    A day more on both sides: an all-day entry begins at midnight in its calendar's zone, not in this one.
    """
    begin, end = monday - _DAY, monday + WEEK + _DAY
    return datetime.combine(begin, time(), tzinfo=zone), datetime.combine(end, time(), tzinfo=zone)


def is_long(starts_at: datetime, ends_at: datetime) -> bool:
    """Return whether a meeting takes a day or more, so that it stands above the hours."""
    return ends_at.astimezone(UTC) - starts_at.astimezone(UTC) >= _DAY


def dates_touched(starts_at: datetime, ends_at: datetime, *, zone: ZoneInfo) -> tuple[date, date]:
    """Return the first day of a meeting in a zone, and the day after its last: midnight ends the day before."""
    first, end = starts_at.astimezone(zone).date(), ends_at.astimezone(zone)
    after = end.date() if end.time() == time() else end.date() + _DAY
    return first, max(after, first + _DAY)


def pieces_of(starts_at: datetime, ends_at: datetime, *, zone: ZoneInfo) -> tuple[Piece, ...]:
    """Cut a meeting at each midnight of a zone."""
    first, after = dates_touched(starts_at, ends_at, zone=zone)
    start, end = starts_at.astimezone(zone), ends_at.astimezone(zone)
    length = max(0, (ends_at.astimezone(UTC) - starts_at.astimezone(UTC)) // _MINUTE)
    found: list[Piece] = []
    for offset in range((after - first).days):
        day = first + timedelta(days=offset)
        begin = _minutes(start) if day == first else 0
        finish = _minutes(end) if day == end.date() else DAY_MINUTES
        if finish <= begin:
            # An hour that comes twice, or no length at all.
            finish = begin + length
        found.append(_drawable(day, begin, finish))
    return tuple(found)


def now_at(now: datetime, *, zone: ZoneInfo) -> tuple[date, int]:
    """Return which day it is in a zone, and how many minutes from the top the line for now lies."""
    local = now.astimezone(zone)
    return local.date(), _minutes(local)


def arrange(spans: Sequence[tuple[int, int]]) -> tuple[Place, ...]:
    """Put spans that overlap side by side, each as wide as there is room.

    Args:
        spans: beginning and exclusive end of each, in any order and unit.

    Returns:
        The place of each, in the order given. No two that overlap share a lane.
    """
    places: dict[int, Place] = {}
    for cluster in _clusters(spans):
        lanes = _assign(spans, cluster)
        count = max(lanes.values()) + 1
        for index in cluster:
            span = _room(spans, lanes, index, count=count)
            places[index] = Place(lane=lanes[index], lanes=count, span=span)
    return tuple(places[index] for index in range(len(spans)))


def clipped(first: date, after: date, *, days: Sequence[date]) -> tuple[int, int] | None:
    """Return which of a week's days something takes, as beginning and exclusive end; None if none."""
    begin, end = max(0, (first - days[0]).days), min(len(days), (after - days[0]).days)
    return (begin, end) if begin < end else None


def _minutes(at: datetime) -> int:
    return at.hour * 60 + at.minute


def _drawable(day: date, begin: int, end: int) -> Piece:
    """Give what is short its least length; at the end of the day it grows upwards."""
    begin = min(begin, DAY_MINUTES - SHORTEST)
    return Piece(day=day, begin=begin, end=min(DAY_MINUTES, max(end, begin + SHORTEST)))


def _clusters(spans: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return groups of spans that hang together by overlapping, each from early to late, long before short."""
    found: list[list[int]] = []
    reach = 0
    for index in sorted(range(len(spans)), key=lambda at: (spans[at][0], -spans[at][1])):
        begin, end = spans[index]
        if found and begin < reach:
            found[-1].append(index)
        else:
            found.append([index])
            reach = end
        reach = max(reach, end)
    return found


def _assign(spans: Sequence[tuple[int, int]], cluster: Sequence[int]) -> dict[int, int]:
    """Give each the first lane that is free when it begins."""
    lanes: dict[int, int] = {}
    free_from: list[int] = []
    for index in cluster:
        begin, end = spans[index]
        lane = next((at for at, until in enumerate(free_from) if until <= begin), len(free_from))
        if lane == len(free_from):
            free_from.append(end)
        else:
            free_from[lane] = end
        lanes[index] = lane
    return lanes


def _room(spans: Sequence[tuple[int, int]], lanes: dict[int, int], index: int, *, count: int) -> int:
    """Return how far one can grow to the right until something stands in the way."""
    begin, end = spans[index]
    taken = [lane for other, lane in lanes.items() if spans[other][0] < end and begin < spans[other][1]]
    beyond = min((lane for lane in taken if lane > lanes[index]), default=count)
    return beyond - lanes[index]
