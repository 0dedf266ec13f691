"""Counts how many secrets are opened for each tenant, hour by hour: a vault that is emptied opens far more than usual.

Each process adds up in memory and hands the sums to Redis with its heartbeat. The counts are an alarm, not a record:
when Redis is away they wait, and nothing else does.
"""

import threading
from collections import Counter
from datetime import datetime, timedelta
from statistics import median
from uuid import UUID

from redis import Redis
from redis.exceptions import RedisError

from services.kernel.kernel import Kernel, connect_redis
from services.vault.views import OpeningsView

LOOKED_BACK = timedelta(days=7)
_HOUR = timedelta(hours=1)
_ENOUGH_HOURS = 12
"""Hours with openings that must be known before anything is unusual."""
_TIMES_USUAL = 10
_FEW = 100
"""So many in an hour alarm nobody, whatever is usual."""

_lock = threading.Lock()
_counts: Counter[UUID] = Counter()


def count_opening(tenant_id: UUID) -> None:
    """Remember that a secret of a tenant was opened."""
    with _lock:
        _counts[tenant_id] += 1


def flush_openings(redis: Redis, *, now: datetime) -> None:
    """Add what this process has counted to the current hour; kept for the next time if Redis is away."""
    with _lock:
        taken = dict(_counts)
        _counts.clear()
    if not taken:
        return
    key = _key(now)
    try:
        with redis.pipeline() as pipeline:  # pyright: ignore[reportUnknownMemberType]
            for tenant_id, count in taken.items():
                pipeline.hincrby(key, str(tenant_id), count)
            pipeline.expire(key, LOOKED_BACK + 2 * _HOUR)
            pipeline.execute()
    except (RedisError, OSError):
        with _lock:
            _counts.update(taken)


def read_openings(kernel: Kernel, *, tenant_id: UUID) -> OpeningsView:
    """Return how many of a tenant's secrets were opened lately, and whether that is far above the usual."""
    now = kernel.clock.now()
    hours = [now - hour * _HOUR for hour in range(LOOKED_BACK // _HOUR)]
    redis = connect_redis(kernel.settings)
    try:
        with redis.pipeline(transaction=False) as pipeline:  # pyright: ignore[reportUnknownMemberType]
            for hour in hours:
                pipeline.hget(_key(hour), str(tenant_id))
            counts = [int(found or 0) for found in pipeline.execute()]
    except (RedisError, OSError):
        return OpeningsView(is_known=False)
    finally:
        redis.close()
    return judge_openings(counts)


def judge_openings(counts: list[int]) -> OpeningsView:
    """Judge counts by hour, the current hour first: the busier of the last two against the median of the others."""
    latest = max(counts[:2], default=0)
    before = [count for count in counts[2:] if count]
    usual = round(median(before)) if before else 0
    is_unusual = len(before) >= _ENOUGH_HOURS and latest > max(_FEW, _TIMES_USUAL * usual)
    return OpeningsView(within_an_hour=latest, usual=usual, is_unusual=is_unusual)


def _key(at: datetime) -> str:
    return f"patchbay:openings:{at:%Y%m%d%H}"
