"""What RQ alone does: one ``SimpleWorker`` that runs jobs which do nothing, on the same Redis."""

import logging
import signal
import time

from redis import Redis
from rq import Queue, SimpleWorker

_QUEUE = "benchmark-noop"
JOBS = 1_000


def nothing() -> None:
    """Do nothing."""


def run(redis_url: str, jobs: int = JOBS) -> float:
    """Enqueue jobs, work them off in this process, and return how many were done in a second."""
    redis = Redis.from_url(redis_url)
    queue = Queue(_QUEUE, connection=redis)
    queue.empty()
    queue.enqueue_many([Queue.prepare_data(nothing) for _ in range(jobs)])
    logging.getLogger("rq.worker").setLevel(logging.CRITICAL)
    worker = SimpleWorker([queue], connection=redis, log_job_description=False)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    began = time.perf_counter()
    worker.work(burst=True, logging_level="CRITICAL")
    seconds = time.perf_counter() - began
    for number, handler in handlers.items():  # RQ leaves its own, which would complain when this process ends
        signal.signal(number, handler)
    redis.close()
    return jobs / seconds
