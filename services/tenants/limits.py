"""Limits on sign-in tries, per account and per address, counted in Redis.

Counters are a brake, not a record: when Redis is away sign-in goes on without them, and the log says so once.
"""

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis import Redis
from redis.exceptions import RedisError

from services.kernel.errors import RetryLater
from services.kernel.log import get_logger

logger = get_logger(__name__)

WINDOW = timedelta(minutes=5)
TRIES_PER_ACCOUNT = 10
TRIES_PER_ADDRESS = 50


@dataclass(slots=True)
class SignInLimiter:
    """Counts tries in windows of five minutes.

    Args:
        redis: where the counters live.
    """

    redis: Redis
    _is_down: bool = False

    def count_try(self, *, account: str, address: str, now: datetime) -> None:
        """Count a try before the password is looked at.

        Raises:
            RetryLater: too many tries; the message says for how long.
        """
        if self._count("account", account, now=now) > TRIES_PER_ACCOUNT:
            raise self._too_many("for this account", now=now)
        if address and self._count("address", address, now=now) > TRIES_PER_ADDRESS:
            raise self._too_many("from your network", now=now)

    def forget_account(self, account: str, *, now: datetime) -> None:
        """Start over for an account whose owner has signed in."""
        try:
            self.redis.delete(self._key("account", account, now=now))
        except (RedisError, OSError):
            self._note_down()

    def _count(self, kind: str, who: str, *, now: datetime) -> int:
        key = self._key(kind, who, now=now)
        try:
            with self.redis.pipeline() as pipeline:  # pyright: ignore[reportUnknownMemberType]
                pipeline.incr(key)
                pipeline.expire(key, WINDOW * 2)
                count = int(pipeline.execute()[0])
        except (RedisError, OSError):
            self._note_down()
            return 0
        self._is_down = False
        return count

    @staticmethod
    def _key(kind: str, who: str, *, now: datetime) -> str:
        # Hashed: neither mail addresses nor network addresses belong in Redis.
        digest = hashlib.sha256(f"{kind}:{who}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return f"patchbay:sign-in:{int(now.timestamp() // WINDOW.total_seconds())}:{digest}"

    @staticmethod
    def _too_many(where: str, *, now: datetime) -> RetryLater:
        window = WINDOW.total_seconds()
        left = timedelta(seconds=math.ceil(window - now.timestamp() % window))
        minutes = math.ceil(left.total_seconds() / 60)
        return RetryLater(
            f"Too many tries {where}. Wait {minutes} {'minute' if minutes == 1 else 'minutes'}, then try again.",
            after=left,
            code="too_many_tries",
        )

    def _note_down(self) -> None:
        if not self._is_down:
            logger.warning("sign_in.limits.redis_unreachable", consequence="tries are not counted")
        self._is_down = True
