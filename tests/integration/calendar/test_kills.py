"""A process that dies at any step of a sync or a renewal leaves a calendar whose next attempt finishes the work."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from models import SubscriptionState
from services.kernel.kernel import Kernel
from tests.support.clock import FakeClock
from tests.support.planner.scene import Diary
from tests.support.planner.source import Meeting, Source

ENOUGH_STEPS = 60


class Killed(BaseException):
    """The process ends here; nothing of its own runs any more."""


@dataclass(slots=True)
class Steps:
    """Counts what a job does, and ends it at one step: it asks for the time, calls the provider, reads its answer."""

    clock: FakeClock
    dies_at: int
    taken: int = 0

    def step(self, _what: str = "") -> None:
        """Take one."""
        self.taken += 1
        if self.taken == self.dies_at:
            raise Killed

    def now(self) -> datetime:
        """Return the time; the job's clock."""
        self.step()
        return self.clock.now()


def kill_at(diary: Diary, job: Callable[[Kernel], None], step: int) -> bool:
    """Run a job that dies at a step; return whether it died, and not ended before."""
    steps = Steps(diary.clock, step)
    diary.source.hook = diary.source.after = steps.step
    try:
        job(replace(diary.kernel, clock=steps))
    except Killed:
        return True
    finally:
        diary.source.hook = diary.source.after = lambda _call: None
    return False


def let_the_next_attempt_begin(diary: Diary) -> None:
    diary.let_lease_run_out()
    diary.clock.advance(timedelta(minutes=2))
    diary.run_due()


@pytest.mark.parametrize("kind", ["full", "incremental", "lost"])
def test_killed_in_a_sync(diary: Diary, source: Source, kind: str) -> None:
    for step in range(1, ENOUGH_STEPS):
        now = diary.clock.now()
        for number in range(5):
            starts_at = now + timedelta(days=number + step / 10)
            source.put(f"m{number}", Meeting(title=f"At {step}", starts_at=starts_at))
        source.put(f"only-{step - 1}", None)
        source.put(f"only-{step}", Meeting(title="Once", starts_at=now))
        if kind == "lost":
            source.lose_cursors()
        diary.clock.advance(timedelta(days=8) if kind == "full" else timedelta(hours=7))
        if not kill_at(diary, diary.sync, step):
            break
        let_the_next_attempt_begin(diary)
        row = diary.row()
        assert row.cursor_at is not None
        window = row.cursor_at - timedelta(days=30), row.cursor_at + timedelta(days=365)
        assert diary.cached() == source.truth(*window), f"killed at step {step}"
        assert (row.lease_token, row.attempt) == (None, 0)
    else:
        pytest.fail("the job never ended by itself")
    assert step > 8


def test_killed_in_a_renewal(diary: Diary, source: Source) -> None:
    diary.run_due()
    for step in range(1, ENOUGH_STEPS):
        diary.clock.advance(timedelta(days=1))
        if not kill_at(diary, diary.renew, step):
            break
        assert source.living(), "the last one is still in force"
        let_the_next_attempt_begin(diary)
        rows = diary.subscriptions()
        active = [row.external_id for row in rows if row.state is SubscriptionState.ACTIVE]
        assert len(active) == 1 and active[0] in source.living(), f"killed at step {step}"
        assert not [row for row in rows if row.state is SubscriptionState.STOPPING]
        unanswered = {row.external_id for row in rows if row.state is SubscriptionState.PENDING}
        assert set(source.living()) <= {active[0], *unanswered}, "whoever still speaks is known"
        assert diary.row().lease_token is None
    else:
        pytest.fail("the job never ended by itself")
    assert step > 8
