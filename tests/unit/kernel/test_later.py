"""Wake-ups that wait for their time."""

import threading
import time
from queue import SimpleQueue
from uuid import uuid4

from services.kernel.db import Wake
from services.kernel.later import Alarms

LONG = 30.0


def wake() -> Wake:
    return Wake("send_message", uuid4(), uuid4())


def test_they_come_in_order_and_not_before_their_time() -> None:
    alarms, came = Alarms(), SimpleQueue[tuple[Wake, float]]()
    late, soon = wake(), wake()
    began = time.monotonic()
    for seconds, item in ((0.2, late), (0.05, soon)):
        alarms.wake_in(seconds, item, lambda due: came.put((due, time.monotonic())))

    first, second = came.get(timeout=LONG), came.get(timeout=LONG)

    assert [first[0], second[0]] == [soon, late]
    assert first[1] - began >= 0.05 and second[1] - began >= 0.2


def test_of_the_same_wake_up_a_sooner_one_is_enough() -> None:
    alarms, came, item = Alarms(), threading.Semaphore(0), wake()
    alarms.wake_in(0.05, item, lambda _: came.release())
    alarms.wake_in(0.1, item, lambda _: came.release())

    assert came.acquire(timeout=LONG)
    assert not came.acquire(timeout=0.2)
