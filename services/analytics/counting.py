"""Counts the hours that are over, so that a look at three months reads no messages.

An hour is counted two or three hours after it ended, and again whenever its rows changed. A change is written down by
triggers, in the transaction that makes it. One that was already under way when they were told which hours to watch may
not be: so hours are counted only once all those have ended.
"""

from datetime import datetime, timedelta
from time import monotonic
from uuid import UUID

from models import TallyProgress
from services.analytics import progress_repository, repository
from services.analytics.tallies import HOUR, hour_of
from services.kernel.db import UnitOfWork
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel

JOB = "count_hours"
KEPT = timedelta(days=190)
"""The longest span and the one before it."""
_SETTLING = HOUR
"""Most of what becomes of an hour's messages is known by then."""
_AT_ONCE = timedelta(days=7)
_CHANGES_AT_ONCE = 100
"""How much is counted in one transaction."""
_MOST_SECONDS = 5.0


def count_hours(kernel: Kernel, *, tenant_id: UUID) -> None:
    """Count a tenant's hours that are over, and those that have changed. Running it twice does no harm.

    It leaves the worker to others after a few seconds, and wakes itself for the rest.
    """
    ends_at = monotonic() + _MOST_SECONDS
    with kernel.unit_of_work(tenant_id) as work:
        _begin(kernel, work)
    for step in (_count_some, _count_changed_again):
        is_done = False
        while not is_done:
            with kernel.unit_of_work(tenant_id) as work:
                is_done = step(work, _locked(work))
                if not is_done and monotonic() >= ends_at:
                    work.wake(JOB, tenant_id)
                    return
    with kernel.unit_of_work(tenant_id) as work:
        _watch(work, _locked(work), until=hour_of(kernel.clock.now() - _SETTLING))
    with kernel.unit_of_work(tenant_id) as work:
        _note_who_knows(work, _locked(work))


def _begin(kernel: Kernel, work: UnitOfWork) -> None:
    """Note that nothing is counted yet, or forget what is old."""
    oldest = hour_of(kernel.clock.now() - KEPT)
    progress = progress_repository.lock_progress(work)
    if progress is None:
        none = TallyProgress(
            tenant_id=work.tenant_id, id=new_id(), counted_since=oldest, counted_until=oldest, watched_until=oldest
        )
        progress_repository.add_progress(work, none)
        return
    progress.counted_since = max(progress.counted_since, oldest)
    progress_repository.forget_before(work, progress.counted_since)


def _locked(work: UnitOfWork) -> TallyProgress:
    progress = progress_repository.lock_progress(work)
    assert progress is not None, "written before"
    return progress


def _count_some(work: UnitOfWork, progress: TallyProgress) -> bool:
    """Count some of the hours that are watched; return whether none is left, or they are to wait."""
    known_from = progress.watched_from
    if known_from is None or progress_repository.first_open_transaction(work) < known_from:
        return True
    until = min(progress.counted_until + _AT_ONCE, progress.watched_until)
    if until > progress.counted_until:
        _count(work, progress.counted_until, until)
    progress.counted_until = until
    return until == progress.watched_until


def _count_changed_again(work: UnitOfWork, progress: TallyProgress) -> bool:
    """Count some of the hours again that have changed; return whether none is left.

    A change is forgotten before its hour is counted: what comes in between is counted, and is counted once more.
    """
    found = progress_repository.list_changed_hours(
        work, since=progress.counted_since, until=progress.counted_until, limit=_CHANGES_AT_ONCE
    )
    hours = sorted(found)
    progress_repository.forget_changes(work, hours)
    for hour in hours:
        _count(work, hour, hour + HOUR)
    return len(hours) < _CHANGES_AT_ONCE


def _count(work: UnitOfWork, since: datetime, until: datetime) -> None:
    hours = [since + number * HOUR for number in range((until - since) // HOUR + 1)]
    keys = {"tenant_id": work.tenant_id}
    rows = [{**row, **keys, "id": new_id()} for row in repository.count_hours(work, hours)]
    progress_repository.replace_tallies(work, since=since, until=until, rows=rows)


def _watch(work: UnitOfWork, progress: TallyProgress, *, until: datetime) -> None:
    """Have changes written down of the hours that are counted next."""
    if progress.watched_until == progress.counted_until and until > progress.watched_until:
        progress.watched_until, progress.watched_from = until, None


def _note_who_knows(work: UnitOfWork, progress: TallyProgress) -> None:
    """Note from which transaction on everybody knows what is watched; it was committed before this one began."""
    if progress.watched_from is None and progress.watched_until > progress.counted_until:
        progress.watched_from = progress_repository.next_transaction(work)
