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
DRAINED = Wake("process_delivery", TENANT, new_id())
SAME_TENANT = Wake("process_delivery", TENANT, new_id())
OTHER_DRAINED = (Wake("run_turn", TENANT, new_id()), Wake("process_delivery", new_id(), new_id()))
SINGLE = Wake("name_contact", TENANT, new_id())
OTHER_ROW = Wake("name_contact", TENANT, new_id())


@pytest.fixture
def redis(settings: Settings) -> Generator[Redis]:
    """An empty Redis."""
    with Redis.from_url(settings.redis_url) as client:
        yield client


def length(redis: Redis) -> int:
    """Return how many jobs wait."""
    return Queue(QUEUE_NAME, connection=redis, serializer=JSONSerializer).count


def run_what_waits(redis: Redis) -> None:
    """Run the jobs that wait, and those that they wake."""
    PatchbayWorker(redis, outage=Outage("test.redis"), database_outage=Outage("test.database")).work(burst=True)


def test_sweeps_do_not_multiply_what_waits_already(redis: Redis) -> None:
    RqQueue(redis).wake([DRAINED, SINGLE])
    for _ in range(3):
        RqQueue(redis).wake_again([DRAINED, SAME_TENANT, *OTHER_DRAINED, SINGLE, OTHER_ROW])
    assert length(redis) == 5


def test_what_happens_while_a_job_waits_wakes_once_more(redis: Redis) -> None:
    queue = RqQueue(redis)
    queue.wake([SINGLE, SINGLE])
    queue.wake([SINGLE])
    assert length(redis) == 2


def test_a_tenant_waits_once_for_each_kind_of_drain(redis: Redis) -> None:
    queue = RqQueue(redis)
    queue.wake([DRAINED, SAME_TENANT])
    queue.wake([SAME_TENANT])
    RqQueue(redis).wake([DRAINED])
    assert length(redis) == 1
    queue.wake([DRAINED, *OTHER_DRAINED])
    assert length(redis) == 3


def test_a_wake_that_comes_while_a_drain_begins_waits_anew(redis: Redis) -> None:
    queue = RqQueue(redis)
    queue.wake([DRAINED])
    assert Queue(QUEUE_NAME, connection=redis, serializer=JSONSerializer).pop_job_id()
    queue.begin(DRAINED)
    RqQueue(redis).wake([SAME_TENANT])
    assert length(redis) == 1


def test_the_sweeper_repairs_a_flag_whose_job_was_lost(redis: Redis) -> None:
    queue = RqQueue(redis)
    queue.wake([DRAINED])
    assert Queue(QUEUE_NAME, connection=redis, serializer=JSONSerializer).pop_job_id()
    queue.wake([DRAINED])
    assert length(redis) == 0
    queue.wake_again([DRAINED])
    queue.wake([DRAINED])
    assert length(redis) == 1


@pytest.mark.parametrize("wake", [DRAINED, SINGLE], ids=["drained", "one row"])
def test_what_a_worker_took_may_wait_again(redis: Redis, kernel: Kernel, wake: Wake) -> None:
    use_kernel(kernel)
    queue = RqQueue(redis)
    queue.wake_again([wake])
    run_what_waits(redis)
    assert length(redis) == 0
    queue.wake([wake])
    assert length(redis) == 1
