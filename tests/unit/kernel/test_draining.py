"""Drains: batch after batch until nothing is left or the slice is over; then others go first."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from services.kernel.db import Wake
from services.kernel.draining import drain, drain_tenant
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel

WAKE = Wake("process_delivery", new_id(), new_id())
NEIGHBOUR = Wake("process_delivery", new_id(), new_id())


class RecordingQueue:
    """Remembers what it is told, in order."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.waiting: list[Wake] = []

    def wake(self, wakes: Sequence[Wake]) -> None:
        """Remember wake-ups."""
        self.told.append("wake")
        self.waiting += wakes

    def wake_again(self, wakes: Sequence[Wake]) -> None:
        """Remember wake-ups."""
        self.wake(wakes)

    def begin(self, wake: Wake) -> None:
        """Remember that a job began."""
        self.told.append("begin")


def batches(*sizes: int) -> Iterator[int]:
    """Return the sizes of batches, then nothing, as often as asked."""
    yield from sizes
    while True:
        yield 0


def test_a_drain_ends_when_nothing_is_left() -> None:
    sizes = batches(200, 200, 17)
    assert drain(lambda: next(sizes), seconds=1, monotonic=lambda: 0.0) is False


def test_a_drain_ends_after_its_slice_though_more_is_left() -> None:
    times = iter([0.0, 0.2, 0.4, 0.6])
    taken: list[int] = []
    assert drain(lambda: taken.append(1) or 1, seconds=0.25, monotonic=lambda: next(times)) is True
    assert len(taken) == 2


def test_the_flag_goes_down_before_the_first_look(kernel: Kernel) -> None:
    queue = RecordingQueue()
    drain_tenant(replace(kernel, queue=queue), WAKE, lambda: queue.told.append("look") or 0)
    assert queue.told == ["begin", "look"]


def test_a_tenant_with_more_to_do_waits_behind_the_others(kernel: Kernel) -> None:
    queue = RecordingQueue()
    queue.waiting = [NEIGHBOUR]
    drain_tenant(replace(kernel, queue=queue), WAKE, lambda: 1)
    assert queue.waiting == [NEIGHBOUR, WAKE]
