"""Counts what leaves, in Redis: one round trip over all windows that apply, all of them or none.

Windows are fixed: full minutes, full hours and days from midnight, in UTC, by Redis' own clock. A provider's pace is
the generic cell rate algorithm (ITU-T I.371): so many at once, then one per interval. Redis may lose what it knows at
any time; a counter that is not there is reported as missing and never taken for zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, cast

from redis import Redis
from redis.exceptions import NoScriptError, RedisError

from services.kernel.errors import RetryLater

SPANS = (timedelta(minutes=1), timedelta(hours=1), timedelta(days=1))
"""How long the windows are. Each begins at a multiple of its length since the epoch."""
_KEPT_SECONDS = 90_000
"""A little longer than the longest window."""
_AWAY_SECONDS = 5.0
_MICROSECONDS = 1_000_000

_TAKE = """
local time = redis.call('TIME')
local second = tonumber(time[1])
local now = second * 1000000 + tonumber(time[2])
local spans = {60, 3600, 86400}
local counted = tonumber(ARGV[1])
local used, worst, wait, place = {}, 0, 0, 1
for k = 1, counted do
  local found = redis.call('HMGET', KEYS[k], 'at', '1', '2', '3')
  if not found[1] then return {-1, now} end
  for w = 1, 3 do
    local span, most = spans[w], tonumber(ARGV[place + w])
    local is_same = math.floor(tonumber(found[1]) / span) == math.floor(second / span)
    local count = is_same and tonumber(found[w + 1]) or 0
    used[#used + 1] = count
    if most >= 0 and count >= most then
      local left = (math.floor(second / span) + 1) * span * 1000000 - now
      if left > wait then worst, wait = (k - 1) * 3 + w, left end
    end
  end
  place = place + 3
end
local ends = {}
for k = counted + 1, #KEYS do
  local interval, burst, cost = tonumber(ARGV[place + 1]), tonumber(ARGV[place + 2]), tonumber(ARGV[place + 3])
  local free = math.max(tonumber(redis.call('GET', KEYS[k]) or '0'), now) + interval * cost
  local left = free - interval * burst - now
  if left > wait then worst, wait = counted * 3 + k - counted, left end
  ends[k] = free
  place = place + 3
end
if worst > 0 then return {0, now, worst, math.ceil(wait), unpack(used)} end
for k = 1, counted do
  local first = (k - 1) * 3
  for w = 1, 3 do used[first + w] = used[first + w] + 1 end
  redis.call('HSET', KEYS[k], 'at', time[1], '1', used[first + 1], '2', used[first + 2], '3', used[first + 3])
  redis.call('EXPIRE', KEYS[k], KEPT)
end
for k = counted + 1, #KEYS do
  redis.call('SET', KEYS[k], string.format('%.0f', ends[k]), 'PX', math.ceil((ends[k] - now) / 1000) + 1)
end
return {1, now, 0, 0, unpack(used)}
""".replace("KEPT", str(_KEPT_SECONDS))

_FILL = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'at', ARGV[1], '1', ARGV[2], '2', ARGV[3], '3', ARGV[4])
redis.call('EXPIRE', KEYS[1], KEPT)
return 1
""".replace("KEPT", str(_KEPT_SECONDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What is counted under one key, and how much of it a minute, an hour and a day take; None: any number."""

    key: str
    most: tuple[int | None, int | None, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paced:
    """What leaves at a pace: ``burst`` at once, then one per interval."""

    key: str
    interval: timedelta
    burst: int
    cost: int = 1
    """How many it counts for; more than ``burst`` count as that many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """It may go."""

    at: datetime
    used: tuple[int, ...]
    """Three numbers for each counted key: this minute, this hour, this day, itself included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """It may not go yet, and nothing was counted. Of several reasons, the one that lasts longest."""

    at: datetime
    reason: int
    """Place in the list of the counted keys' windows, three each, followed by the paces; from 0."""
    wait: timedelta
    used: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A counter is not there: it is to be filled first. Nothing was counted."""

    at: datetime


Asked = tuple[Sequence[Counted], Sequence[Paced]]
"""What one that wants to leave is counted in."""


class Limiter(Protocol):
    """Where is counted what leaves."""

    def take(self, counted: Sequence[Counted], paced: Sequence[Paced]) -> Taken | Denied | Missing:
        """Count one more in every window and pace, or in none of them.

        Raises:
            RetryLater: nobody can count now.
        """
        ...

    def take_each(self, asked: Sequence[Asked]) -> Sequence[Taken | Denied | Missing]:
        """Do the same for several, one after the other, in one round trip.

        Raises:
            RetryLater: nobody can count now.
        """
        ...

    def fill(self, key: str, *, at: datetime, used: tuple[int, int, int]) -> None:
        """Say what was used of a key's windows at that time, unless the key is there by now.

        Raises:
            RetryLater: nobody can count now.
        """
        ...

    def now(self) -> datetime:
        """Return the time that decides which window it is.

        Raises:
            RetryLater: nobody can count now.
        """
        ...


class RedisLimiter:
    """Counts in Redis; keys expire a day after the last use."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._take = redis.register_script(_TAKE)
        self._fill = redis.register_script(_FILL)

    def take(self, counted: Sequence[Counted], paced: Sequence[Paced]) -> Taken | Denied | Missing:
        """Count one more in every window and pace, or in none of them, in one round trip."""
        return self.take_each([(counted, paced)])[0]

    def take_each(self, asked: Sequence[Asked]) -> Sequence[Taken | Denied | Missing]:
        """Do the same for several, one after the other, in one round trip."""
        if not asked:
            return []
        try:
            found = self._run_each(asked)
            if any(isinstance(answer, NoScriptError) for answer in found):  # then none of them ran
                self._redis.script_load(self._take.script)
                found = self._run_each(asked)
        except (RedisError, OSError) as error:
            raise _away() from error
        for answer in found:
            if isinstance(answer, Exception):
                raise _away() from answer
        return [_outcome(cast("list[int]", answer)) for answer in found]

    def _run_each(self, asked: Sequence[Asked]) -> list[Any]:
        with self._redis.pipeline(transaction=False) as pipeline:
            for counted, paced in asked:
                keys = [item.key for item in (*counted, *paced)]
                limits = [-1 if most is None else most for item in counted for most in item.most]
                paces = [number for item in paced for number in _pace(item)]
                pipeline.evalsha(str(self._take.sha), len(keys), *keys, len(counted), *limits, *paces)
            return pipeline.execute(raise_on_error=False)

    def fill(self, key: str, *, at: datetime, used: tuple[int, int, int]) -> None:
        """Say what was used of a key's windows at that time, unless the key is there by now."""
        try:
            self._fill(keys=[key], args=[int(at.timestamp()), *used])
        except (RedisError, OSError) as error:
            raise _away() from error

    def now(self) -> datetime:
        """Return Redis' time."""
        try:
            seconds, microseconds = cast("tuple[int, int]", self._redis.time())
        except (RedisError, OSError) as error:
            raise _away() from error
        return _time(seconds * _MICROSECONDS + microseconds)


def window_start(at: datetime, span: timedelta) -> datetime:
    """Return when the window began that a time lies in."""
    seconds, length = int(at.timestamp()), int(span.total_seconds())
    return datetime.fromtimestamp(seconds - seconds % length, UTC)


def _outcome(found: Sequence[int]) -> Taken | Denied | Missing:
    at = _time(found[1])
    if found[0] < 0:
        return Missing(at=at)
    used = tuple(found[4:])
    if found[0]:
        return Taken(at=at, used=used)
    return Denied(at=at, reason=found[2] - 1, wait=timedelta(microseconds=found[3]), used=used)


def _pace(item: Paced) -> tuple[int, int, int]:
    interval = max(1, round(item.interval.total_seconds() * _MICROSECONDS))
    return interval, item.burst, min(max(item.cost, 1), item.burst)


def _time(microseconds: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)


def _away() -> RetryLater:
    return RetryLater(
        "Waits until Redis is back, which counts what leaves.",
        after=timedelta(seconds=_AWAY_SECONDS),
        code="limits_away",
    )
