"""The worker process: takes wake-ups from the queue and runs their jobs, one after the other, without forking.

What a process gathers over time goes with it: after many jobs, or when it has grown large, it ends its job and begins
anew in its place.
"""

import importlib
import logging
import os
import pkgutil
import random
import signal
import sys
import threading
from dataclasses import dataclass
from types import FrameType, TracebackType

import psutil
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer

import workers.jobs
from services.kernel.db import is_lock_wait, is_outage
from services.kernel.kernel import build_kernel
from services.kernel.log import get_logger
from services.kernel.queue import QUEUE_NAME
from services.kernel.settings import Settings
from services.vault import hold_keys
from workers.jobs.process import use_kernel
from workers.runtime.outage import Outage

_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 5.0
_WEIGHED_EVERY = 20
"""Jobs."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """When a worker process has served long enough."""

    jobs: int = 50_000
    memory_bytes: int = 384 * 1024 * 1024
    """Three times what a worker needs."""

    def spread(self) -> "Lifetime":
        """Return it with up to a quarter fewer jobs, so that workers do not all begin anew at once."""
        return Lifetime(jobs=round(self.jobs * random.uniform(0.75, 1)), memory_bytes=self.memory_bytes)  # noqa: S311

    def is_over(self, *, jobs: int, memory_bytes: int) -> bool:
        """Return whether a process that has done so many jobs and holds so much memory ends."""
        return jobs >= self.jobs or memory_bytes > self.memory_bytes


class PatchbayWorker(SimpleWorker):
    """RQ's worker without forks, which sits out an outage of Redis or the database and reports it once.

    Args:
        connection: where the queue is.
        outage: of Redis.
        database_outage: of the database.
        lifetime: after which it stops by itself.
    """

    max_connection_wait_time = 2.0  # RQ waits up to 60 s, which would delay work long after Redis is back

    def __init__(
        self, connection: Redis, *, outage: Outage, database_outage: Outage, lifetime: Lifetime | None = None
    ) -> None:
        super().__init__(
            [QUEUE_NAME],
            connection=connection,
            serializer=JSONSerializer,
            exception_handlers=[self.log_failed_job],
            disable_default_exception_handler=False,
            log_job_description=False,
        )
        self.is_stopping = False
        self.is_worn = False
        self._lifetime = lifetime or Lifetime()
        self._jobs = 0
        self._outage = outage
        self._database_outage = database_outage

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Tell Redis that we live; RQ does so before every attempt to take a job."""
        try:
            super().heartbeat(timeout, pipeline)
        except RedisConnectionError as error:
            self._outage.note_down(error)
            raise
        self._outage.note_up()

    def perform_job(self, job: Job, queue: Queue) -> bool:
        """Run a job; one that succeeds shows that the database is there."""
        is_done = super().perform_job(job, queue)
        if is_done:
            self._database_outage.note_up()
        self._jobs += 1
        if self._jobs % _WEIGHED_EVERY == 0 and self._lifetime.is_over(jobs=self._jobs, memory_bytes=_memory_bytes()):
            self.is_worn = self._stop_requested = True
        return is_done

    def handle_job_failure(
        self,
        job: Job,
        queue: Queue,
        started_job_registry: StartedJobRegistry | None = None,
        exc_string: str = "",
    ) -> None:
        """Record the failure without its text: Redis holds ids, not what a job was working on."""
        super().handle_job_failure(job, queue, started_job_registry=started_job_registry, exc_string="")

    def log_failed_job(
        self, job: Job, _kind: type[BaseException], error: BaseException, _trace: TracebackType | None
    ) -> bool:
        """Log what a job raised; the row it worked on keeps its lease, and the sweeper wakes it again.

        Returns:
            Whether RQ shall go on handling the failure.
        """
        if is_outage(error):
            self._database_outage.note_down(error)
        elif is_lock_wait(error):
            log.warning("worker.job.put_off", job=job.func_name, reason="somebody holds a lock")
        elif isinstance(error, (RedisError, InvalidJobOperation, NoSuchJobError)):
            # Redis is only told what became of a job; the work itself is in the database.
            log.warning("worker.job.forgotten", job=job.func_name, error=type(error).__name__)
        else:
            log.error("worker.job.failed", job=job.func_name, row_id=job.args[-1], exc_info=error)
        return True

    def handle_warm_shutdown_request(self) -> None:
        """Remember that we are to stop; RQ lets the running job end first."""
        self.is_stopping = True


def run(settings: Settings, *, lifetime: Lifetime | None = None) -> None:
    """Work until SIGTERM or SIGINT; a job that has begun is finished first. Does not return if it begins anew.

    Raises:
        ConfigurationError: a database, Redis or key is missing, or the key is not the database's.
    """
    kernel = build_kernel(settings)
    use_kernel(kernel)
    load_jobs()
    keys = hold_keys(kernel, process="worker")
    # RQ's own lines repeat with every attempt and name addresses; ours say the same once.
    for name in ("rq.worker", "rq.job"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    stopping = threading.Event()
    outage, database_outage = Outage("worker.redis"), Outage("worker.database")
    pause = _FIRST_PAUSE_SECONDS
    lifetime = (lifetime or Lifetime()).spread()
    is_worn = False
    log.info("worker.started")
    try:
        while not stopping.is_set() and not is_worn:
            _stop_on_signal(stopping)
            try:
                worker = PatchbayWorker(
                    Redis.from_url(settings.redis_url),
                    outage=outage,
                    database_outage=database_outage,
                    lifetime=lifetime,
                )
                pause = _FIRST_PAUSE_SECONDS
                worker.work(logging_level="CRITICAL")
                is_worn = worker.is_worn
                if worker.is_stopping:
                    stopping.set()
            except (RedisError, OSError) as error:
                outage.note_down(error)
            if not stopping.is_set() and not is_worn:
                stopping.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
    finally:
        keys.stop()
        kernel.close()
        log.info("worker.stopped")
    if is_worn and not stopping.is_set():
        _begin_anew()


def load_jobs() -> list[str]:
    """Import all jobs, so that the first wake-up of each does not wait for it; return their names."""
    names = [found.name for found in pkgutil.iter_modules(workers.jobs.__path__)]
    for name in names:
        importlib.import_module(f"{workers.jobs.__name__}.{name}")
    return names


def _begin_anew() -> None:
    """Start this process's program again in its place: same id, same arguments, fresh memory."""
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 (our own command line)


def _memory_bytes() -> int:
    return psutil.Process().memory_info().rss


def _stop_on_signal(stopping: threading.Event) -> None:
    # RQ puts its own handlers in place while it works; these serve the pauses in between.
    def handle(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
