"""The counters on a real Redis: windows, paces, many at once."""

import math
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st
from redis import Redis

from services.kernel.errors import RetryLater
from services.kernel.limiter import (
    SPANS,
    Asked,
    Counted,
    Denied,
    Missing,
    Paced,
    RedisLimiter,
    Taken,
    window_start,
)
from workers.runtime.embedded import EmbeddedUrls

NOTHING = (0, 0, 0)
Most = tuple[int | None, int | None, int | None]


@pytest.fixture(scope="module")
def redis(servers: EmbeddedUrls) -> Redis:
    return Redis.from_url(servers.redis_url)


@pytest.fixture(scope="module")
def limiter(redis: Redis) -> RedisLimiter:
    return RedisLimiter(redis)


def key() -> str:
    return f"test:{uuid4()}"


def filled(limiter: RedisLimiter, most: Most, *, used: tuple[int, int, int] = NOTHING) -> Counted:
    """Return a counter that is known to Redis."""
    counted = Counted(key=key(), most=most)
    limiter.fill(counted.key, at=limiter.now(), used=used)
    return counted


def pace(*, burst: int, interval: timedelta = timedelta(hours=1), cost: int = 1) -> Paced:
    return Paced(key=key(), interval=interval, burst=burst, cost=cost)


def test_a_counter_that_redis_does_not_have_is_missing_and_not_zero(limiter: RedisLimiter) -> None:
    counted = Counted(key=key(), most=(None, None, None))
    assert isinstance(limiter.take([counted], []), Missing)
    limiter.fill(counted.key, at=limiter.now(), used=NOTHING)
    taken = limiter.take([counted], [])
    assert isinstance(taken, Taken) and taken.used == (1, 1, 1)


def test_filling_does_not_undo_what_was_counted_meanwhile(limiter: RedisLimiter) -> None:
    counted = filled(limiter, (None, None, 2), used=(0, 0, 1))
    assert isinstance(limiter.take([counted], []), Taken)
    limiter.fill(counted.key, at=limiter.now(), used=NOTHING)
    assert isinstance(limiter.take([counted], []), Denied)


@pytest.mark.parametrize("span", range(3))
def test_retry_comes_when_the_window_that_refused_begins_anew(limiter: RedisLimiter, span: int) -> None:
    limits: list[int | None] = [None, None, None]
    limits[span] = 3
    counted = filled(limiter, cast(Most, tuple(limits)), used=(3, 3, 3))
    denied = limiter.take([counted], [])
    if isinstance(denied, Taken):  # the window began anew in between
        denied = limiter.take([filled(limiter, cast(Most, tuple(limits)), used=(3, 3, 3))], [])
    assert isinstance(denied, Denied)
    assert denied.reason == span
    assert timedelta(0) < denied.wait <= SPANS[span]
    again = denied.at + denied.wait
    assert abs(again - (window_start(denied.at, SPANS[span]) + SPANS[span])) < timedelta(milliseconds=1)


def test_of_several_reasons_the_longest_is_given(limiter: RedisLimiter) -> None:
    counted = [filled(limiter, (1, 1, None), used=(1, 1, 1)), filled(limiter, (None, None, 1), used=(1, 1, 1))]
    denied = limiter.take(counted, [pace(burst=1)])
    assert isinstance(denied, Denied)
    assert denied.reason == 5
    assert denied.used == (1, 1, 1, 1, 1, 1)


def test_all_or_none_is_counted(limiter: RedisLimiter) -> None:
    open_one, closed = filled(limiter, (5, 5, 5)), filled(limiter, (None, None, 1), used=(0, 0, 1))
    slow = pace(burst=1)
    assert isinstance(limiter.take([open_one, closed], [slow]), Denied)
    taken = limiter.take([open_one], [slow])
    assert isinstance(taken, Taken), "the refused attempt used neither the window nor the pace"
    assert taken.used == (1, 1, 1)


def test_a_past_window_is_forgotten(limiter: RedisLimiter, redis: Redis) -> None:
    counted = Counted(key=key(), most=(1, 1, 1))
    limiter.fill(counted.key, at=limiter.now() - timedelta(days=1), used=(9, 9, 9))
    taken = limiter.take([counted], [])
    assert isinstance(taken, Taken) and taken.used == (1, 1, 1)
    assert 0 < cast(int, redis.ttl(counted.key)) <= 90_000


def test_pace_takes_a_burst_and_then_one_per_interval(limiter: RedisLimiter, redis: Redis) -> None:
    slow = pace(burst=3, interval=timedelta(minutes=1))
    assert [type(limiter.take([], [slow])) for _ in range(3)] == [Taken] * 3
    denied = limiter.take([], [slow])
    assert isinstance(denied, Denied) and denied.reason == 0
    assert timedelta(seconds=50) < denied.wait <= timedelta(minutes=1)
    assert 0 < cast(int, redis.pttl(slow.key)) <= 180_001


def test_a_long_message_counts_for_its_segments_and_is_never_too_long_to_leave(limiter: RedisLimiter) -> None:
    slow = pace(burst=4, cost=3)
    assert isinstance(limiter.take([], [slow]), Taken)
    assert isinstance(limiter.take([], [slow]), Denied)
    assert isinstance(limiter.take([], [pace(burst=4, cost=50)]), Taken)


def test_who_comes_back_when_told_is_let_through(limiter: RedisLimiter) -> None:
    quick = pace(burst=1, interval=timedelta(milliseconds=30))
    assert isinstance(limiter.take([], [quick]), Taken)
    denied = limiter.take([], [quick])
    until = limiter.now() + (denied.wait if isinstance(denied, Denied) else timedelta(0))
    while limiter.now() < until:
        pass
    assert isinstance(limiter.take([], [quick]), Taken)


def test_several_are_let_through_one_after_the_other_and_none_stands_in_anothers_way(limiter: RedisLimiter) -> None:
    counted, unknown, slow = filled(limiter, (2, None, None)), Counted(key=key(), most=(9, 9, 9)), pace(burst=1)
    quick: Asked = ([counted], ())
    asked: list[Asked] = [([counted], [slow]), ([unknown], [slow]), ([counted], [slow]), quick, quick]
    outcomes = limiter.take_each(asked)
    assert [type(outcome) for outcome in outcomes] == [Taken, Missing, Denied, Taken, Denied]
    assert [outcome.reason for outcome in outcomes if isinstance(outcome, Denied)] == [3, 0]
    assert [outcome.used for outcome in outcomes if isinstance(outcome, Taken)] == [(1, 1, 1), (2, 2, 2)]


def test_twenty_threads_get_exactly_what_there_is(limiter: RedisLimiter, servers: EmbeddedUrls) -> None:
    counted = filled(limiter, (None, None, 37))
    outcomes: Counter[type] = Counter()
    start = threading.Barrier(20)

    def ask() -> None:
        mine = RedisLimiter(Redis.from_url(servers.redis_url))
        start.wait()
        outcomes.update(type(mine.take([counted], [])) for _ in range(10))

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == {Taken: 37, Denied: 163}


def test_redis_that_is_away_is_a_reason_to_wait() -> None:
    limiter = RedisLimiter(Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2))
    for call in (
        lambda: limiter.take([Counted(key="x", most=(1, 1, 1))], []),
        lambda: limiter.fill("x", at=datetime.now(UTC), used=NOTHING),
        limiter.now,
    ):
        with pytest.raises(RetryLater) as caught:
            call()
        assert caught.value.code == "limits_away"
        assert caught.value.after


LIMITS = st.one_of(st.none(), st.integers(1, 6))


@effort(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(most=st.tuples(LIMITS, LIMITS, LIMITS), other=st.tuples(LIMITS, LIMITS, LIMITS), asks=st.integers(1, 15))
def test_no_window_ever_lets_more_through(limiter: RedisLimiter, most: Most, other: Most, asks: int) -> None:
    counted = [filled(limiter, most), filled(limiter, other)]
    limits = [*most, *other]
    per_window: Counter[tuple[int, datetime]] = Counter()
    for _ in range(asks):
        outcome = limiter.take(counted, [])
        assert not isinstance(outcome, Missing)
        windows = [(place, window_start(outcome.at, SPANS[place % 3])) for place in range(6)]
        full = [window for window in windows if per_window[window] >= (limits[window[0]] or math.inf)]
        if isinstance(outcome, Taken):
            assert not full
            per_window.update(windows)
        else:
            assert outcome.reason in {place for place, _ in full}
            assert outcome.wait <= SPANS[outcome.reason % 3]
        assert list(outcome.used) == [per_window[window] for window in windows]
