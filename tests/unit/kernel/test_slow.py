"""Acts that take long: bounded, shared between tenants, settled late if need be."""

import threading
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from services.kernel.slow import SlowActs

TENANT, OTHER = uuid4(), uuid4()
LONG = 30.0


class Gate:
    """Acts that end when they are let."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.began: threading.Semaphore = threading.Semaphore(0)
        self.most = 0
        self._running = 0
        self._lock = threading.Lock()

    def act(self, item: int) -> int:
        with self._lock:
            self._running += 1
            self.most = max(self.most, self._running)
        self.began.release()
        assert self.opened.wait(LONG)
        with self._lock:
            self._running -= 1
        return item


def never(_result: int) -> None:
    raise AssertionError("nothing is late here")


def test_quick_acts_come_back_in_the_batch() -> None:
    done = SlowActs().run(TENANT, list(range(20)), lambda item: item * 2, settle_late=never, seconds=LONG)

    assert sorted(done.results) == list(range(0, 40, 2)) and not done.left


def test_what_takes_long_is_settled_when_it_ends_and_the_rest_is_given_back() -> None:
    gate, late, settled = Gate(), list[int](), threading.Semaphore(0)

    def settle(result: int) -> None:
        late.append(result)
        settled.release()

    slow = SlowActs(threads=4)
    done = slow.run(TENANT, list(range(10)), gate.act, settle_late=settle, seconds=0.1)

    assert done.results == [] and gate.most <= 2, "half of the threads are for others"
    begun = 10 - len(done.left)
    assert 1 <= begun <= 2
    gate.opened.set()
    for _ in range(begun):
        assert settled.acquire(timeout=LONG)
    assert sorted(late + list(done.left)) == list(range(10))
    slow.close(seconds=LONG)
    assert slow.free_for(TENANT) == 2


def test_one_tenant_leaves_threads_for_another() -> None:
    gate, slow = Gate(), SlowActs(threads=4)
    slow.run(TENANT, [1, 2, 3, 4], gate.act, settle_late=lambda _: None, seconds=0.1)

    done = slow.run(OTHER, [5], lambda item: item, settle_late=never, seconds=LONG)

    assert done.results == [5]
    gate.opened.set()
    slow.close(seconds=LONG)


def test_what_shall_end_the_worker_ends_it() -> None:
    class Killed(BaseException):
        pass

    def act(_item: int) -> int:
        raise Killed

    with pytest.raises(Killed):
        SlowActs().run(TENANT, [1], act, settle_late=never, seconds=LONG)


def test_what_cannot_be_settled_late_as_the_database_is_away_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    gate, slow = Gate(), SlowActs()

    def fail(_result: int) -> None:
        raise OperationalError("", {}, psycopg.OperationalError())

    slow.run(TENANT, [1], gate.act, settle_late=fail, seconds=0.05)
    gate.opened.set()
    slow.close(seconds=LONG)

    assert ["slow.act.cut_off" in record.getMessage() for record in caplog.records] == [True]


def test_closing_waits_no_longer_than_it_may() -> None:
    gate, slow = Gate(), SlowActs(threads=2)
    slow.run(UUID(int=1), [1], gate.act, settle_late=lambda _: None, seconds=0.05)

    slow.close(seconds=0.05)

    assert slow.free_for(UUID(int=1)) == 0
    gate.opened.set()
    slow.close(seconds=LONG)
