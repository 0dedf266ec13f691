"""Wake-ups: a backlog is not multiplied by waking it again, and nothing stays asleep for it."""

from collections.abc import Generator

import pytest
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from services.kernel.db import Wake
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.queue import QUEUE_NAME, RqQueue
from services.kernel.settings import Settings
from workers.jobs.process import use_kernel
from workers.runtime.outage import Outage
from workers.runtime.worker import PatchbayWorker

TENANT = new_id()
WAKE = Wake("process_delivery", TENANT, new_id())
OTHER_JOB = Wake("run_turn", TENANT, WAKE.row_id)
OTHER_ROW = Wake("process_delivery", TENANT, new_id())


@pytest.fixture
def redis(settings: Settings) -> Generator[Redis]:
    """An empty Redis."""
    with Redis.from_url(settings.redis_url) as client:
        yield client


def length(redis: Redis) -> int:
    """Return how many jobs wait."""
    return Queue(QUEUE_NAME, connection=redis, serializer=JSONSerializer).count


def test_sweeps_do_not_multiply_what_waits_already(redis: Redis) -> None:
    RqQueue(redis).wake([WAKE])
    for _ in range(3):
        RqQueue(redis).wake_again([WAKE, OTHER_JOB, OTHER_ROW])
    assert length(redis) == 3


def test_what_happens_while_a_job_waits_wakes_once_more(redis: Redis) -> None:
    queue = RqQueue(redis)
    queue.wake([WAKE, WAKE])
    queue.wake([WAKE])
    assert length(redis) == 2


def test_a_row_that_a_worker_took_may_wait_again(redis: Redis, kernel: Kernel) -> None:
    use_kernel(kernel)
    queue = RqQueue(redis)
    queue.wake_again([WAKE])
    PatchbayWorker(redis, outage=Outage("test.redis"), database_outage=Outage("test.database")).work(burst=True)
    assert length(redis) == 0
    queue.wake_again([WAKE])
    assert length(redis) == 1
