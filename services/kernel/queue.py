"""The queue: RQ carries wake-ups, the database carries the work. Losing a wake-up costs time, never work."""

import logging
from collections.abc import Sequence
from typing import Protocol

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue as RqBackend
from rq.serializers import JSONSerializer

from services.kernel.db import Wake

logger = logging.getLogger(__name__)

QUEUE_NAME = "patchbay"
JOB_TIMEOUT_SECONDS = 180


class Queue(Protocol):
    """Where wake-ups go."""

    def wake(self, wakes: Sequence[Wake]) -> None:
        """Wake workers. Never raises: the sweeper finds what a lost wake-up leaves behind."""
        ...


class RqQueue:
    """RQ with the JSON serializer; a job is ``workers.jobs.<name>.run`` with two ids."""

    def __init__(self, redis: Redis) -> None:
        self._backend = RqBackend(QUEUE_NAME, connection=redis, serializer=JSONSerializer)
        self._is_down = False

    def wake(self, wakes: Sequence[Wake]) -> None:
        """Enqueue one job per distinct wake-up, in one round trip."""
        jobs = [
            RqBackend.prepare_data(
                f"workers.jobs.{wake.job}.run",
                args=(str(wake.tenant_id), str(wake.row_id)),
                timeout=JOB_TIMEOUT_SECONDS,
                result_ttl=0,
                failure_ttl=3600,
            )
            for wake in dict.fromkeys(wakes)
        ]
        try:
            self._backend.enqueue_many(jobs)
        except (RedisError, OSError):
            self._note_down()
        else:
            self._note_up()

    def _note_down(self) -> None:
        if not self._is_down:
            logger.warning("queue.redis.went_away: work waits for the sweeper")
        self._is_down = True

    def _note_up(self) -> None:
        if self._is_down:
            logger.info("queue.redis.came_back")
        self._is_down = False
