"""The queue: RQ carries wake-ups, the database carries the work. Losing a wake-up costs time, never work."""

import logging
import secrets
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import contextmanager
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
DRAINED = frozenset({"process_delivery", "run_turn", "send_message"})
"""Jobs that do whatever their tenant has to do, whichever row woke them; the others do what one row stands for."""
FLAG_SECONDS = 60
"""How long a flag can hold wake-ups back whose job was lost; the sweeper looks into the queue and finds it sooner."""


class Queue(Protocol):
    """Where wake-ups go."""

    def wake(self, wakes: Sequence[Wake]) -> None:
        """Wake workers. Never raises: the sweeper finds what a lost wake-up leaves behind."""
        ...

    def wake_again(self, wakes: Sequence[Wake]) -> None:
        """Wake workers for rows that may have been woken before; those that still wait are left alone. Never raises."""
        ...

    def begin(self, wake: Wake) -> None:
        """Note that the job of a wake-up begins: the next wake-up of its kind waits anew. Never raises."""
        ...


class RqQueue:
    """RQ with the JSON serializer; a job is ``workers.jobs.<name>.run`` with two ids.

    The job's own id begins with its name and what it is for, so that the list of waiting ids tells what waits. Of a
    drained job at most one waits for each tenant: a flag in Redis goes up with it, and down when it begins.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._backend = RqBackend(QUEUE_NAME, connection=redis, serializer=JSONSerializer)
        self._is_down = False

    def wake(self, wakes: Sequence[Wake]) -> None:
        """Enqueue one job per distinct wake-up, unless its flag is up, all in two round trips."""
        self._enqueue(wakes, choose=self._unflagged)

    def wake_again(self, wakes: Sequence[Wake]) -> None:
        """Enqueue one job per wake-up that does not wait already.

        Or every sweep would put the whole backlog behind itself once more, and workers that have fallen behind
        would never catch up.
        """
        self._enqueue(wakes, choose=self._missing)

    def begin(self, wake: Wake) -> None:
        """Take the flag down."""
        if wake.job not in DRAINED:
            return
        with self._reporting():
            self._redis.delete(_flag(_name(wake)))

    def _enqueue(self, wakes: Sequence[Wake], *, choose: Callable[[Collection[str]], Collection[str]]) -> None:
        named = {_name(wake): wake for wake in wakes}
        with self._reporting():
            jobs = [_job(named[name]) for name in choose(named)]
            if jobs:
                self._backend.enqueue_many(jobs)

    def _unflagged(self, names: Collection[str]) -> Collection[str]:
        """Return the names that no flag holds back, and put up the flags of those that are drained."""
        flagged = [name for name in names if name.partition("-")[0] in DRAINED]
        if not flagged:
            return names
        held = {name for name, is_new in zip(flagged, self._put_up(flagged), strict=True) if not is_new}
        return [name for name in names if name not in held]

    def _missing(self, names: Collection[str]) -> Collection[str]:
        """Return the names that do not wait, whatever the flags say: a job may have been lost with its worker."""
        waiting = {job_id.rpartition("-")[0] for job_id in self._backend.get_job_ids()}
        missing = [name for name in names if name not in waiting]
        self._put_up([name for name in missing if name.partition("-")[0] in DRAINED])
        return missing

    def _put_up(self, names: Sequence[str]) -> list[bool]:
        """Put up flags; return for each whether it was down."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.set(_flag(name), "", nx=True, ex=FLAG_SECONDS)
            return [bool(answer) for answer in pipeline.execute()]

    @contextmanager
    def _reporting(self) -> Generator[None]:
        """Report an outage of Redis once, and once when it is over; raise nothing."""
        try:
            yield
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
    """Return what a job does: of two wake-ups with the same name one is enough."""
    return f"{wake.job}-{wake.tenant_id if wake.job in DRAINED else wake.row_id}"


def _flag(name: str) -> str:
    return f"patchbay:wake:{name}"
