"""A sync that fails says so, is tried again at its own pace, and keeps the connection's state true."""

from datetime import timedelta

import pytest

from models import CauseClass, ConnectionStatus
from services.kernel.errors import NeedsReauth, Refused, RetryLater
from services.kernel.kernel import Kernel
from services.webhooks import sweep
from tests.integration.calendar.meetings import put, truth
from tests.support.circuits import set_circuit
from tests.support.clock import FakeClock
from tests.support.line import OnDemandQueue
from tests.support.planner.scene import Diary
from tests.support.planner.source import Source


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        (RetryLater("Busy.", provider="planner"), None),
        (RetryLater("Slow down.", provider="planner", status=429, after=timedelta(minutes=7)), timedelta(minutes=7)),
        (Refused("No such calendar.", provider="planner"), timedelta(hours=1)),
    ],
)
def test_trouble_is_noted_and_tried_again(
    diary: Diary, source: Source, error: RetryLater | Refused, wait: timedelta | None
) -> None:
    put(source, "m")

    def fail(call: str) -> None:
        raise error

    source.hook = fail
    diary.sync()
    row = diary.row()
    assert (row.sync_note, row.attempt, row.lease_token) == (error.message, 1, None)
    expected = wait or timedelta(seconds=60)
    assert expected <= row.next_attempt_at - diary.clock.now() <= expected * 1.25
    assert diary.connection().status is ConnectionStatus.ACTIVE

    source.hook = lambda _call: None
    diary.clock.advance(expected * 1.25)
    diary.run_due()
    assert diary.cached() == truth(diary)
    assert (diary.row().attempt, diary.connection().error_count) == (0, 0)


def test_notifications_do_not_hurry_a_sync_that_fails(diary: Diary, source: Source) -> None:
    diary.run_due()
    [subscription] = diary.subscriptions()

    def fail(call: str) -> None:
        raise RetryLater("Slow down.", provider="planner", status=429, after=timedelta(minutes=7))

    source.hook = fail
    diary.notify(subscription.external_id)
    diary.sync()
    due_at = diary.row().next_attempt_at
    diary.notify(subscription.external_id)
    assert diary.row().next_attempt_at == due_at == diary.clock.now() + timedelta(minutes=7)


def test_a_provider_that_is_down_degrades_the_connection_and_its_return_heals_it(diary: Diary, source: Source) -> None:
    def fail(call: str) -> None:
        raise RetryLater("Down.", provider="planner", status=503)

    source.hook = fail
    for _ in range(2):
        diary.sync()
        diary.clock.advance(timedelta(minutes=5))
    degraded = diary.connection()
    assert (degraded.status, degraded.cause) == (ConnectionStatus.DEGRADED, CauseClass.PROVIDER_DOWN)
    source.hook = lambda _call: None
    diary.run_due()
    assert diary.connection().status is ConnectionStatus.ACTIVE


def test_a_refused_credential_parks_the_calendar(
    diary: Diary, source: Source, kernel: Kernel, clock: FakeClock, queue: OnDemandQueue
) -> None:
    def refuse(call: str) -> None:
        raise NeedsReauth("Connect again.", provider="planner")

    source.hook = refuse
    diary.sync()
    assert diary.connection().status is ConnectionStatus.NEEDS_REAUTH
    calls: list[str] = []
    source.hook = calls.append
    clock.advance(timedelta(hours=1))
    diary.sync()
    diary.renew()
    assert calls == []
    queue.wakes.clear()
    sweep.run(kernel)
    assert diary.id not in {wake.row_id for wake in queue.wakes}


@pytest.mark.expects_error_logs
def test_a_bug_in_a_provider_is_tried_again_and_says_no_more(diary: Diary, source: Source) -> None:
    def crash(call: str) -> None:
        raise KeyError("somebody's secret meeting")

    source.hook = crash
    diary.sync()
    assert diary.row().sync_note == "An error in Patchbay; see the server's log."
    assert diary.connection().error_count == 0


def test_a_calendar_behind_an_open_circuit_waits_and_says_so(diary: Diary, source: Source) -> None:
    put(source, "m")
    asked: list[str] = []
    source.hook = asked.append
    set_circuit(diary.kernel, diary.connection_id, next_call="+ interval '25 seconds'")
    next_call_at = diary.connection().circuit_next_at
    diary.sync()
    diary.renew()
    assert asked == [] and diary.subscriptions() == []
    row = diary.row()
    assert row.sync_note.startswith("Planner does not answer; tried again at ")
    assert row.next_attempt_at == next_call_at

    set_circuit(diary.kernel, diary.connection_id, next_call=None)
    diary.clock.advance(timedelta(seconds=30))
    diary.run_due()
    assert diary.cached() == truth(diary) and len(diary.subscriptions()) == 1
