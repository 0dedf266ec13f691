"""P8: counting in three windows at once, against a single ``INCR`` over the same connection."""

import time
from collections.abc import Callable

from redis import Redis

from benchmarks.bench import Bench
from benchmarks.figures import magnitude, median, ratios, spread
from benchmarks.report import Finding
from services.kernel.kernel import connect_redis
from services.kernel.limiter import Counted, RedisLimiter, Taken

_CALLS = 2_000
_GOAL = 1.5
_KEY = "patchbay:benchmark:limit"
_COUNTED = Counted(key=_KEY, most=(1_000_000, 1_000_000, 1_000_000))


def measure(bench: Bench) -> list[Finding]:
    """Let both take turns."""
    redis = connect_redis(bench.stage.kernel.settings)
    limiter = RedisLimiter(redis)
    limiter.fill(_KEY, at=limiter.now(), used=(0, 0, 0))
    _take(limiter)
    ours: list[float] = []
    theirs: list[float] = []
    trips = _count_commands(redis, lambda: _take(limiter))
    for _ in range(bench.plan.rounds):
        ours.append(_seconds_each(lambda: _take(limiter)))
        theirs.append(_seconds_each(lambda: redis.incr("patchbay:benchmark:incr")))
    redis.delete(_KEY, "patchbay:benchmark:incr")
    redis.close()
    against = ratios(ours, theirs)
    ratio = median(against)
    micro = 1e6
    return [
        Finding(
            goal_id="P8",
            measure="Limits over minute, hour and day against one INCR",
            goal=f"≤ {_GOAL:.1f}",
            result=f"{ratio:.2f}",
            met=ratio <= _GOAL,
            spread=spread(against),
            absolute=f"{magnitude(median(ours) * micro, ' µs')} against {magnitude(median(theirs) * micro, ' µs')}",
            rounds=bench.plan.rounds,
        ),
        Finding(
            goal_id="P8",
            measure="Round trips for the three windows",
            goal="1",
            result=f"{trips}",
            met=trips == 1,
        ),
    ]


def _take(limiter: RedisLimiter) -> None:
    taken = limiter.take([_COUNTED], [])
    assert isinstance(taken, Taken), "nothing is near the limit"


def _seconds_each(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(_CALLS):
        act()
    return (time.perf_counter() - began) / _CALLS


def _count_commands(redis: "Redis", act: Callable[[], object]) -> int:
    """Return how many commands an act sends; what the script itself calls is counted apart by Redis."""
    before = _evaluations(redis)
    act()
    return _evaluations(redis) - before


def _evaluations(redis: "Redis") -> int:
    stats: dict[str, dict[str, int]] = redis.info("commandstats")  # pyright: ignore[reportAssignmentType]
    sent = ("cmdstat_evalsha", "cmdstat_eval", "cmdstat_script|load", "cmdstat_script", "cmdstat_incr")
    return sum(stats.get(name, {}).get("calls", 0) for name in sent)
