"""Deliveries in batches: in order, in company, and without harm from the one that is poison."""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import text, update
from sqlmodel import col, select

from models import DeliveryState, WebhookDelivery
from services.attempts import CUT_OFF
from services.conversations import list_conversations
from services.kernel.db import Wake
from services.kernel.ids import new_id
from services.provider_kit.registry import webhooks
from services.webhooks import drain_deliveries, effects, reading
from services.webhooks.claiming import claim
from services.webhooks.reading import read
from services.webhooks.settling import settle
from tests.support.line import Line, Shop

HOURS = "what are your opening hours"
POISON = "poison"


class Killed(BaseException):
    """Stands for kill -9: nothing catches it, nothing is tidied up."""


def write(line: Line, shop: Shop, *texts: str, sender: str = "+14155550777") -> None:
    """Let a contact write text messages, and wait until they are stored."""
    for words in texts:
        line.sandbox.wait_for_webhooks(*line.sandbox.sms(words, to=shop.number, sender=sender).event_ids)


def deliveries(line: Line, shop: Shop, *, kind: str = "sms") -> list[WebhookDelivery]:
    """Return what the tenant was sent, by arrival."""
    with line.kernel.unscoped_session("test") as session:
        return list(
            session.exec(
                select(WebhookDelivery)
                .where(col(WebhookDelivery.tenant_id) == shop.actor.tenant_id, col(WebhookDelivery.kind) == kind)
                .order_by(col(WebhookDelivery.id))
            ).all()
        )


def states(line: Line, shop: Shop) -> list[DeliveryState]:
    """Return the states of text messages, by arrival."""
    return [row.state for row in deliveries(line, shop)]


def run_out(line: Line) -> None:
    """Let all leases run out, and all retries be due."""
    past = text("now() - interval '1 hour'")
    with line.kernel.unscoped_session("test") as session:
        session.exec(update(WebhookDelivery).values(next_attempt_at=past))
        held = col(WebhookDelivery.lease_until).is_not(None)
        session.exec(update(WebhookDelivery).where(held).values(lease_until=past))


def drain(line: Line, shop: Shop) -> None:
    """Do what is due with deliveries, as a worker would."""
    drain_deliveries(line.kernel, Wake("process_delivery", shop.actor.tenant_id, shop.actor.tenant_id))


def on_poison(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Let Twilio's parser do something when it comes upon the poison."""
    module = webhooks("twilio")
    assert isinstance(module, ModuleType)
    parse = module.parse

    def parse_or_act(request: Any, **options: Any) -> Sequence[Any]:
        if POISON.encode() in request.body:
            act()
        return parse(request, **options)

    monkeypatch.setattr(module, "parse", parse_or_act)


def test_one_wake_up_does_all_that_waits(line: Line, shop: Shop) -> None:
    line.work()
    write(line, shop, *[HOURS] * 5)
    line.await_wakes()
    assert [wake.job for wake in line.queue.wakes] == ["process_delivery"]
    drain(line, shop)
    rows = deliveries(line, shop)
    assert [row.state for row in rows] == ["processed"] * 5
    assert len({row.finished_at for row in rows}) == 1, "they were settled together"
    assert [wake.job for wake in line.queue.wakes] == ["process_delivery", "run_turn"]


def test_two_workers_keep_the_order_of_a_conversation(line: Line, shop: Shop) -> None:
    """The first worker holds the first question; the second must not answer the later one before."""
    write(line, shop, HOURS)
    first = claim(line.kernel, shop.actor.tenant_id, new_first=True)
    assert first
    assert len(first.items) == 1
    write(line, shop, "when is the payout?")
    slack = line.sandbox.slack_message(HOURS, app=line.sandbox.identities.own_app.app_id)
    line.sandbox.wait_for_webhooks(*slack.event_ids)
    line.work(with_sweep=True)
    assert states(line, shop) == ["processing", "received"]
    assert len(line.sandbox.answers(service="slack")) == 1, "another connection need not wait"
    read(line.kernel, first)
    settle(line.kernel, first, first.items)
    line.work(with_sweep=True)
    assert states(line, shop) == ["processed", "processed"]
    texts = [answer.text for answer in line.sandbox.answers(service="twilio")]
    assert texts == ["We are open from 9 to 17, Monday to Friday.", "The payout goes out every Friday."]


def test_a_lease_that_was_lost_writes_nothing(line: Line, shop: Shop) -> None:
    write(line, shop, HOURS)
    slow = claim(line.kernel, shop.actor.tenant_id, new_first=True)
    assert slow
    read(line.kernel, slow)
    run_out(line)
    quick = claim(line.kernel, shop.actor.tenant_id, new_first=True)
    assert quick
    settle(line.kernel, slow, slow.items)
    assert states(line, shop) == ["processing"]
    assert list_conversations(line.kernel, actor=shop.actor).items == ()
    read(line.kernel, quick)
    settle(line.kernel, quick, quick.items)
    line.work(with_sweep=True)
    assert states(line, shop) == ["processed"]
    assert len(line.sandbox.answers(service="twilio")) == 1


def test_innocents_of_a_killed_batch_succeed_alone_and_the_killer_is_put_aside(
    line: Line, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaths = 0

    def die() -> None:
        nonlocal deaths
        deaths += 1
        raise Killed

    write(line, shop, HOURS, POISON, HOURS)
    with monkeypatch.context() as patch:
        on_poison(patch, die)
        for _ in range(5):
            try:
                drain(line, shop)
            except Killed:
                run_out(line)
    assert deaths == 3
    assert states(line, shop) == ["processed", "dead", "processed"]
    innocent, killer, other = deliveries(line, shop)
    assert (innocent.attempt, killer.attempt, other.attempt) == (2, 3, 2)
    assert (killer.cause, killer.reason) == (CUT_OFF, "Each attempt was cut off before it ended")
    write(line, shop, HOURS)
    drain(line, shop)
    assert states(line, shop)[3] == "processed"


def test_what_is_new_goes_on_while_a_killer_is_tried_for_the_last_time(
    line: Line, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die() -> None:
        raise Killed

    write(line, shop, POISON)
    with monkeypatch.context() as patch:
        on_poison(patch, die)
        for _ in range(3):
            run_out(line)
            with pytest.raises(Killed):
                drain(line, shop)
    write(line, shop, HOURS)
    drain(line, shop)
    assert states(line, shop) == ["processing", "processed"]


def test_what_hangs_is_ended_and_counts_as_cut_off(line: Line, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang() -> None:
        while True:
            sum(range(1000))

    monkeypatch.setattr(reading, "PARSE_SECONDS", 0.1)
    on_poison(monkeypatch, hang)
    write(line, shop, HOURS, POISON, HOURS)
    drain(line, shop)
    assert states(line, shop) == ["processed", "failed", "processed"], "the others of its batch are done"
    for _ in range(2):
        run_out(line)
        drain(line, shop)
    assert (deliveries(line, shop)[1].state, deliveries(line, shop)[1].cause) == ("dead", CUT_OFF)


def test_a_batch_whose_time_is_over_gives_the_rest_back(
    line: Line, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BATCH_SECONDS", -1.0)
    write(line, shop, HOURS, HOURS, HOURS)
    batch = claim(line.kernel, shop.actor.tenant_id, new_first=True)
    assert batch
    read(line.kernel, batch)
    settle(line.kernel, batch, batch.items)
    assert [(row.state, row.attempt) for row in deliveries(line, shop)] == [
        ("processed", 1),
        ("received", 0),
        ("received", 0),
    ]
    for _ in range(2):  # a slice may be over after one
        drain(line, shop)
    assert states(line, shop) == ["processed"] * 3


@pytest.mark.expects_error_logs
def test_one_that_crashes_takes_nobody_of_its_batch_along(
    line: Line, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object, **options: Any) -> None:
        if options["event"].text == POISON:
            raise ZeroDivisionError
        return receive(*_, **options)

    receive: Any = effects.receive_message
    monkeypatch.setattr(effects, "receive_message", crash)
    write(line, shop, HOURS, POISON, HOURS)
    line.work()
    assert states(line, shop) == ["processed", "failed", "processed"]
    assert len(line.sandbox.answers(service="twilio")) == 2


def test_what_comes_too_early_takes_nobody_of_its_batch_along(line: Line, shop: Shop) -> None:
    """A receipt of a message that we do not know waits; the question beside it does not."""
    write(line, shop, HOURS)
    [question] = deliveries(line, shop)
    early = WebhookDelivery.model_validate(
        {
            **question.model_dump(),
            "id": new_id(),
            "kind": "status",
            "dedupe_key": "status:early",
            "body": f"MessageSid=SM{'0' * 32}&MessageStatus=delivered&AccountSid=AC{'0' * 32}".encode(),
        }
    )
    with line.kernel.unscoped_session("test") as session:
        session.add(WebhookDelivery(**early.model_dump()))
    drain(line, shop)
    assert states(line, shop) == ["processed"]
    [receipt] = deliveries(line, shop, kind="status")
    assert (receipt.state, receipt.cause, receipt.attempt) == ("failed", "RetryLater", 1)
