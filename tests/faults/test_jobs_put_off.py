"""What a job does not get costs it nothing but time: the work itself is in the database."""

import logging
from collections.abc import Generator, Iterator
from typing import cast

import psycopg
import pytest
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy.exc import OperationalError

from services.kernel.queue import QUEUE_NAME
from services.kernel.settings import Settings
from workers.runtime.outage import Outage
from workers.runtime.worker import PatchbayWorker


@pytest.fixture
def redis(settings: Settings) -> Generator[Redis]:
    """An empty Redis."""
    with Redis.from_url(settings.redis_url) as client:
        yield client


@pytest.fixture(autouse=True)
def quiet_rq() -> Generator[None]:
    """Let RQ say nothing itself, as the worker process does."""
    logger = logging.getLogger("rq.worker")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)


def forget_everything(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        for key in cast(Iterator[bytes], client.scan_iter()):
            client.unlink(key)


def meet_a_lock() -> None:
    raise OperationalError("", {}, psycopg.errors.LockNotAvailable())


def test_a_table_that_somebody_holds_is_no_error(redis: Redis, caplog: pytest.LogCaptureFixture) -> None:
    Queue(QUEUE_NAME, connection=redis, serializer=JSONSerializer).enqueue(meet_a_lock, result_ttl=0)
    PatchbayWorker(redis, outage=Outage("test.redis"), database_outage=Outage("test.database")).work(burst=True)
    assert any("worker.job.put_off" in record.getMessage() for record in caplog.records)


def test_a_job_that_redis_forgets_is_no_error(
    settings: Settings, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    queue = Queue(QUEUE_NAME, connection=redis, serializer=JSONSerializer)
    queue.enqueue(forget_everything, settings.redis_url, result_ttl=0)
    PatchbayWorker(redis, outage=Outage("test.redis"), database_outage=Outage("test.database")).work(burst=True)
    assert any("worker.job.forgotten" in record.getMessage() for record in caplog.records)
    assert queue.count == 0
