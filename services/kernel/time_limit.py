"""Ends what hangs: a signal interrupts the main thread, where jobs run."""

import signal
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


class TookTooLong(BaseException):
    """The time limit was reached. Outside ``Exception``, so that nothing on the way swallows it."""


@contextmanager
def time_limit(seconds: float) -> Generator[None]:
    """Interrupt the block after that long; whatever timer ran before goes on afterwards.

    Does nothing outside the main thread, which alone gets signals.

    Raises:
        TookTooLong
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise TookTooLong

    began = time.monotonic()
    handler = signal.signal(signal.SIGALRM, interrupt)
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:  # the queue's own limit for the whole job
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - began), 0.001), interval)
