"""A provider that is away, or asks for time: nobody calls it meanwhile, everybody sees why, and all goes on after."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text, update
from sqlmodel import col, select

from models import Connection, Conversation, FailedAttempt, Message, MessageState
from services.connections import WAITS_FOR_PROVIDER, get_connection
from services.connections.breaker import OPENS_AFTER, PROBE_EVERY
from services.conversations import MessageView, get_thread, list_conversations
from services.health import list_findings
from services.kernel.db import Wake
from services.limits import LimitDraft, set_agent_limits
from services.operations import measure
from tests.integration.line.test_once import expire_leases
from tests.support.circuits import set_circuit
from tests.support.line import Line, Shop

HOURS = "what are your opening hours"


def texts(line: Line, shop: Shop, count: int, *, first: int = 200) -> None:
    """Let so many contacts ask by text message, and the line do its work."""
    for number in range(first, first + count):
        line.settle(*line.sandbox.sms(HOURS, to=shop.number, sender=f"+1415555{number:04}").event_ids)


def answers(line: Line, shop: Shop, *, kind: str = "sms") -> list[MessageView]:
    found = list_conversations(line.kernel, actor=shop.actor, state="all", channel=kind).items
    threads = [get_thread(line.kernel, actor=shop.actor, conversation_id=item.id) for item in found]
    return [message for thread in threads for message in thread.messages if message.direction == "outbound"]


def row(line: Line, connection_id: UUID) -> Connection:
    with line.kernel.unscoped_session("test") as session:
        return session.exec(select(Connection).where(col(Connection.id) == connection_id)).one()


def rows(line: Line, connection_id: UUID) -> Sequence[Message]:
    with line.kernel.unscoped_session("test") as session:
        return session.exec(
            select(Message)
            .where(col(Message.connection_id) == connection_id, col(Message.recipient) != "")
            .order_by(col(Message.id))
        ).all()


def count_failures(line: Line, shop: Shop) -> int:
    """Return how many attempts at messages have failed."""
    with line.kernel.unscoped_session("test") as session:
        failed = select(FailedAttempt).where(
            col(FailedAttempt.tenant_id) == shop.actor.tenant_id, col(FailedAttempt.subject) == "message"
        )
        return len(session.exec(failed).all())


def database_time(line: Line) -> datetime:
    with line.kernel.unscoped_session("test") as session:
        return session.connection().execute(text("SELECT clock_timestamp()")).scalar_one()


def let_time_pass(line: Line) -> None:
    """Let the next probe be due, and the holds be over."""
    past = text("now() - interval '1 hour'")
    with line.kernel.unscoped_session("test") as session:
        session.exec(
            update(Connection).where(col(Connection.circuit_opened_at).is_not(None)).values(circuit_next_at=past)
        )
        session.exec(update(Connection).values(held_until=None))


def open_circuit(line: Line, shop: Shop) -> None:
    """Let Twilio fail until nobody calls it any more."""
    line.sandbox.fail("twilio", "503", count=OPENS_AFTER)  # of creating, and of looking up what is due by then
    texts(line, shop, OPENS_AFTER)
    assert row(line, shop.twilio.id).circuit_opened_at is not None


def test_a_provider_that_fails_is_left_alone_and_everybody_sees_it(line: Line, shop: Shop) -> None:
    open_circuit(line, shop)
    texts(line, shop, 1, first=900)

    waiting = next(message for message in answers(line, shop) if message.error_code == WAITS_FOR_PROVIDER)
    assert waiting.state == "queued" and waiting.error_text.startswith("Twilio does not answer; tried again at ")
    view = get_connection(line.kernel, actor=shop.actor, connection_id=shop.twilio.id)
    assert (view.circuit, view.status) == ("open", "degraded") and view.next_call_at is not None
    assert view.circuit_reason.startswith("Twilio is not available")
    [finding] = list_findings(line.kernel, actor=shop.actor, connection_id=shop.twilio.id)
    assert f"The next call is made at {view.next_call_at:%H:%M:%S} UTC" in finding.stops
    assert ("twilio", "open") in [item.words for item in measure(line.kernel).circuits]
    assert line.sandbox.answers(service="twilio") == []


def test_other_connections_go_on(line: Line, shop: Shop) -> None:
    open_circuit(line, shop)

    line.settle(*line.sandbox.slack_message(HOURS, app=line.sandbox.identities.own_app.app_id).event_ids)

    assert len(line.sandbox.answers(service="slack")) == 1


def test_one_probe_is_made_and_a_failed_one_leaves_the_rest_waiting(line: Line, shop: Shop) -> None:
    open_circuit(line, shop)
    texts(line, shop, 3, first=900)
    line.sandbox.fail("twilio", "503", count=100)
    opened_at, failures = row(line, shop.twilio.id).circuit_opened_at, count_failures(line, shop)
    let_time_pass(line)
    _make_due(line)

    line.work(with_sweep=True)

    assert count_failures(line, shop) == failures + 1, "one call was made for a message"
    after = row(line, shop.twilio.id)
    assert opened_at is not None
    assert after.circuit_opened_at == opened_at and after.circuit_next_at is not None
    assert after.circuit_next_at > opened_at + PROBE_EVERY


def test_the_first_success_lets_everything_go_and_nothing_leaves_twice(line: Line, shop: Shop) -> None:
    open_circuit(line, shop)
    texts(line, shop, 3, first=900)
    let_time_pass(line)
    _make_due(line)

    for _ in range(3):  # the probe; those that were cut off by a failure are looked up; and sent
        line.work(with_sweep=True)
        expire_leases(line)

    assert len(line.sandbox.answers(service="twilio")) == OPENS_AFTER + 3
    assert {message.state for message in answers(line, shop)} <= {"sent", "delivered"}
    view = get_connection(line.kernel, actor=shop.actor, connection_id=shop.twilio.id)
    assert (view.circuit, view.status, view.next_call_at) == ("closed", "active", None)


def test_a_message_that_a_limit_holds_back_leaves_the_probe_to_others(line: Line, shop: Shop) -> None:
    draft = LimitDraft(group="sms", per_day=1, excess="wait")
    set_agent_limits(line.kernel, actor=shop.actor, agent_id=shop.agent.id, drafts=[draft])
    texts(line, shop, 2)
    set_circuit(line.kernel, shop.twilio.id, next_call="- interval '1 minute'")
    _make_due(line)

    line.work(with_sweep=True)

    after = row(line, shop.twilio.id)
    assert after.circuit_opened_at is not None, "no call was made"
    assert after.circuit_next_at is not None and after.circuit_next_at <= database_time(line)


def test_what_waits_uses_up_no_attempts(line: Line, shop: Shop) -> None:
    open_circuit(line, shop)
    for _ in range(2 * line.kernel.settings.max_attempts):
        line.sandbox.fail("twilio", "503", count=2)
        let_time_pass(line)
        expire_leases(line)
        line.work(with_sweep=True)

    assert {message.state for message in rows(line, shop.twilio.id)} <= {MessageState.QUEUED, MessageState.SENDING}


@pytest.mark.parametrize("retry_after", [7, 600])
def test_the_time_that_a_provider_names_is_kept_for_the_whole_account(line: Line, shop: Shop, retry_after: int) -> None:
    line.sandbox.fail("twilio", "429", retry_after=retry_after)
    texts(line, shop, 1)
    texts(line, shop, 2, first=900)

    refused, *others = rows(line, shop.twilio.id)
    with line.kernel.unscoped_session("test") as session:
        [noted] = session.exec(select(FailedAttempt).where(col(FailedAttempt.subject_id) == refused.id)).all()
    asked, slack = timedelta(seconds=retry_after), timedelta(seconds=0.5)
    assert asked - slack <= refused.next_attempt_at - noted.created_at <= asked * 1.1
    held_until = row(line, shop.twilio.id).held_until
    assert held_until is not None and asked - slack <= held_until - noted.created_at <= asked * 1.1
    assert [(message.error_code, message.next_attempt_at) for message in others] == [
        (WAITS_FOR_PROVIDER, held_until)
    ] * 2
    view = get_connection(line.kernel, actor=shop.actor, connection_id=shop.twilio.id)
    assert (view.circuit, view.next_call_at) == ("held", held_until)
    assert line.sandbox.answers(service="twilio") == []


def test_what_a_provider_put_off_is_woken_when_its_time_comes(line: Line, shop: Shop) -> None:
    """The sweeper looks every ten seconds; a wait of one second is over long before."""
    line.sandbox.fail("twilio", "429", retry_after=1)
    texts(line, shop, 1)
    assert line.sandbox.answers(service="twilio") == []

    line.sandbox.wait_until(lambda _: bool(line.queue.wakes), what="the wake-up")

    assert line.queue.wakes[0] == Wake("send_message", shop.actor.tenant_id, shop.actor.tenant_id)
    [refused] = rows(line, shop.twilio.id)
    assert refused.next_attempt_at <= database_time(line), "not before its time"
    line.work()
    assert len(line.sandbox.answers(service="twilio")) == 1


def test_slack_means_the_method_and_not_the_account(line: Line, shop: Shop) -> None:
    app = line.sandbox.identities.own_app.app_id
    line.sandbox.fail("slack", "429", method="chat.postMessage", retry_after=600)
    line.settle(*line.sandbox.slack_message(HOURS, app=app).event_ids)

    held = row(line, shop.slack.id)

    assert held.holds_sends_only and held.held_until is not None
    assert held.held_until > datetime.now(UTC) + PROBE_EVERY


def _make_due(line: Line) -> None:
    """Let what waits be due, and what is to be looked up."""
    past = text("now() - interval '1 hour'")
    with line.kernel.unscoped_session("test") as session:
        session.exec(update(Message).where(col(Message.state) == MessageState.QUEUED).values(next_attempt_at=past))
        session.exec(update(Message).where(col(Message.lease_until).is_not(None)).values(lease_until=past))
        session.exec(update(Conversation).where(col(Conversation.lease_until).is_not(None)).values(lease_until=past))
