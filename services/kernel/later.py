"""Wakes a worker at a time that is near: a provider that says "in 7 seconds" is asked then, not with the next sweep.

What this process forgets when it ends, the sweeper finds.
"""

import heapq
import threading
import time
from collections.abc import Callable
from typing import Protocol

from services.kernel.db import Wake

LONGEST_SECONDS = 120.0
"""Beyond that the sweeper is exact enough."""
_MOST_WAITING = 10_000


class Later(Protocol):
    """Where wake-ups wait for their time."""

    def wake_in(self, seconds: float, wake: Wake, then: Callable[[Wake], None]) -> None:
        """Call ``then`` with the wake-up when the time has passed, unless it is too far away or too many wait."""
        ...


class Alarms:
    """One thread that waits for the next time; it begins with the first wake-up."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[tuple[float, int, Wake, Callable[[Wake], None]]] = []
        self._known: dict[Wake, float] = {}
        self._number = 0
        self._thread: threading.Thread | None = None

    def wake_in(self, seconds: float, wake: Wake, then: Callable[[Wake], None]) -> None:
        """Call ``then`` with the wake-up when the time has passed; a sooner one makes a later one needless."""
        if not 0 < seconds <= LONGEST_SECONDS:
            return
        due = time.monotonic() + seconds
        with self._changed:
            if self._known.get(wake, float("inf")) <= due or len(self._waiting) >= _MOST_WAITING:
                return
            self._known[wake] = due
            self._number += 1
            heapq.heappush(self._waiting, (due, self._number, wake, then))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="alarms", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            wake, then = self._next()
            then(wake)

    def _next(self) -> tuple[Wake, Callable[[Wake], None]]:
        with self._changed:
            while True:
                left = self._waiting[0][0] - time.monotonic() if self._waiting else None
                if left is not None and left <= 0:
                    due, _, wake, then = heapq.heappop(self._waiting)
                    if self._known.get(wake) == due:
                        del self._known[wake]
                    return wake, then
                self._changed.wait(left)
