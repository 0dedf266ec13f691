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
WAITING_SECONDS = 60
"""How long a wake-up counts as waiting if nobody takes it; at most so long is one missed that a crash lost."""


class Queue(Protocol):
    """Where wake-ups go."""

    def wake(self, wakes: Sequence[Wake]) -> None:
        """Wake workers. Never raises: the sweeper finds what a lost wake-up leaves behind."""
        ...


class RqQueue:
    """RQ with the JSON serializer; a job is ``workers.jobs.<name>.run`` with two ids.

    A row waits in the queue once, however often it is woken: or every sweep would put the whole backlog behind
    itself again, and workers that have fallen behind would never catch up. That it waits is noted in Redis too, so
    that a Redis that forgets the queue forgets the note.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._backend = RqBackend(QUEUE_NAME, connection=redis, serializer=JSONSerializer)
        self._is_down = False

    def wake(self, wakes: Sequence[Wake]) -> None:
        """Enqueue one job per wake-up that does not wait already, in two round trips."""
        try:
            jobs = [
                RqBackend.prepare_data(
                    _function(wake),
                    args=(str(wake.tenant_id), str(wake.row_id)),
                    timeout=JOB_TIMEOUT_SECONDS,
                    result_ttl=0,
                    failure_ttl=3600,
                )
                for wake in self._not_waiting(wakes)
            ]
            if jobs:
                self._backend.enqueue_many(jobs)
        except (RedisError, OSError):
            self._note_down()
        else:
            self._note_up()

    def _not_waiting(self, wakes: Sequence[Wake]) -> list[Wake]:
        """Note that these wait from now on, and return those that did not before."""
        distinct = list(dict.fromkeys(wakes))
        pipeline = self._redis.pipeline(transaction=False)
        for wake in distinct:
            pipeline.set(_note_of(_function(wake), str(wake.row_id)), "1", nx=True, ex=WAITING_SECONDS)
        noted: list[object] = pipeline.execute()
        return [wake for wake, is_new in zip(distinct, noted, strict=True) if is_new]

    def _note_down(self) -> None:
        if not self._is_down:
            logger.warning("queue.redis.went_away: work waits for the sweeper")
        self._is_down = True

    def _note_up(self) -> None:
        if self._is_down:
            logger.info("queue.redis.came_back")
        self._is_down = False


def note_taken(redis: Redis, *, function: str, row_id: str) -> None:
    """Note that a worker takes a wake-up; call it before the work, so that what happens from then on wakes again."""
    redis.delete(_note_of(function, row_id))


def _function(wake: Wake) -> str:
    return f"workers.jobs.{wake.job}.run"


def _note_of(function: str, row_id: str) -> str:
    return f"patchbay:waiting:{function}:{row_id}"
