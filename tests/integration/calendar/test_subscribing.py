"""Somebody always tells us of changes: the next subscription works before the last one is stopped."""

from datetime import timedelta

import pytest

from models import ConnectionStatus, SubscriptionState
from services.calendar.subscribing import SUBSCRIPTION_TABLE, TOKEN_COLUMN
from services.calendar.timing import POLL_EVERY, UNANSWERED_KEPT
from services.kernel.errors import NeedsReauth, PatchbayError, Refused, RetryLater
from services.kernel.kernel import Kernel
from services.vault import reveal
from tests.integration.connections.scene import dump_database
from tests.support.line import OnDemandQueue
from tests.support.planner.scene import Diary
from tests.support.planner.source import RESOURCE, Source

DAY = timedelta(days=1)


def test_first_subscription(diary: Diary, source: Source, kernel: Kernel, queue: OnDemandQueue) -> None:
    queue.wakes.clear()
    diary.renew()

    [row] = diary.subscriptions()
    [told] = source.subscriptions.values()
    assert (row.state, row.external_id) == (SubscriptionState.ACTIVE, told.request.id)
    assert (row.external_resource_id, row.expires_at) == (RESOURCE, told.expires_at)
    assert told.request.url == f"{kernel.settings.public_url}/api/ai-agents/webhooks/planner"
    assert len(told.request.token.reveal()) >= 43
    with kernel.unit_of_work(diary.actor.tenant_id) as work:
        opened = reveal(
            work, kernel, table=SUBSCRIPTION_TABLE, column=TOKEN_COLUMN, row_id=row.id, sealed=row.sealed_token
        )
    assert opened == told.request.token
    calendar = diary.row()
    assert (calendar.subscribe_attempt, calendar.subscribe_error, calendar.lease_token) == (0, "", None)
    assert calendar.subscribe_due_at == diary.clock.now() + DAY
    assert [wake.job for wake in queue.wakes] == ["sync_calendar"]


def test_its_token_stands_nowhere_in_the_clear(diary: Diary, source: Source, kernel: Kernel) -> None:
    diary.run_due()
    stored = dump_database(kernel)
    for told in source.subscriptions.values():
        assert told.request.token.reveal().encode() not in stored
        assert told.request.id.encode() in stored


def test_a_subscription_is_known_before_it_is_asked_for(diary: Diary, source: Source) -> None:
    seen: list[tuple[SubscriptionState, str]] = []

    def look(call: str) -> None:
        [row] = diary.subscriptions()
        seen.append((row.state, diary.notify(row.external_id)))

    source.after = look
    diary.renew()
    assert seen == [(SubscriptionState.PENDING, "The calendar changed: it is read next.")]


def test_renewed_daily_with_an_overlap(diary: Diary, source: Source) -> None:
    diary.run_due()
    [first] = diary.subscriptions()
    diary.clock.advance(DAY)
    diary.run_due()

    [second] = diary.subscriptions()
    assert second.external_id != first.external_id
    assert source.living() == [second.external_id]
    assert source.overlaps == [2], "the new one worked when the old one was stopped"


@pytest.mark.parametrize(
    ("life", "due"),
    [
        (timedelta(days=7), DAY),
        (timedelta(days=2, hours=12), timedelta(hours=12)),
        (timedelta(days=2), DAY),
        (timedelta(hours=10), timedelta(hours=5)),
        (timedelta(seconds=10), timedelta(minutes=1)),
    ],
)
def test_when_it_is_renewed_depends_on_what_was_granted(
    diary: Diary, source: Source, life: timedelta, due: timedelta
) -> None:
    source.life = life
    diary.renew()
    assert diary.row().subscribe_due_at == diary.clock.now() + due


def test_what_cannot_be_stopped_is_stopped_later(diary: Diary, source: Source) -> None:
    diary.run_due()
    diary.clock.advance(DAY)

    def fail(call: str) -> None:
        if call == "unsubscribe":
            raise RetryLater("Busy.", provider="planner")

    source.hook = fail
    diary.run_due()
    states = [row.state for row in diary.subscriptions()]
    assert states == [SubscriptionState.STOPPING, SubscriptionState.ACTIVE]
    source.hook = lambda _call: None
    diary.clock.advance(timedelta(hours=1))
    diary.run_due()
    assert [row.state for row in diary.subscriptions()] == [SubscriptionState.ACTIVE]
    assert len(source.living()) == 1


def test_what_can_never_be_stopped_is_forgotten_when_it_expires(diary: Diary, source: Source) -> None:
    diary.run_due()

    def refuse(call: str) -> None:
        if call == "unsubscribe":
            raise Refused("Channel not found.", provider="planner")

    source.hook = refuse
    for _ in range(9):
        diary.clock.advance(DAY)
        diary.run_due()
    assert len(diary.subscriptions()) <= 8


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        (Refused("Planner only calls addresses that begin with https.", provider="planner"), timedelta(hours=1)),
        (RetryLater("Down.", provider="planner", after=timedelta(minutes=3)), timedelta(minutes=3)),
    ],
)
def test_without_a_subscription_we_ask(diary: Diary, source: Source, error: PatchbayError, wait: timedelta) -> None:
    def refuse(call: str) -> None:
        if call == "subscribe":
            raise error

    source.hook = refuse
    diary.run_due()
    row = diary.row()
    assert (row.subscribe_error, row.subscribe_attempt) == (error.message, 1)
    assert row.subscribe_due_at == diary.clock.now() + wait
    assert diary.subscriptions() == []
    assert row.next_attempt_at == diary.clock.now() + POLL_EVERY
    assert diary.connection().status is ConnectionStatus.ACTIVE

    source.hook = lambda _call: None
    diary.clock.advance(wait)
    diary.run_due()
    row = diary.row()
    assert (row.subscribe_error, row.subscribe_attempt) == ("", 0)
    assert len(source.living()) == 1


def test_a_failed_renewal_leaves_the_last_one_in_force(diary: Diary, source: Source) -> None:
    diary.run_due()

    def fail(call: str) -> None:
        if call == "subscribe":
            raise RetryLater("Down.", provider="planner")

    source.hook = fail
    diary.clock.advance(DAY)
    diary.run_due()
    [row] = diary.subscriptions()
    assert row.state is SubscriptionState.ACTIVE
    assert source.living() == [row.external_id]


def test_a_refused_credential_needs_a_person(diary: Diary, source: Source) -> None:
    def refuse(call: str) -> None:
        raise NeedsReauth("Connect again.", provider="planner")

    source.hook = refuse
    diary.renew()
    assert diary.connection().status is ConnectionStatus.NEEDS_REAUTH
    assert diary.subscriptions() == []


def test_a_request_of_which_nobody_knows_is_remembered_until_it_must_be_over(diary: Diary, source: Source) -> None:
    def lose_the_answer(call: str) -> None:
        source.after = lambda _call: None
        raise RetryLater("No answer.", provider="planner", ambiguous=True)

    source.after = lose_the_answer
    diary.renew()
    [pending] = diary.subscriptions()
    assert pending.state is SubscriptionState.PENDING
    assert diary.notify(pending.external_id) == "The calendar changed: it is read next."
    diary.clock.advance(timedelta(hours=1))
    diary.run_due()
    assert [row.state for row in diary.subscriptions()] == [SubscriptionState.PENDING, SubscriptionState.ACTIVE]
    diary.clock.advance(UNANSWERED_KEPT)
    diary.run_due()
    assert [row.state for row in diary.subscriptions()] == [SubscriptionState.ACTIVE]
