"""What RQ alone does: one ``SimpleWorker`` that runs jobs which do nothing, on the same Redis."""

import logging
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
    began = time.perf_counter()
    worker.work(burst=True, logging_level="CRITICAL")
    seconds = time.perf_counter() - began
    redis.close()
    return jobs / seconds
