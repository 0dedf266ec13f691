"""When errands are done, each in slices, so that everybody's turn does not come at the same moment.

An hourly errand of 60 slices is run once a minute, for a sixtieth of those it is for. That it was run is noted in
Redis, for all schedulers together; should Redis forget it, it is run once more, which does no harm.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlmodel import Session

from services.analytics import JOB as COUNT
from services.errands import repository
from services.errands.archiving import JOB as ARCHIVE
from services.errands.repository import Slice
from services.kernel.db import Wake
from services.kernel.errors import RetryLater
from services.kernel.kernel import Kernel
from services.kernel.limiter import Paced, Taken

_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One errand: its job, how often everybody's turn comes, and in how many slices."""

    job: str
    every: timedelta
    slices: int
    find: Callable[[Session, Slice, datetime], Sequence[tuple[UUID, UUID]]]
    """Returns (tenant, row) of those whose turn it is."""

    @property
    def tick(self) -> timedelta:
        """How long a slice's turn lasts."""
        return self.every / self.slices

    def slice_at(self, at: datetime) -> Slice:
        """Return whose turn it is at a time."""
        return Slice(number=int((at - _EPOCH) / self.tick) % self.slices, count=self.slices)


ERRANDS = (
    Errand(job="name_contact", every=timedelta(hours=1), slices=60, find=repository.list_contacts),
    Errand(job=ARCHIVE, every=timedelta(weeks=1), slices=168, find=repository.list_tenants),
    Errand(job=COUNT, every=timedelta(hours=1), slices=60, find=repository.list_tenants),
)


def run_due(kernel: Kernel) -> int:
    """Wake workers for the errands whose turn it is; return how many wake-ups there were."""
    wakes = [wake for errand in ERRANDS for wake in _due(kernel, errand)]
    if wakes:
        kernel.queue.wake_again(wakes)
    return len(wakes)


def _due(kernel: Kernel, errand: Errand) -> list[Wake]:
    turn = Paced(key=f"patchbay:errand:{errand.job}", interval=errand.tick, burst=1)
    try:
        taken = kernel.limiter.take((), (turn,))
    except RetryLater:  # without Redis nobody could be woken either
        return []
    if not isinstance(taken, Taken):
        return []
    now = kernel.clock.now()
    with kernel.unscoped_session("errands.find_due") as session:
        return [Wake(errand.job, *ids) for ids in errand.find(session, errand.slice_at(now), now)]
