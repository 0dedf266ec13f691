"""Accepted means done, once: duplicates, retries, and workers that die at the worst moment."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text, update
from sqlmodel import col, select

from models import Connection, Conversation, Message, MessageState, Turn, WebhookDelivery
from services import sending
from services.conversations import get_thread, give_back, list_conversations, take_over
from services.kernel.db import Wake
from services.kernel.http import OutboundClient, OutboundResponse
from services.sending.stored import StoredOutbox
from services.turns import answering, run_due
from services.webhooks import get_delivery, list_deliveries
from services.webhooks.sweep import run as sweep
from tests.support.line import Line, Shop

HOURS = "what are your opening hours"


def expire_leases(line: Line) -> None:
    """Let all leases run out, and all waiting work be due."""
    past = text("now() - interval '1 hour'")
    with line.kernel.unscoped_session("test") as session:
        for model in (WebhookDelivery, Turn, Message):
            session.exec(update(model).values(next_attempt_at=past))
        for model in (WebhookDelivery, Turn, Message, Conversation):
            session.exec(update(model).where(col(model.lease_until).is_not(None)).values(lease_until=past))
        session.exec(update(Connection).values(held_until=None))


def await_attempts(line: Line, events: tuple[str, ...], count: int) -> None:
    """Wait until each of these webhooks was delivered that often."""
    line.sandbox.wait_until(
        lambda ledger: all(len(item.statuses) >= count for item in ledger.webhooks if item.id in events),
        what=f"{count} deliveries of each event",
    )


def outbound(line: Line) -> Message:
    """Return the one answer in the outbox."""
    with line.kernel.unscoped_session("test") as session:
        return session.exec(select(Message).where(col(Message.direction) == "outbound")).one()


def test_event_delivered_twice_at_once_and_later_again_is_answered_once(line: Line, shop: Shop) -> None:
    app = line.sandbox.identities.own_app.app_id
    slack = line.sandbox.slack_message(HOURS, app=app)
    sms = line.sandbox.sms(HOURS, to=shop.number)
    line.sandbox.wait_for_webhooks(*slack.event_ids, *sms.event_ids)
    events = (*slack.event_ids, *sms.event_ids)
    for times, attempts in ((2, 3), (1, 4)):
        for event in events:
            line.sandbox.deliver_again(event, times=times)
        await_attempts(line, events, attempts)
        line.work()
    assert [answer.service for answer in line.sandbox.answers()].count("slack") == 1
    assert [answer.service for answer in line.sandbox.answers()].count("twilio") == 1
    [delivery] = list_deliveries(line.kernel, actor=shop.actor, connection_id=shop.slack.id, state="processed").items
    assert delivery.duplicates == 3


def test_jobs_that_run_twice_do_no_harm(line: Line, shop: Shop) -> None:
    written = line.sandbox.sms(HOURS, to=shop.number)
    line.sandbox.wait_for_webhooks(*written.event_ids)
    seen: list[Wake] = []
    while line.queue.wakes:
        wake = line.queue.wakes.popleft()
        seen.append(wake)
        line.run_job(wake)
        line.run_job(wake)
    for wake in seen:
        line.run_job(wake)
    line.work(with_sweep=True)
    assert len(line.sandbox.answers(service="twilio")) == 1


def test_sweeper_finds_what_a_lost_queue_forgot(line: Line, shop: Shop) -> None:
    written = line.sandbox.sms(HOURS, to=shop.number)
    line.sandbox.wait_for_webhooks(*written.event_ids)
    for _ in range(3):
        line.lose_wakes()
        line.work(with_sweep=False)
        assert line.sandbox.answers(service="twilio") == []
        sweep(line.kernel)
        line.run_step(line.queue.wakes.popleft())
    assert len(line.sandbox.answers(service="twilio")) == 1


class Killed(BaseException):
    """Stands for kill -9: nothing catches it, nothing is tidied up."""


def test_worker_killed_during_the_turn_answers_once(line: Line, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object, **__: object) -> None:
        raise Killed

    written = line.sandbox.sms(HOURS, to=shop.number)
    line.sandbox.wait_for_webhooks(*written.event_ids)
    with monkeypatch.context() as patch:
        patch.setattr(answering, "settle_turns", die)
        with pytest.raises(Killed):
            line.work()
    line.work(with_sweep=True)
    assert line.sandbox.answers(service="twilio") == []
    expire_leases(line)
    line.work(with_sweep=True)
    assert len(line.sandbox.answers(service="twilio")) == 1


@pytest.mark.parametrize("channel", ["slack", "twilio"])
@pytest.mark.parametrize("moment", ["before the request", "after the request"])
def test_worker_killed_while_sending_neither_loses_nor_repeats(
    line: Line, shop: Shop, monkeypatch: pytest.MonkeyPatch, channel: str, moment: str
) -> None:
    def die(*_: object, **__: object) -> None:
        raise Killed

    def die_when_sending(client: OutboundClient, method: str, url: str, **options: Any) -> OutboundResponse:
        if url.endswith(("/chat.postMessage", "/Messages.json")):
            raise Killed
        return request(client, method, url, **options)

    request = OutboundClient.request
    if channel == "slack":
        written = line.sandbox.slack_message(HOURS, app=line.sandbox.identities.own_app.app_id)
    else:
        written = line.sandbox.sms(HOURS, to=shop.number)
    line.sandbox.wait_for_webhooks(*written.event_ids)
    with monkeypatch.context() as patch:
        if moment == "after the request":
            patch.setattr(StoredOutbox, "settle", die)
        else:
            patch.setattr(OutboundClient, "request", die_when_sending)
        with pytest.raises(Killed):
            line.work()
    assert outbound(line).state is MessageState.SENDING
    expire_leases(line)
    line.work(with_sweep=True)
    line.work(with_sweep=True)
    assert len(line.sandbox.answers(service=channel)) == 1
    assert outbound(line).state in (MessageState.SENT, MessageState.DELIVERED)


@pytest.mark.parametrize("kind", ["accept_then_hang", "reset"])
def test_ambiguous_answer_is_looked_up_not_repeated(line: Line, shop: Shop, kind: str) -> None:
    written = line.sandbox.slack_message(HOURS, app=line.sandbox.identities.own_app.app_id)
    line.sandbox.wait_for_webhooks(*written.event_ids)
    line.sandbox.fail("slack", kind, method="chat.postMessage", seconds=30)
    line.work()
    assert outbound(line).state is MessageState.SENDING
    expire_leases(line)
    line.work(with_sweep=True)
    line.work(with_sweep=True)
    assert len(line.sandbox.answers(service="slack")) == 1
    assert outbound(line).state is MessageState.SENT


def test_busy_provider_is_asked_again_when_it_says(line: Line, shop: Shop) -> None:
    written = line.sandbox.slack_message(HOURS, app=line.sandbox.identities.own_app.app_id)
    line.sandbox.wait_for_webhooks(*written.event_ids)
    line.sandbox.fail("slack", "429", method="chat.postMessage", retry_after=7)
    line.work()
    message = outbound(line)
    assert message.state is MessageState.QUEUED
    with line.kernel.unscoped_session("test") as session:
        due_in = session.exec(select(col(Message.next_attempt_at) - text("now()")).where(col(Message.id) == message.id))
        assert timedelta(seconds=5) < due_in.one() <= timedelta(seconds=7.7)
    expire_leases(line)
    line.work(with_sweep=True)
    assert len(line.sandbox.answers(service="slack")) == 1


def test_opt_out_stops_answers_and_opt_in_brings_them_back(line: Line, shop: Shop) -> None:
    for words in ("STOP", HOURS, " start ", HOURS):
        line.settle(*line.sandbox.sms(words, to=shop.number).event_ids)
    thread = list_conversations(line.kernel, actor=shop.actor).items[0]
    states = [
        (message.text, message.state)
        for message in get_thread(line.kernel, actor=shop.actor, conversation_id=thread.id).messages
        if message.direction == "outbound"
    ]
    assert [state for _, state in states] == ["failed", "sent"]
    assert len(line.sandbox.answers(service="twilio")) == 1


def test_receipts_move_the_state_forward_only(line: Line, shop: Shop) -> None:
    line.settle(*line.sandbox.sms(HOURS, to=shop.number).event_ids)

    def is_reported(ledger: object) -> bool:
        statuses = [item for item in line.sandbox.ledger().webhooks if "/status" in item.url and item.finished]
        return len(statuses) >= 2

    line.sandbox.wait_until(is_reported, what="two status callbacks")
    line.work()
    assert outbound(line).state is MessageState.DELIVERED
    for item in line.sandbox.ledger().webhooks:
        if "/status" in item.url:
            line.sandbox.deliver_again(item.id)
    line.work()
    assert outbound(line).state is MessageState.DELIVERED


def test_person_in_charge_silences_the_agent_until_given_back(line: Line, shop: Shop) -> None:
    line.settle(*line.sandbox.sms(HOURS, to=shop.number).event_ids)
    [conversation] = list_conversations(line.kernel, actor=shop.actor).items
    take_over(line.kernel, actor=shop.actor, conversation_id=conversation.id)
    line.settle(*line.sandbox.sms(HOURS, to=shop.number).event_ids)
    assert len(line.sandbox.answers(service="twilio")) == 1
    give_back(line.kernel, actor=shop.actor, conversation_id=conversation.id)
    line.settle(*line.sandbox.sms(HOURS, to=shop.number).event_ids)
    assert len(line.sandbox.answers(service="twilio")) == 2


@pytest.mark.expects_error_logs
def test_poison_delivery_becomes_a_dead_letter_and_others_go_on(
    line: Line, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    written = line.sandbox.sms(HOURS, to=shop.number)
    line.sandbox.wait_for_webhooks(*written.event_ids)
    with monkeypatch.context() as patch:
        patch.setattr("services.webhooks.effects.receive_message", crash)
        for _ in range(line.kernel.settings.max_attempts + 1):
            line.work(with_sweep=True)
            expire_leases(line)
    [delivery] = list_deliveries(line.kernel, actor=shop.actor, state="dead").items
    assert delivery.attempt == line.kernel.settings.max_attempts
    assert get_delivery(line.kernel, actor=shop.actor, delivery_id=delivery.id).reason == "An error in Patchbay"
    line.settle(*line.sandbox.sms(HOURS, to=shop.number).event_ids)
    assert len(line.sandbox.answers(service="twilio")) == 1


def test_nothing_happens_for_a_conversation_that_is_not_there(line: Line, shop: Shop) -> None:
    nowhere = UUID(int=0)
    run_due(line.kernel, tenant_id=nowhere)
    sending.send_due(line.kernel, tenant_id=nowhere)
