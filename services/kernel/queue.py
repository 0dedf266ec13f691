"""The queue: RQ carries wake-ups, the database carries the work. Losing a wake-up costs time, never work."""

import logging
import secrets
from collections.abc import Sequence
from typing import Protocol

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue as RqBackend
from rq.queue import EnqueueData
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

    def wake_again(self, wakes: Sequence[Wake]) -> None:
        """Wake workers for rows that may have been woken before; those that still wait are left alone. Never raises."""
        ...


class RqQueue:
    """RQ with the JSON serializer; a job is ``workers.jobs.<name>.run`` with two ids.

    The job's own id begins with its name and row, so that the list of waiting ids tells what waits.
    """

    def __init__(self, redis: Redis) -> None:
        self._backend = RqBackend(QUEUE_NAME, connection=redis, serializer=JSONSerializer)
        self._is_down = False

    def wake(self, wakes: Sequence[Wake]) -> None:
        """Enqueue one job per distinct wake-up, in one round trip."""
        self._enqueue(wakes, only_missing=False)

    def wake_again(self, wakes: Sequence[Wake]) -> None:
        """Enqueue one job per wake-up that does not wait already.

        Or every sweep would put the whole backlog behind itself once more, and workers that have fallen behind
        would never catch up.
        """
        self._enqueue(wakes, only_missing=True)

    def _enqueue(self, wakes: Sequence[Wake], *, only_missing: bool) -> None:
        try:
            waiting = self._waiting() if only_missing else frozenset[str]()
            jobs = [_job(wake) for wake in dict.fromkeys(wakes) if _name(wake) not in waiting]
            if jobs:
                self._backend.enqueue_many(jobs)
        except (RedisError, OSError):
            self._note_down()
        else:
            self._note_up()

    def _waiting(self) -> frozenset[str]:
        return frozenset(job_id.rpartition("-")[0] for job_id in self._backend.get_job_ids())

    def _note_down(self) -> None:
        if not self._is_down:
            logger.warning("queue.redis.went_away: work waits for the sweeper")
        self._is_down = True

    def _note_up(self) -> None:
        if self._is_down:
            logger.info("queue.redis.came_back")
        self._is_down = False


def count_waiting(redis: Redis) -> int:
    """Return how many wake-ups wait in the queue.

    Raises:
        RedisError: Redis is away.
    """
    return RqBackend(QUEUE_NAME, connection=redis, serializer=JSONSerializer).count


def _job(wake: Wake) -> EnqueueData:
    return RqBackend.prepare_data(
        f"workers.jobs.{wake.job}.run",
        args=(str(wake.tenant_id), str(wake.row_id)),
        timeout=JOB_TIMEOUT_SECONDS,
        result_ttl=0,
        failure_ttl=3600,
        job_id=f"{_name(wake)}-{secrets.token_hex(8)}",
    )


def _name(wake: Wake) -> str:
    return f"{wake.job}-{wake.row_id}"
