"""The worker process: it does what it is woken for, sits out a Redis that is away, and stops when told."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import pytest
from redis import Redis
from rq import Queue
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from services.kernel.queue import QUEUE_NAME
from workers.runtime import process
from workers.runtime.embedded import EmbeddedServers
from workers.runtime.process import Command
from workers.runtime.supervisor import ROOT
from workers.runtime.worker import Lifetime, load_jobs

_UNKNOWN = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
def embedded() -> Generator[EmbeddedServers]:
    """Servers of the test's own, which it may stop."""
    with TemporaryDirectory(prefix="patchbay-tests-") as folder:
        servers = EmbeddedServers(Path(folder))
        servers.start()
        yield servers
        servers.stop()


@contextmanager
def running_worker(
    servers: EmbeddedServers, folder: Path, *, argv: tuple[str, ...] = ()
) -> Generator[subprocess.Popen[bytes]]:
    """A worker process on these servers, as the supervisor starts it if nothing else is said."""
    environment = {
        **os.environ,
        "PATCHBAY_DATA_DIR": str(folder),
        "PATCHBAY_DATABASE_URL": servers.urls.database_url,
        "PATCHBAY_REDIS_URL": servers.urls.redis_url,
    }
    argv = argv or (sys.executable, "-m", "workers.runtime.cli", "worker", "--number", "1")
    child = process.spawn(Command(name="worker", argv=argv, cwd=ROOT, env=environment, log_file=folder / "worker.log"))
    yield child
    process.stop([(child, signal.SIGKILL)], grace_seconds=5)


def log_of(folder: Path) -> str:
    """What the worker has said."""
    return (folder / "worker.log").read_text(encoding="utf-8")


def enqueue(servers: EmbeddedServers, *arguments: str) -> Job:
    """Put a wake-up of which nothing comes into the queue."""
    queue = Queue(QUEUE_NAME, connection=Redis.from_url(servers.urls.redis_url), serializer=JSONSerializer)
    return queue.enqueue("workers.jobs.run_turn.run", *arguments, result_ttl=60)


def has_failed(job: Job) -> bool:
    """Whether the worker took the job; these jobs fail, for the database has no tables."""
    return job.get_status(refresh=True) is JobStatus.FAILED


def test_a_worker_sits_out_an_outage_of_redis_and_stops_when_told(embedded: EmbeddedServers, tmp_path: Path) -> None:
    with running_worker(embedded, tmp_path) as child:
        before = enqueue(embedded, _UNKNOWN, _UNKNOWN)
        assert process.wait_until(lambda: has_failed(before), timeout_seconds=60), log_of(tmp_path)

        embedded.kill_redis()
        assert process.wait_until(lambda: "worker.redis.went_away" in log_of(tmp_path), timeout_seconds=30)
        embedded.start_redis()
        after = enqueue(embedded, _UNKNOWN, _UNKNOWN)
        assert process.wait_until(lambda: has_failed(after), timeout_seconds=30), log_of(tmp_path)
        assert child.poll() is None
        assert log_of(tmp_path).count("worker.redis.went_away") == 1
        assert log_of(tmp_path).count("worker.redis.came_back") == 1

        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=10) == 0


def test_a_failed_job_leaves_no_text_in_redis(embedded: EmbeddedServers, tmp_path: Path) -> None:
    with running_worker(embedded, tmp_path):
        job = enqueue(embedded, "not-an-id-canary", "row")
        assert process.wait_until(lambda: has_failed(job), timeout_seconds=60), log_of(tmp_path)
    redis = Redis.from_url(embedded.urls.redis_url)
    keys = cast(Iterator[bytes], redis.scan_iter("rq:results:*"))
    results = [redis.xrange(key) for key in keys]
    assert results
    assert "badly formed" not in str(results)


_SHORT_LIVED = """
from services.kernel.log import configure_logging
from services.kernel.settings import load_settings
from workers.runtime.worker import Lifetime, run

settings = load_settings()
configure_logging(settings, process="worker")
run(settings, lifetime=Lifetime(jobs=20))
"""


def test_a_worker_that_has_served_long_enough_begins_anew_in_its_place(
    embedded: EmbeddedServers, tmp_path: Path
) -> None:
    with running_worker(embedded, tmp_path, argv=(sys.executable, "-c", _SHORT_LIVED)) as child:
        jobs = [enqueue(embedded, _UNKNOWN, _UNKNOWN) for _ in range(45)]
        assert process.wait_until(lambda: all(map(has_failed, jobs)), timeout_seconds=90), log_of(tmp_path)
        assert log_of(tmp_path).count("worker.started") >= 2
        assert child.poll() is None
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=10) in (0, -signal.SIGTERM)


@pytest.mark.parametrize(("jobs", "memory_bytes", "is_over"), [(99, 100, False), (100, 100, True), (1, 101, True)])
def test_a_lifetime_ends_by_jobs_or_by_memory(jobs: int, memory_bytes: int, is_over: bool) -> None:
    assert Lifetime(jobs=100, memory_bytes=100).is_over(jobs=jobs, memory_bytes=memory_bytes) is is_over


def test_all_jobs_can_be_loaded() -> None:
    assert {"process_delivery", "run_turn", "send_message"} <= set(load_jobs())
