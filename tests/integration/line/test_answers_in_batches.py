"""Many conversations at once: each answer leaves once, in order, and what takes long takes nothing else along."""

from collections import defaultdict

import pytest
from sqlmodel import col, select

from models import Direction, Message, MessageState, Turn, TurnState
from services.kernel.db import Wake
from services.sending.service import BATCH
from services.turns import answering
from tests.integration.line.test_once import expire_leases
from tests.support.line import Line, Shop

HOURS = "what are your opening hours"
PAYOUT = "when is the payout"
PEOPLE = tuple(f"+1415555{number:04}" for number in range(300, 312))


def write(line: Line, shop: Shop, *texts: str) -> None:
    """Let everybody write, before anything is done."""
    for text in texts:
        events = [line.sandbox.sms(text, to=shop.number, sender=sender).event_ids for sender in PEOPLE]
        line.sandbox.wait_for_webhooks(*(event for found in events for event in found))


def outbound(line: Line) -> list[Message]:
    with line.kernel.unscoped_session("test") as session:
        statement = select(Message).where(col(Message.direction) == Direction.OUTBOUND).order_by(col(Message.id))
        return list(session.exec(statement).all())


def test_everybody_is_answered_once_and_in_order(line: Line, shop: Shop) -> None:
    write(line, shop, HOURS, PAYOUT)

    line.work(with_sweep=True)

    said: dict[str, list[str]] = defaultdict(list)
    for item in line.sandbox.answers(service="twilio"):
        said[item.channel].append(item.text)
    assert len(said) == len(PEOPLE) <= BATCH
    hours, payout = "We are open from 9 to 17, Monday to Friday.", "The payout goes out every Friday."
    assert all(texts == [hours, payout] for texts in said.values())
    assert len({message.attempted_at for message in outbound(line)}) < len(PEOPLE), "many were claimed at once"


def test_the_rest_of_a_batch_does_not_wait_for_a_provider_that_hangs(line: Line, shop: Shop) -> None:
    write(line, shop, HOURS)
    line.sandbox.fail("twilio", "accept_then_hang", method="messages.create", count=1, seconds=60)

    line.work(with_sweep=True)

    states = [message.state for message in outbound(line)]
    assert states.count(MessageState.SENDING) == 1, "that one is to be looked up"
    assert all(state is not MessageState.QUEUED for state in states)
    expire_leases(line)
    line.work(with_sweep=True)
    assert len(line.sandbox.answers(service="twilio")) == len(PEOPLE)


def test_turns_that_cannot_be_settled_together_are_settled_one_by_one(
    line: Line, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(line, shop, HOURS)
    settle, sizes = answering.settle_turns, list[int]()

    def refuse_many(kernel: object, tenant_id: object, answers: list[object]) -> None:
        sizes.append(len(answers))
        if len(answers) > 1:
            raise ValueError("a batch that the database refuses")
        settle(kernel, tenant_id, answers)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(answering, "settle_turns", refuse_many)
    line.work(with_sweep=True)

    assert max(sizes) > 1
    with line.kernel.unscoped_session("test") as session:
        assert {turn.state for turn in session.exec(select(Turn)).all()} == {TurnState.DONE}
    assert len(line.sandbox.answers(service="twilio")) == len(PEOPLE)


def test_a_wake_up_for_nothing_does_nothing(line: Line, shop: Shop) -> None:
    for job in ("run_turn", "send_message"):
        line.run_job(Wake(job, shop.actor.tenant_id, shop.actor.tenant_id))

    assert outbound(line) == []
