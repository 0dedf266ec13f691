"""Drains: one wake-up, many rows. A job does what its tenant has to do for a slice of time, then lets others go first.

The queue is first in, first out, and at most one wake-up of a kind waits for each tenant: tenants take turns, and one
with a flood of work delays the others by a slice. What one step of the line makes due for the next, the same job does,
as far as its time goes: a message does not stand in the queue once for each step.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from services.kernel.db import Wake
from services.kernel.kernel import Kernel
from services.kernel.queue import Queue

SLICE_SECONDS = 0.25
"""How long one tenant is served before the next one that waits."""
LINE_SECONDS = 2 * SLICE_SECONDS
"""After that long a job begins no further step of the line: what little there is gets through in one go."""


def drain(
    take: Callable[[], int], *, seconds: float = SLICE_SECONDS, monotonic: Callable[[], float] = time.monotonic
) -> bool:
    """Take batches until there is nothing left or the time is over.

    Args:
        take: claims and handles one batch; returns how many rows were in it.
        seconds: the slice. A batch that has begun is finished.
        monotonic: what tells the time.

    Returns:
        Whether there may be more to do.
    """
    ends_at = monotonic() + seconds
    while take():
        if monotonic() >= ends_at:
            return True
    return False


def drain_tenant(kernel: Kernel, wake: Wake, take: Callable[[], int]) -> None:
    """Do what a tenant's wake-up stands for, and wake the tenant again if there may be more.

    Args:
        kernel: the process's seams.
        wake: what the job was woken with; its row is only a hint.
        take: claims and handles one batch of the tenant; returns how many rows were in it.
    """
    kernel.queue.begin(wake)  # before the first look at the rows: what is committed from now on wakes anew
    if drain(take):
        kernel.queue.wake([wake])


Drain = Callable[[Kernel, Wake], None]


def drain_line(
    kernel: Kernel, wake: Wake, steps: Mapping[str, Drain], *, monotonic: Callable[[], float] = time.monotonic
) -> None:
    """Do what a tenant's wake-up stands for, and go on with the later steps that this wakes, as far as its time goes.

    Args:
        kernel: the process's seams.
        wake: what the job was woken with; its job is one of the steps.
        steps: job → what it does, in the order of the line.
        monotonic: what tells the time.
    """
    ends_at = monotonic() + LINE_SECONDS
    names = list(steps)
    kept = KeptWakes(kernel.queue, tenant_id=wake.tenant_id, later_steps=names[names.index(wake.job) + 1 :])
    inside = replace(kernel, queue=kept)
    try:
        steps[wake.job](inside, wake)
        while monotonic() < ends_at and (following := kept.take()):
            steps[following.job](inside, following)
    finally:
        kept.close()


class KeptWakes:
    """The queue, as a job sees it that goes on along the line: it keeps what is woken of its tenant's later steps.

    What is woken a second time goes to the queue at once: there is enough for another worker. A worker that dies takes
    what it has kept along, and the sweeper finds it.

    Args:
        queue: where everything else goes, and what is left at the end.
        tenant_id: whose job it is.
        later_steps: names of the jobs that come after its own.
    """

    def __init__(self, queue: Queue, *, tenant_id: UUID, later_steps: Sequence[str]) -> None:
        self._queue, self._tenant_id = queue, tenant_id
        self._changed = threading.Lock()
        self._open = list(later_steps)
        """Steps whose first wake-up is kept."""
        self._kept: dict[str, Wake] = {}
        self._taken: set[str] = set()

    def wake(self, wakes: Sequence[Wake]) -> None:
        """Keep the first wake-up of each later step; pass on all others."""
        with self._changed:
            passed = [wake for wake in dict.fromkeys(map(self._of_tenant, wakes)) if not self._keep(wake)]
        if passed:
            self._queue.wake(passed)

    def wake_again(self, wakes: Sequence[Wake]) -> None:
        """Pass them on."""
        self._queue.wake_again(wakes)

    def begin(self, wake: Wake) -> None:
        """Note that a job begins; one that was kept never stood in the queue."""
        if wake.job not in self._taken:
            self._queue.begin(wake)

    def take(self) -> Wake | None:
        """Return the earliest step that was woken; from then on, whatever wakes it or a step before is passed on."""
        with self._changed:
            for place, step in enumerate(self._open):
                if step in self._kept:
                    del self._open[: place + 1]
                    self._taken.add(step)
                    return self._kept.pop(step)
        return None

    def close(self) -> None:
        """Pass on what is left, and from now on everything."""
        with self._changed:
            left = list(self._kept.values())
            self._kept.clear()
            self._open.clear()
        if left:
            self._queue.wake(left)

    def _of_tenant(self, wake: Wake) -> Wake:
        """Return one and the same wake-up for all rows of a step that is kept."""
        is_kept = wake.tenant_id == self._tenant_id and wake.job in self._open
        return Wake(wake.job, wake.tenant_id, wake.tenant_id) if is_kept else wake

    def _keep(self, wake: Wake) -> bool:
        if wake.tenant_id != self._tenant_id or wake.job not in self._open:
            return False
        if wake.job in self._kept:
            self._open.remove(wake.job)
            del self._kept[wake.job]
            return False
        self._kept[wake.job] = wake
        return True
