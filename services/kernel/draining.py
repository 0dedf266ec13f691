"""Drains: one wake-up, many rows. A job does what its tenant has to do for a slice of time, then lets others go first.

The queue is first in, first out, and at most one wake-up of a kind waits for each tenant: tenants take turns, and one
with a flood of work delays the others by a slice.
"""

import time
from collections.abc import Callable

from services.kernel.db import Wake
from services.kernel.kernel import Kernel

SLICE_SECONDS = 0.25
"""How long one tenant is served before the next one that waits."""


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
