"""Wake-ups: a backlog is not multiplied by waking it again, and nothing stays asleep for it."""

from collections.abc import Generator, Iterator
from typing import cast

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

WAKE = Wake("process_delivery", new_id(), new_id())
OTHER = Wake("run_turn", WAKE.tenant_id, WAKE.row_id)


@pytest.fixture
def redis(settings: Settings) -> Generator[Redis]:
    """An empty Redis."""
    with Redis.from_url(settings.redis_url) as client:
        yield client


def length(redis: Redis) -> int:
    """Return how many jobs wait."""
    return Queue(QUEUE_NAME, connection=redis, serializer=JSONSerializer).count


def test_a_row_waits_once_however_often_it_is_woken(redis: Redis) -> None:
    for process in (RqQueue(redis), RqQueue(redis)):
        process.wake([WAKE, WAKE, OTHER])
        process.wake([WAKE])
    assert length(redis) == 2


def test_a_row_that_a_worker_took_may_wait_again(redis: Redis, kernel: Kernel) -> None:
    use_kernel(kernel)
    queue = RqQueue(redis)
    queue.wake([WAKE])
    PatchbayWorker(redis, outage=Outage("test.redis"), database_outage=Outage("test.database")).work(burst=True)
    assert length(redis) == 0
    queue.wake([WAKE])
    assert length(redis) == 1


def test_a_redis_that_forgot_the_queue_forgot_what_waits(redis: Redis) -> None:
    queue = RqQueue(redis)
    queue.wake([WAKE])
    for key in cast(Iterator[bytes], redis.scan_iter()):
        redis.unlink(key)
    queue.wake([WAKE])
    assert length(redis) == 1
