"""Which hours of a period are read from their tallies, and how long answers took by them. Without effects."""

import sys
from array import array
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

HOUR = timedelta(hours=1)
STEP = 1.02
"""How much longer each step of the scale of answer times is than the one before; step 0 is a millisecond."""
_MOST_RANGES = 100
"""With more pieces than that, everything is read from the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a period is read."""

    since: datetime
    until: datetime
    """From one to the other tallies are read; none if they are equal."""
    without: tuple[datetime, ...]
    """The beginnings of hours in between that are not."""
    ranges: tuple[tuple[datetime, datetime], ...]
    """What is read from the rows; each up to, but without, its end."""


def hour_of(at: datetime) -> datetime:
    """Return when the hour of a time begins, in UTC."""
    return at.replace(minute=0, second=0, microsecond=0)


def plan_reading(
    edges: Sequence[datetime], *, since: datetime, until: datetime, changed: Collection[datetime]
) -> Reading:
    """Decide what of a period its tallies say: the whole hours that were counted and have not changed since.

    Args:
        edges: where the period's buckets begin and where the last ends, in UTC, rising. An hour that an edge cuts in
            two is read from the rows.
        since: when the first counted hour begins.
        until: when the last counted hour ends.
        changed: the beginnings of hours whose rows changed since they were counted.
    """
    begin, end = edges[0], edges[-1]
    since, until = max(since, _next_hour(begin)), min(until, hour_of(end))
    from_rows = Reading(since=begin, until=begin, without=(), ranges=((begin, end),))
    if since >= until:
        return from_rows
    cut = {hour_of(edge) for edge in edges if edge != hour_of(edge)}
    without = tuple(sorted(hour for hour in cut | set(changed) if since <= hour < until))
    pieces = [(begin, since), *((hour, hour + HOUR) for hour in without), (until, end)]
    ranges = _joined([piece for piece in pieces if piece[0] < piece[1]])
    if len(ranges) > _MOST_RANGES:
        return from_rows
    return Reading(since=since, until=until, without=without, ranges=ranges)


def count_steps(took: bytes) -> Counter[int]:
    """Return how many answers took each step of the scale.

    Args:
        took: the steps of all answers, two bytes each, big-endian, in any order.
    """
    steps = array("h", took)
    if sys.byteorder == "little":
        steps.byteswap()
    return Counter(steps)


def quantiles(steps: Counter[int], *fractions: float) -> tuple[float | None, ...]:
    """Return how many seconds the quickest parts of answers took no longer than, to within 1 %; None without answers.

    Args:
        steps: how many answers took each step.
        fractions: how large each part is, 0 to 1.
    """
    if not steps:
        return (None,) * len(fractions)
    counts, last = sorted(steps.items()), steps.total() - 1
    return tuple(_quantile(counts, fraction * last) for fraction in fractions)


def _quantile(counts: Sequence[tuple[int, int]], place: float) -> float:
    """Return the seconds at a place between two answers."""
    lower, upper = _at(counts, int(place)), _at(counts, -int(-place // 1))
    return lower + (upper - lower) * (place % 1)


def _at(counts: Sequence[tuple[int, int]], place: int) -> float:
    """Return the seconds of the answer at a place in their order."""
    for step, count in counts:
        if place < count:
            return STEP**step / 1000
        place -= count
    raise IndexError(place)


def _next_hour(at: datetime) -> datetime:
    begun = hour_of(at)
    return begun if begun == at else begun + HOUR


def _joined(pieces: Sequence[tuple[datetime, datetime]]) -> tuple[tuple[datetime, datetime], ...]:
    found: list[tuple[datetime, datetime]] = []
    for begin, end in pieces:
        if found and found[-1][1] == begin:
            found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return tuple(found)
