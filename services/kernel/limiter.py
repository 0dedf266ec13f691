"""Counts what leaves, in Redis: one round trip over all windows that apply, all of them or none.

Windows are fixed: full minutes, full hours and days from midnight, in UTC, by Redis' own clock. A provider's pace is
the generic cell rate algorithm (ITU-T I.371): so many at once, then one per interval. Redis may lose what it knows at
any time; a counter that is not there is reported as missing and never taken for zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol, cast

from redis import Redis
from redis.exceptions import RedisError

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

local function take(asked, before)
  local numbers, used, ends, worst, wait, span = {}, {}, {}, 0, 0, 0
  for number in string.gmatch(asked, '%S+') do numbers[#numbers + 1] = tonumber(number) end
  local counted, all = numbers[1], (#numbers - 1) / 3
  for k = 1, counted do
    local found = redis.call('GET', KEYS[before + k])
    if not found then return all, '-1' end
    local at, minute, hour, day = string.match(found, '(%d+) (%d+) (%d+) (%d+)')
    for w, count in ipairs({minute, hour, day}) do
      local most, begins = numbers[k * 3 + w - 2], second - second % spans[w]
      count = tonumber(at) >= begins and tonumber(count) or 0
      used[#used + 1] = count
      if most >= 0 and count >= most then
        local left = (begins + spans[w]) * 1000000 - now
        if left > wait or (left == wait and spans[w] > span) then worst, wait, span = #used, left, spans[w] end
      end
    end
  end
  for k = counted + 1, all do
    local interval, burst, cost = numbers[k * 3 - 1], numbers[k * 3], numbers[k * 3 + 1]
    ends[k] = math.max(tonumber(redis.call('GET', KEYS[before + k]) or '0'), now) + interval * cost
    local left = ends[k] - interval * burst - now
    if left > wait then worst, wait = counted * 2 + k, left end
  end
  if worst > 0 then return all, string.format('0 %d %.0f ', worst, math.ceil(wait)) .. table.concat(used, ' ') end
  for n, count in ipairs(used) do used[n] = count + 1 end
  for k = 1, counted do
    local value = time[1] .. ' ' .. table.concat(used, ' ', k * 3 - 2, k * 3)
    redis.call('SET', KEYS[before + k], value, 'EX', KEPT)
  end
  for k = counted + 1, all do
    redis.call('SET', KEYS[before + k], string.format('%.0f', ends[k]), 'PX', math.ceil((ends[k] - now) / 1000) + 1)
  end
  return all, '1 0 0 ' .. table.concat(used, ' ')
end

local answers, before = {time[1] .. ' ' .. time[2]}, 0
for n, asked in ipairs(ARGV) do
  local keys, answer = take(asked, before)
  before, answers[n + 1] = before + keys, answer
end
return table.concat(answers, '\\n')
""".replace("KEPT", str(_KEPT_SECONDS))
"""Takes for each argument in turn: how many of its keys are counted, the three limits of each of those, and interval,
burst and cost of each of the others, which are paces. Answers with a line of numbers each, below the time."""

_FILL = "return redis.call('SET', KEYS[1], ARGV[1], 'EX', KEPT, 'NX')".replace("KEPT", str(_KEPT_SECONDS))


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
    """It may not go yet, and nothing was counted. Of several reasons, the one that lasts longest.

    In the last hour of a day the hour's window ends with the day's; then it is the day's.
    """

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
        keys = [item.key for counted, paced in asked for item in (*counted, *paced)]
        try:
            answer = self._take(keys=keys, args=[_numbers(*item) for item in asked])
        except (RedisError, OSError) as error:
            raise _away() from error
        time, *outcomes = cast(bytes, answer).split(b"\n")
        at = _time(*map(int, time.split()))
        return [_outcome(line, at=at) for line in outcomes]

    def fill(self, key: str, *, at: datetime, used: tuple[int, int, int]) -> None:
        """Say what was used of a key's windows at that time, unless the key is there by now."""
        try:
            self._fill(keys=[key], args=[" ".join(map(str, (int(at.timestamp()), *used)))])
        except (RedisError, OSError) as error:
            raise _away() from error

    def now(self) -> datetime:
        """Return Redis' time."""
        try:
            seconds, microseconds = cast("tuple[int, int]", self._redis.time())
        except (RedisError, OSError) as error:
            raise _away() from error
        return _time(seconds, microseconds)


def window_start(at: datetime, span: timedelta) -> datetime:
    """Return when the window began that a time lies in."""
    seconds, length = int(at.timestamp()), int(span.total_seconds())
    return datetime.fromtimestamp(seconds - seconds % length, UTC)


def _numbers(counted: Sequence[Counted], paced: Sequence[Paced]) -> str:
    """Return what the script is told of one that wants to leave, beside the keys."""
    limits = [-1 if most is None else most for item in counted for most in item.most]
    return " ".join(map(str, (len(counted), *limits, *(number for item in paced for number in _pace(item)))))


def _pace(item: Paced) -> tuple[int, int, int]:
    interval = max(1, round(item.interval.total_seconds() * _MICROSECONDS))
    return interval, item.burst, min(max(item.cost, 1), item.burst)


def _outcome(line: bytes, *, at: datetime) -> Taken | Denied | Missing:
    may_go, *rest = map(int, line.split())
    if may_go < 0:
        return Missing(at=at)
    reason, wait, *used = rest
    if may_go:
        return Taken(at=at, used=tuple(used))
    return Denied(at=at, reason=reason - 1, wait=timedelta(microseconds=wait), used=tuple(used))


def _time(seconds: int, microseconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds)


def _away() -> RetryLater:
    return RetryLater(
        "Waits until Redis is back, which counts what leaves.",
        after=timedelta(seconds=_AWAY_SECONDS),
        code="limits_away",
    )
