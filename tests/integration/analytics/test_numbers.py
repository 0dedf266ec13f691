"""The numbers, against a recount message by message; for nobody but the tenant, and for those who may read."""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from uuid import UUID

import pytest

from models import MessageState, Role, TurnState
from services.analytics import AnalyticsView, NumbersView, get_analytics
from services.kernel.errors import InvalidInput, NotFound
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.tenants import Actor
from tests.integration.analytics.conftest import NOW
from tests.integration.analytics.history import History, Written, owner_of

CHANNELS = {"slack_dm": "slack", "slack_channel": "slack", "email": "email", "sms": "sms", "chat": "chat"}
UNARRIVED = (MessageState.FAILED, MessageState.UNKNOWN)


def anything(seed: int, count: int, *, days: int) -> list[Written]:
    """Return messages of all kinds at any time, some of them on the edges of days and hours."""
    chance = random.Random(seed)
    return [one(chance, timedelta(days=days)) for _ in range(count)]


def one(chance: random.Random, reach: timedelta) -> Written:
    """Return a message as chance has it."""
    at = NOW - timedelta(milliseconds=round(chance.random() * reach / timedelta(milliseconds=1)))
    if chance.random() < 0.3:
        at = at.replace(minute=0, second=0, microsecond=0)
    turn = chance.choices([TurnState.DONE, TurnState.SKIPPED, TurnState.DEAD, TurnState.DUE], [80, 10, 5, 5])[0]
    answer = chance.choice([*MessageState][1:]) if turn is TurnState.DONE and chance.random() < 0.9 else None
    took = timedelta(milliseconds=chance.randrange(1, 90_000))
    return Written(
        at=at,
        agent=chance.randrange(2),
        kind=chance.choice([*CHANNELS]),
        turn=turn,
        answer=answer,
        took=took if answer in (MessageState.SENT, MessageState.DELIVERED) and chance.random() < 0.95 else None,
        handed_over=turn is TurnState.DEAD or (turn is TurnState.DONE and chance.random() < 0.1),
    )


def recount(messages: Sequence[Written]) -> NumbersView:
    """Count one by one."""
    asked = [item for item in messages if item.turn is not TurnState.SKIPPED]
    answered = [item for item in messages if item.answer in (MessageState.SENT, MessageState.DELIVERED)]
    failed = [item for item in messages if item.turn is TurnState.DEAD or item.answer in UNARRIVED]
    handed_over = [item for item in messages if item.handed_over]
    took = sorted(item.took / timedelta(milliseconds=1) for item in answered if item.took is not None)
    points = quantiles(took, n=100, method="inclusive") if len(took) > 1 else took * 99
    return NumbersView(
        inbound=len(messages),
        asked=len(asked),
        answered=len(answered),
        failed=len(failed),
        handed_over=len(handed_over),
        p50_ms=round(points[49]) if points else None,
        p95_ms=round(points[94]) if points else None,
        failure_rate=len(failed) / len(asked) if asked else None,
        hand_over_rate=len(handed_over) / len(asked) if asked else None,
    )


def check(view: AnalyticsView, messages: Sequence[Written], agents: Sequence[UUID]) -> None:
    """Hold a view to a recount."""

    def counted(keep: Callable[[Written], bool]) -> NumbersView:
        return recount([item for item in inside if keep(item)])

    inside = [item for item in messages if view.total.since <= item.at < view.total.until]
    before = [item for item in messages if view.before.since <= item.at < view.before.until]
    near(view.total.numbers, recount(inside))
    near(view.before.numbers, recount(before))
    for bucket in view.buckets:
        near(bucket.numbers, counted(lambda item, bucket=bucket: bucket.since <= item.at < bucket.until))
    for part in view.by_channel:
        near(part.numbers, counted(lambda item, part=part: CHANNELS[item.kind] == part.key))
    for part in view.by_agent:
        near(part.numbers, counted(lambda item, part=part: str(agents[item.agent]) == part.key))
    for parts in (view.by_channel, view.by_agent, view.buckets):
        assert sum(part.numbers.inbound for part in parts) == len(inside)


def near(found: NumbersView, expected: NumbersView) -> None:
    """Compare; quantiles are true to within one percent, and a millisecond by their rounding."""
    for name in ("p50_ms", "p95_ms"):
        got, right = getattr(found, name), getattr(expected, name)
        assert (got is None) == (right is None), name
        assert right is None or abs(got - right) <= 1 + right / 100, name
    for name in ("inbound", "asked", "answered", "failed", "handed_over", "failure_rate", "hand_over_rate"):
        assert getattr(found, name) == getattr(expected, name), name


@pytest.mark.parametrize(("span", "days"), [("24h", 3), ("7d", 16), ("30d", 70), ("90d", 190)])
def test_numbers_are_those_of_a_recount(kernel: Kernel, owner: Actor, history: History, span: str, days: int) -> None:
    messages = anything(days, 250, days=days)
    history.add(messages)
    view = get_analytics(kernel, actor=owner, span=span)
    assert (view.time_zone, view.as_of, len(view.by_agent)) == ("Europe/Berlin", NOW, 2)
    assert view.total.numbers.inbound > 50 and view.before.numbers.inbound > 50
    check(view, messages, history.agents)


def test_an_agent_and_a_channel_are_counted_alone(kernel: Kernel, owner: Actor, history: History) -> None:
    messages = anything(1, 250, days=14)
    history.add(messages)
    ada = history.agents[0]
    check(
        get_analytics(kernel, actor=owner, agent_id=ada), [item for item in messages if item.agent == 0], history.agents
    )
    slack = get_analytics(kernel, actor=owner, channel="slack")
    check(slack, [item for item in messages if CHANNELS[item.kind] == "slack"], history.agents)
    assert [part.key for part in slack.by_channel] == ["slack"]


def test_days_are_the_tenants(kernel: Kernel, owner: Actor, history: History) -> None:
    """At half past eleven in the evening in UTC it is tomorrow in Berlin."""
    late = datetime(2026, 10, 24, 22, 30, tzinfo=UTC)
    history.add([Written(at=late), Written(at=late + timedelta(hours=24))])
    view = get_analytics(kernel, actor=owner, span="7d")
    counts = {bucket.since: (bucket.until - bucket.since, bucket.numbers.inbound) for bucket in view.buckets}
    sunday = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
    assert counts[sunday] == (timedelta(hours=25), 2)


def test_nothing_is_nothing_and_not_zero(kernel: Kernel, owner: Actor, history: History) -> None:
    history.add([Written(at=NOW, turn=TurnState.SKIPPED, answer=None)])
    numbers = get_analytics(kernel, actor=owner, span="24h").total.numbers
    assert (numbers.inbound, numbers.asked) == (1, 0)
    assert (numbers.p50_ms, numbers.failure_rate, numbers.hand_over_rate) == (None, None, None)


def test_dead_letters_stand_beside_as_nobody_knows_whose_they_are(
    kernel: Kernel, owner: Actor, history: History
) -> None:
    history.add_dead(NOW - timedelta(days=1))
    history.add_dead(NOW - timedelta(days=20))
    assert get_analytics(kernel, actor=owner, span="7d").dead_letters == 1
    assert get_analytics(kernel, actor=owner, span="30d").dead_letters == 2
    assert get_analytics(kernel, actor=owner, channel="sms").dead_letters is None
    assert get_analytics(kernel, actor=owner, agent_id=history.agents[0]).dead_letters is None


def test_what_is_asked_for_wrongly_is_named(kernel: Kernel, owner: Actor, history: History) -> None:
    for field, asked in (("span", "1y"), ("channel", "fax")):
        with pytest.raises(InvalidInput) as caught:
            get_analytics(kernel, actor=owner, **{field: asked})  # pyright: ignore[reportArgumentType]
        assert caught.value.field == field
    with pytest.raises(NotFound):
        get_analytics(kernel, actor=owner, agent_id=new_id())


def test_others_are_not_counted_and_their_agents_are_not_there(kernel: Kernel, owner: Actor, history: History) -> None:
    history.add([Written(at=NOW)])
    history.add_dead(NOW)
    other = owner_of(kernel, "Southwind")
    view = get_analytics(kernel, actor=other, span="24h")
    assert (view.total.numbers.inbound, view.dead_letters, view.by_agent) == (0, 0, ())
    with pytest.raises(NotFound):
        get_analytics(kernel, actor=other, agent_id=history.agents[0])


@pytest.mark.parametrize("role", Role)
def test_every_role_may_read(kernel: Kernel, owner: Actor, role: Role) -> None:
    reader = Actor(tenant_id=owner.tenant_id, kind="user", id=None, label="Vi", role=role)
    assert get_analytics(kernel, actor=reader).total.numbers.inbound == 0
