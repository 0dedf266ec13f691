"""What hangs is ended, and the timer that ran before goes on."""

import signal
import threading
from contextlib import suppress
from types import FrameType

import pytest

from services.kernel.time_limit import TookTooLong, time_limit


def hang() -> None:
    """Never end, as a loop in a parser would."""
    while True:
        sum(range(1000))


def test_an_endless_loop_is_ended() -> None:
    with pytest.raises(TookTooLong), time_limit(0.05):
        hang()


def test_nothing_on_the_way_takes_it_for_an_error() -> None:
    with pytest.raises(TookTooLong), time_limit(0.05), suppress(Exception):
        hang()


def test_what_ends_in_time_is_left_alone() -> None:
    with time_limit(60):
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_the_limit_of_the_whole_job_goes_on() -> None:
    def note(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, note)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with time_limit(60):
            pass
        with pytest.raises(TimeoutError):
            hang()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_other_threads_go_without() -> None:
    ended: list[bool] = []

    def act() -> None:
        with time_limit(0.001):
            ended.append(True)

    thread = threading.Thread(target=act)
    thread.start()
    thread.join()
    assert ended == [True]
