"""F5 to F8, F10 and F25: what the product keeps its work in goes away, stands still, is locked or full."""

import re
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import httpx2
import psutil
import pytest
from redis import Redis
from redis.exceptions import RedisError

from tests.faults.figures import percentile
from tests.faults.kills import locked
from tests.faults.rig import PATIENCE, Rig
from tests.support.product import eventually

_MOST_MORE_THREADS = 10


def restart_redis(rig: Rig) -> None:
    """F5: Redis is killed and stays away for a while; the webhook line does not mind."""
    for _ in rig.rounds(quick=1, whole=10):
        with rig.load():
            rig.await_answered()
            with rig.product.no_restarts():
                rig.product.kill("redis")
                _takes_events_all_the_while(rig)
        rig.product.await_children("redis")
        rig.recovers(within=15)
    _never_turned_away(rig)


def wipe_redis(rig: Rig) -> None:
    """F6: Redis forgets everything, once while it runs and once over a restart; the database knows what to do."""
    for _ in rig.rounds(quick=1, whole=5):
        with rig.load():
            rig.await_answered()
            rig.ask(30)
            _forget_everything(rig.product.redis())
            rig.await_answered()
            with rig.product.no_restarts():
                rig.product.kill("redis")
                _takes_events_all_the_while(rig)
                (rig.product.data_dir / "redis" / "appendonly.aof").unlink()
        rig.product.await_children("redis")
        rig.recovers(within=60)
    _never_turned_away(rig)


def stop_redis(rig: Rig) -> None:
    """F7, first half: Redis stands still for 20 s; nobody waits for it at the door."""
    redis, web = rig.product.children["redis"], rig.product.children["web"]
    with rig.load(rate=5, most=1_000, asks=rig.contacts.ask):
        rig.await_answered()
        threads, begin = web.num_threads(), rig.product.log_size()
        redis.suspend()
        try:
            began = time.monotonic()
            eventually(lambda: _says_that_redis_is_away(rig), what="a readiness that says so")
            eventually(lambda: time.monotonic() - began > 20, what="20 s without Redis", seconds=30)
            grown = web.num_threads() - threads
        finally:
            redis.resume()
        ended = time.monotonic()
    rig.recovers(within=20)
    rig.note("threads of the web process", f"{threads} and {grown} more")
    assert grown <= _MOST_MORE_THREADS, f"{grown} more threads wait for Redis"
    reported = rig.product.said(begin).count(b"queue.redis.went_away")
    assert 1 <= reported <= len(rig.product.children), f"an outage was reported {reported} times"
    _waited_little(rig, began=began, ended=ended)
    _never_turned_away(rig)


def _says_that_redis_is_away(rig: Rig) -> bool:
    """Work goes on without Redis, so whoever probes must not take the process away."""
    answer = httpx2.get(f"{rig.product.address}/readyz", trust_env=False, timeout=30)
    return answer.status_code == 200 and answer.json()["checks"]["redis"]["status"] == "degraded"


def _waited_little(rig: Rig, *, began: float, ended: float) -> None:
    taken = [item.ended - item.began for item in rig.attempts() if began < item.began < ended and item.status]
    p99 = percentile(taken, 99)
    rig.note("door", f"p99 {p99 * 1000:.0f} ms")
    assert p99 < 1 * PATIENCE, f"the door waited for Redis: {sorted(taken)[-5:]}"


def fill_redis(rig: Rig) -> None:
    """F7, second half: Redis takes nothing more in; the webhook line does, and the work is done all the same."""
    redis = rig.product.redis()
    with rig.load():
        rig.await_answered()
        _fill(redis)
        began = time.monotonic()
        _takes_events_all_the_while(rig)
        ended = time.monotonic()
        _forget_everything(redis, only=b"junk:*")
    rig.recovers(within=20)
    _waited_little(rig, began=began, ended=ended)
    _never_turned_away(rig)


def lock_deliveries(rig: Rig) -> None:
    """F8: somebody holds a lock on the inbox; providers are told to come again, and never that it was taken."""
    with rig.load():
        rig.await_answered()
        with locked(rig.product, "webhook_delivery", mode="ACCESS EXCLUSIVE") as blocked:
            eventually(blocked, what="somebody who waits for the lock")
            began = time.monotonic()
            rig.ask(10)
            eventually(lambda: 503 in rig.statuses(), what="a 503 to a provider", seconds=30)
            for _ in rig.rounds(quick=0, whole=1):
                eventually(lambda: time.monotonic() - began > 10, what="10 s with the lock", seconds=20)
            taken = [item for item in rig.attempts() if item.status == 200 and began < item.began]
    rig.recovers(within=15)
    assert not taken, "2xx for what could not be stored"
    assert rig.statuses().keys() <= {200, 503, None}, f"a provider was told something else: {rig.statuses()}"
    assert all(item.retry_after for item in rig.attempts() if item.status == 503), "a 503 without Retry-After"


def fill_disk(rig: Rig) -> None:
    """F10: no room for PostgreSQL, and Redis may not write; refused while it lasts, and all is well afterwards."""
    junk = rig.product.data_dir / "junk"
    # Many events: what PostgreSQL has laid out already is full only after a while.
    with rig.load(rate=40, most=4_000, letters=False, asks=rig.contacts.ask):
        rig.await_answered()
        _fill_up(junk)
        eventually(lambda: 503 in rig.statuses(), what="a 503 to a provider", seconds=120)
        junk.unlink()
    rig.recovers(within=30)
    folder = rig.product.data_dir / "redis"
    with rig.load(letters=False):
        folder.chmod(0o500)
        rig.product.kill("redis")
        _takes_events_all_the_while(rig)
        folder.chmod(0o700)
    rig.product.await_children("redis")
    rig.recovers(within=30)
    assert rig.statuses().keys() <= {200, 503, None}, f"a provider was told something else: {rig.statuses()}"


def prove_durability(rig: Rig) -> None:
    """F25: the write-ahead log was flushed between an event's arrival and its 2xx, and the row is there for others."""
    [row] = rig.records.rows(
        "SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commits"
    )
    assert (row.fsync, row.commits) == ("on", "on")
    if not shutil.which("strace"):
        pytest.skip("strace is not installed: whether the log was flushed in time cannot be seen")
    moments: list[tuple[float, float]] = []
    with TemporaryDirectory() as folder, _traced(rig.product.children["postgres"], Path(folder) / "trace") as trace:
        for _ in range(20):
            event = rig.contacts.ask()
            began = time.time()
            assert rig.sender.post(event).status == 200
            moments.append((began, time.time()))
            key = f"%{event.id}"
            [found] = rig.records.rows(
                "SELECT count(*) AS n FROM webhook_delivery WHERE dedupe_key LIKE %(key)s", key=key
            )
            assert found.n == 1, "2xx before the commit"
        flushed = [
            float(match)
            for match in re.findall(r"^(?:\[pid +\d+\] |\d+ +)?(\d+\.\d+) f(?:data)?sync", trace.read_text(), re.M)
        ]
    rig.recovers(within=30)
    unproven = [began for began, ended in moments if not any(began < moment < ended for moment in flushed)]
    assert not unproven, f"{len(unproven)} of {len(moments)} events were acknowledged before the log was flushed"


@contextmanager
def _traced(postmaster: psutil.Process, trace: Path) -> Generator[Path]:
    pids = [postmaster.pid, *(child.pid for child in postmaster.children(recursive=True))]
    argv = ["strace", "-f", "-ttt", "-e", "trace=fsync,fdatasync", "-o", str(trace)]
    tracer = subprocess.Popen([*argv, *(part for pid in pids for part in ("-p", str(pid)))], stderr=subprocess.PIPE)
    try:
        assert tracer.stderr is not None
        tracer.stderr.readline()
        yield trace
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(timeout=10)


def _takes_events_all_the_while(rig: Rig) -> None:
    pages = rig.ask(20)
    eventually(lambda: all(page.accepted_at for page in pages), what="20 acknowledgements meanwhile")


def _never_turned_away(rig: Rig) -> None:
    refused = [item for item in rig.attempts() if item.is_refused]
    assert not refused, f"{len(refused)} connections failed"
    assert rig.statuses().keys() <= {200, None}, f"a provider was turned away: {rig.statuses()}"


def _forget_everything(redis: Redis, *, only: bytes = b"*") -> None:
    # The embedded Redis refuses FLUSHALL, like every dangerous command.
    for key in cast(Iterator[bytes], redis.scan_iter(match=only, count=1000)):
        redis.unlink(key)


def _fill(redis: Redis) -> None:
    """Write until Redis refuses."""
    for size in (100_000, 1_000, 10):
        for number in range(10_000):
            try:
                redis.set(f"junk:{size}:{number}", b"x" * size)
            except RedisError:
                break
        else:
            raise AssertionError("Redis takes everything: it was started without a limit")


def _fill_up(junk: Path) -> None:
    with junk.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * resource.getpagesize())
        except OSError:
            return
