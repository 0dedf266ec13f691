"""Hours that were counted say what the rows say: at once, whatever comes late, changes or goes."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, text
from sqlmodel import col, select

from models import Conversation, Message, MessageState, Tally, TallyChange, TallyProgress, Turn, TurnState
from services.analytics import AnalyticsView, count_hours, get_analytics
from services.analytics.counting import KEPT
from services.kernel.kernel import Kernel
from services.kernel.tenancy import unscoped
from services.tenants import Actor, set_time_zone
from tests.integration.analytics.conftest import NOW
from tests.integration.analytics.history import History, Written, owner_of
from tests.integration.analytics.test_numbers import anything, check
from tests.support.clock import FakeClock

HOUR = timedelta(hours=1)
OLD = (NOW - timedelta(days=3)).replace(minute=30)


def count(kernel: Kernel, actor: Actor) -> None:
    """Do the errand until all is counted: hours are watched first, and a slow machine needs several slices."""
    for _ in range(20):
        count_hours(kernel, tenant_id=actor.tenant_id)
        row = progress(kernel, actor)
        if row.counted_until == row.watched_until and not changes(kernel, actor):
            return
    raise AssertionError("Not all was counted.")


def progress(kernel: Kernel, actor: Actor) -> TallyProgress:
    with kernel.unit_of_work(actor.tenant_id) as work:
        return work.session.exec(select(TallyProgress).where(col(TallyProgress.tenant_id) == actor.tenant_id)).one()


def tallied(kernel: Kernel, actor: Actor) -> int:
    """Return how many messages the tallies say came in."""
    with kernel.unit_of_work(actor.tenant_id) as work:
        statement = select(func.coalesce(func.sum(Tally.inbound), 0)).where(col(Tally.tenant_id) == actor.tenant_id)
        return work.session.exec(statement).one()


def changes(kernel: Kernel, actor: Actor) -> int:
    with kernel.unit_of_work(actor.tenant_id) as work:
        statement = select(func.count()).where(col(TallyChange.tenant_id) == actor.tenant_id)
        return work.session.connection().execute(statement).scalar_one()


def views(kernel: Kernel, actor: Actor) -> list[AnalyticsView]:
    return [get_analytics(kernel, actor=actor, span=span) for span in ("24h", "7d", "30d", "90d")]


def views_of_rows(kernel: Kernel, actor: Actor) -> list[AnalyticsView]:
    """Return what is shown if nothing was counted in advance; it is counted anew afterwards."""
    with kernel.unit_of_work(actor.tenant_id) as work:
        work.session.exec(delete(TallyProgress).where(col(TallyProgress.tenant_id) == actor.tenant_id))
    return views(kernel, actor)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kathmandu"])
def test_counted_hours_say_what_a_recount_says(kernel: Kernel, owner: Actor, history: History, zone: str) -> None:
    """Nepal's days begin at a quarter past an hour of the tallies'."""
    set_time_zone(kernel, actor=owner, time_zone=zone)
    messages = anything(11, 400, days=185)
    history.add(messages)
    count(kernel, owner)
    until = progress(kernel, owner).counted_until
    assert timedelta() <= NOW - HOUR - until < HOUR
    assert tallied(kernel, owner) == sum(item.at < until for item in messages)
    for view in views(kernel, owner):
        check(view, messages, history.agents)
    for name in ("slack", "sms"):
        view = get_analytics(kernel, actor=owner, span="90d", channel=name, agent_id=history.agents[0])
        assert 0 < view.total.numbers.inbound == sum(item.numbers.inbound for item in view.buckets)
    shown = views(kernel, owner)
    assert views_of_rows(kernel, owner) == shown


def late_arrival(history: History) -> None:
    history.add([Written(at=OLD, took=timedelta(hours=40)), Written(at=OLD - 60 * timedelta(days=1))])


def late_receipt(history: History) -> None:
    with history.kernel.unit_of_work(history.tenant_id) as work:
        answers = work.session.exec(
            select(Message).where(
                col(Message.tenant_id) == history.tenant_id, col(Message.state) == MessageState.DELIVERED
            )
        )
        for answer in list(answers)[:40]:
            answer.state = MessageState.FAILED


def turns_that_end_late(history: History) -> None:
    with history.kernel.unit_of_work(history.tenant_id) as work:
        for turn in work.session.exec(
            select(Turn).where(col(Turn.tenant_id) == history.tenant_id, col(Turn.state) == TurnState.DUE)
        ):
            turn.state, turn.handed_over = TurnState.DEAD, True


def lost_history(history: History) -> None:
    with history.kernel.unit_of_work(history.tenant_id) as work:
        work.session.exec(
            delete(Conversation).where(
                col(Conversation.tenant_id) == history.tenant_id, col(Conversation.channel_kind) == "sms"
            )
        )


def lost_answers(history: History) -> None:
    with history.kernel.unit_of_work(history.tenant_id) as work:
        work.session.exec(
            delete(Message).where(
                col(Message.tenant_id) == history.tenant_id, col(Message.state) == MessageState.DELIVERED
            )
        )


@pytest.mark.parametrize("happen", [late_arrival, late_receipt, turns_that_end_late, lost_history, lost_answers])
def test_what_changes_afterwards_shows_at_once_and_is_counted_again(
    kernel: Kernel, owner: Actor, history: History, happen: Callable[[History], None]
) -> None:
    history.add(anything(5, 300, days=80))
    count(kernel, owner)
    before = views(kernel, owner)

    happen(history)

    assert changes(kernel, owner) > 0
    at_once = views(kernel, owner)
    assert at_once != before
    count(kernel, owner)
    assert changes(kernel, owner) == 0
    assert views(kernel, owner) == at_once
    assert views_of_rows(kernel, owner) == at_once


def test_what_changes_nothing_that_is_counted_is_not_counted_again(
    kernel: Kernel, owner: Actor, history: History
) -> None:
    history.add(anything(6, 50, days=20))
    count(kernel, owner)
    with kernel.unit_of_work(owner.tenant_id) as work:
        for row in work.session.exec(select(Message).where(col(Message.tenant_id) == owner.tenant_id)):
            row.error_text = "Another word for it"
    history.add([Written(at=NOW - timedelta(minutes=5))])
    assert changes(kernel, owner) == 0


def test_a_change_that_was_under_way_is_waited_for(kernel: Kernel, owner: Actor, history: History) -> None:
    """Its triggers ran before anybody had said which hours to watch."""
    [_] = history.add([Written(at=OLD)])
    with unscoped("a test looks on"), kernel.database.engine.connect() as slow:
        slow.execute(text("SELECT set_config('patchbay.unscoped', 'test', true)"))
        slow.execute(text("UPDATE turn SET handed_over = true"))
        for _ in range(3):
            count_hours(kernel, tenant_id=owner.tenant_id)
        assert tallied(kernel, owner) == 0
        slow.commit()
    assert get_analytics(kernel, actor=owner).total.numbers.handed_over == 1
    count_hours(kernel, tenant_id=owner.tenant_id)
    assert (tallied(kernel, owner), changes(kernel, owner)) == (1, 0)
    assert get_analytics(kernel, actor=owner).total.numbers.handed_over == 1


def test_hours_that_nobody_asks_for_are_forgotten(
    kernel: Kernel, owner: Actor, history: History, clock: FakeClock
) -> None:
    history.add([Written(at=OLD), Written(at=NOW - 2 * HOUR)])
    count(kernel, owner)
    assert tallied(kernel, owner) == 2
    clock.advance(KEPT - timedelta(days=1))
    count(kernel, owner)
    assert tallied(kernel, owner) == 1
    assert progress(kernel, owner).counted_since == (clock.now() - KEPT).replace(minute=0)


def test_others_tallies_are_their_own(kernel: Kernel, owner: Actor, history: History) -> None:
    history.add([Written(at=OLD)])
    other = owner_of(kernel, "Southwind")
    count(kernel, owner)
    count(kernel, other)
    assert (tallied(kernel, owner), tallied(kernel, other)) == (1, 0)
    late_receipt(history)
    assert (changes(kernel, owner), changes(kernel, other)) == (1, 0)
