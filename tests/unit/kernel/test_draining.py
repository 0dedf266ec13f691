"""Drains: batch after batch until nothing is left or the slice is over; then others go first."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from services.kernel.db import Wake
from services.kernel.draining import Drain, drain, drain_line, drain_tenant
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


class Line:
    """Two steps: the first makes work for the second as often as told, and time passes with each step."""

    def __init__(self, *, wakes: int = 1, seconds: float = 0.0) -> None:
        self.queue = RecordingQueue()
        self.now = 0.0
        self.done: list[Wake] = []
        self._wakes, self._seconds = wakes, seconds

    def run(self, kernel: Kernel, wake: Wake) -> None:
        """Do what one wake-up stands for."""
        steps: dict[str, Drain] = {"process_delivery": self._first, "run_turn": self._second}
        drain_line(replace(kernel, queue=self.queue), wake, steps, monotonic=lambda: self.now)

    def _first(self, kernel: Kernel, wake: Wake) -> None:
        kernel.queue.begin(wake)
        for _ in range(self._wakes):
            kernel.queue.wake([Wake("run_turn", wake.tenant_id, new_id()) for _ in range(3)])
        self._note(wake)

    def _second(self, kernel: Kernel, wake: Wake) -> None:
        kernel.queue.begin(wake)
        kernel.queue.wake([Wake("process_delivery", wake.tenant_id, new_id())])
        self._note(wake)

    def _note(self, wake: Wake) -> None:
        self.done.append(wake)
        self.now += self._seconds


TENANT = WAKE.tenant_id
TURNS = Wake("run_turn", TENANT, TENANT)


def test_a_job_goes_on_with_the_next_step_and_only_then_lets_others_go(kernel: Kernel) -> None:
    line = Line()
    line.run(kernel, WAKE)
    assert line.done == [WAKE, TURNS]
    assert line.queue.told == ["begin", "wake"], "what never stood in the queue takes no flag down"
    assert [wake.job for wake in line.queue.waiting] == ["process_delivery"], "a step before goes to the queue"


def test_when_its_time_is_over_the_next_step_waits_like_everybodys(kernel: Kernel) -> None:
    line = Line(seconds=1.0)
    line.run(kernel, WAKE)
    assert line.done == [WAKE]
    assert line.queue.waiting == [TURNS]


def test_what_is_woken_again_is_enough_for_another_worker(kernel: Kernel) -> None:
    line = Line(wakes=2)
    line.run(kernel, WAKE)
    assert line.done == [WAKE]
    assert line.queue.waiting == [TURNS]


def test_a_job_that_fails_still_wakes_for_what_it_did_before(kernel: Kernel) -> None:
    queue = RecordingQueue()

    def fail(inside: Kernel, wake: Wake) -> None:
        inside.queue.wake([Wake("run_turn", wake.tenant_id, new_id())])
        raise RuntimeError("cut off")

    with pytest.raises(RuntimeError, match="cut off"):
        drain_line(replace(kernel, queue=queue), WAKE, {"process_delivery": fail, "run_turn": fail})
    assert queue.waiting == [TURNS]


def test_another_tenants_work_is_left_to_the_queue(kernel: Kernel) -> None:
    queue = RecordingQueue()
    other = Wake("run_turn", new_id(), new_id())
    done: list[Wake] = []
    steps: dict[str, Drain] = {
        "process_delivery": lambda inside, _wake: inside.queue.wake([other]),
        "run_turn": lambda _inside, wake: done.append(wake),
    }
    drain_line(replace(kernel, queue=queue), WAKE, steps)
    assert (queue.waiting, done) == ([other], [])
