"""Virtual time, and tasks that take turns where they pause: chance decides who is next, and who dies there."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from greenlet import greenlet

BEGINNING = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Crash(BaseException):
    """Stands for kill -9: nothing catches it, nothing is tidied up."""


class VirtualTime:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 0.0
        """Since the beginning."""

    def now(self) -> datetime:
        """Return the time."""
        return BEGINNING + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        """Return the time as a process's own clock tells it."""
        return self.seconds


def seconds_of(at: datetime) -> float:
    """Return how long after the beginning a time is."""
    return (at - BEGINNING).total_seconds()


def never() -> bool:
    """Wake nobody before the time is over."""
    return False


@dataclass(slots=True, eq=False)
class Task:
    """Something under way in a worker."""

    owner: int
    """The worker; all its tasks die together."""
    run: greenlet
    ready_at: float = 0.0
    is_awaited: Callable[[], bool] = field(default=never)
    """What makes it ready before its time."""


class Tasks:
    """All tasks, of which one runs at a time."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self._hub = greenlet.getcurrent()
        self._current: Task | None = None
        self.alive: list[Task] = []
        self.still: dict[int, float] = {}
        """Until when workers stand still."""

    def spawn(self, owner: int, body: Callable[[], None], *, after: float = 0.0) -> Task:
        """Begin a task when its turn comes."""
        task = Task(owner, greenlet(body, parent=self._hub), self._time.seconds + after)
        self.alive.append(task)
        return task

    def pause(self, seconds: float = 0.0, is_awaited: Callable[[], bool] = never) -> None:
        """Let others go on; called by a task.

        Args:
            seconds: how long at least.
            is_awaited: what ends the pause before.
        """
        task = self._current
        assert task is not None
        task.ready_at, task.is_awaited = self._time.seconds + seconds, is_awaited
        self._hub.switch()

    def list_ready(self) -> list[Task]:
        """Return the tasks that may go on."""
        now, still = self._time.seconds, self.still
        return [
            task
            for task in self.alive
            if still.get(task.owner, now) <= now and (task.ready_at <= now or task.is_awaited())
        ]

    def go_on(self, task: Task) -> bool:
        """Let a task go on until its next pause; return whether it took its worker with it."""
        self._current = task
        try:
            task.run.switch()
        except Crash:
            self.kill(task.owner)
            return True
        finally:
            self._current = None
        if task.run.dead:
            self.alive.remove(task)
        return False

    def kill(self, owner: int) -> None:
        """End a worker where it stands."""
        for task in [task for task in self.alive if task.owner == owner]:
            self.alive.remove(task)
            if task.run and not task.run.dead:
                try:
                    task.run.throw(Crash)
                except Crash:
                    continue

    def close(self) -> None:
        """End all tasks."""
        for owner in {task.owner for task in self.alive}:
            self.kill(owner)
