"""Which hours are read from tallies, and how long answers took by their steps."""

import random
from datetime import UTC, datetime, timedelta
from math import log
from statistics import quantiles
from struct import pack

import pytest

from services.analytics.tallies import HOUR, STEP, count_steps, plan_reading
from services.analytics.tallies import quantiles as tallied

NOON = datetime(2026, 10, 26, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def test_whole_counted_hours_are_read_from_tallies_and_the_rest_from_rows() -> None:
    edges = [NOON, NOON + DAY, NOON + 2 * DAY]
    reading = plan_reading(edges, since=NOON - DAY, until=NOON + DAY, changed=())
    assert (reading.since, reading.until, reading.without) == (NOON, NOON + DAY, ())
    assert reading.ranges == ((NOON + DAY, NOON + 2 * DAY),)


def test_hours_that_changed_or_that_an_edge_cuts_are_read_from_rows() -> None:
    half_past = [NOON + 30 * MINUTE, NOON + DAY + 30 * MINUTE]
    changed = {NOON + 5 * HOUR, NOON + 6 * HOUR, NOON - 9 * DAY}
    reading = plan_reading(half_past, since=NOON - DAY, until=NOON + 2 * DAY, changed=changed)
    assert (reading.since, reading.until) == (NOON + HOUR, NOON + DAY)
    assert reading.without == (NOON + 5 * HOUR, NOON + 6 * HOUR)
    assert reading.ranges == (
        (half_past[0], NOON + HOUR),
        (NOON + 5 * HOUR, NOON + 7 * HOUR),
        (NOON + DAY, half_past[1]),
    )


@pytest.mark.parametrize("counted", [(NOON - 3 * DAY, NOON), (NOON + DAY, NOON + 2 * DAY), (NOON, NOON)])
def test_without_a_whole_counted_hour_everything_is_read_from_rows(counted: tuple[datetime, datetime]) -> None:
    edges = [NOON, NOON + DAY]
    reading = plan_reading(edges, since=counted[0], until=counted[1], changed=())
    assert (reading.since == reading.until, reading.ranges) == (True, ((NOON, NOON + DAY),))


def test_a_period_in_too_many_pieces_is_read_from_rows() -> None:
    edges = [NOON, NOON + 90 * DAY]
    changed = {NOON + number * 2 * HOUR for number in range(1, 200)}
    reading = plan_reading(edges, since=NOON, until=NOON + 80 * DAY, changed=changed)
    assert reading.ranges == ((NOON, NOON + 90 * DAY),)


@pytest.mark.parametrize("seed", range(40))
def test_every_moment_is_read_once(seed: int) -> None:
    chance = random.Random(seed)

    def some(reach: timedelta) -> datetime:
        minutes = round(reach / MINUTE * chance.random())
        return NOON + (minutes if chance.random() < 0.5 else minutes // 60 * 60) * MINUTE

    edges = sorted({some(2 * DAY) for _ in range(5)} | {NOON + 2 * DAY})
    since, until = sorted((some(2 * DAY), some(2 * DAY)))
    since, until = since.replace(minute=0), until.replace(minute=0)
    changed = {some(2 * DAY).replace(minute=0) for _ in range(chance.randrange(6))}
    reading = plan_reading(edges, since=since, until=until, changed=changed)
    tallied = {
        reading.since + number * HOUR
        for number in range((reading.until - reading.since) // HOUR)
        if reading.since + number * HOUR not in reading.without
    }
    assert not tallied & changed and all(since <= hour < until for hour in tallied)
    for hour in tallied:
        assert not any(hour < edge < hour + HOUR for edge in edges), "no bucket ends within"
    at = edges[0]
    while at < edges[-1]:
        by_rows = sum(begin <= at < end for begin, end in reading.ranges)
        assert by_rows + (at.replace(minute=0) in tallied) == 1, at
        at += MINUTE
    assert all(edges[0] <= begin < end <= edges[-1] for begin, end in reading.ranges)


def test_quantiles_are_true_to_within_one_percent() -> None:
    chance = random.Random(7)
    for count in (1, 2, 3, 10, 999):
        seconds = [chance.lognormvariate(1, 2) + 0.001 for _ in range(count)]
        took = b"".join(pack(">h", round(log(item * 1000) / log(STEP))) for item in seconds)
        points = quantiles(seconds, n=100, method="inclusive") if count > 1 else seconds * 99
        assert tallied(count_steps(took), 0.5, 0.95) == pytest.approx((points[49], points[94]), rel=0.01)
    assert tallied(count_steps(b""), 0.5, 0.95) == (None, None)
