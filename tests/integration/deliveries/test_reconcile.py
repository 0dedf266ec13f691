"""What a provider could not deliver, and never sends again, is fetched: once, in order, and answered like the rest."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx2
from sqlalchemy import text, update
from sqlmodel import select

from models import Connection, Reconciliation
from services.connections import assign_number
from services.webhooks import DeliveryView, get_delivery, list_deliveries, reconcile_connection
from tests.integration.deliveries.conftest import HOURS, Log
from tests.support.clock import FakeClock
from tests.support.line import webhook_url

NOWHERE = "http://127.0.0.1:9/sms"


def point_number_at(log: Log, url: str) -> None:
    """Change where Twilio calls for the number: nowhere is what an outage of ours looks like from there."""
    twilio = log.line.sandbox.identities.twilio
    base = log.line.kernel.settings.provider_urls["twilio_api"] + f"/2010-04-01/Accounts/{twilio.account_sid}"
    with httpx2.Client(auth=(twilio.account_sid, twilio.auth_token), trust_env=False, timeout=10) as api:
        listed = api.get(f"{base}/IncomingPhoneNumbers.json", params={"PhoneNumber": log.shop.number}).json()
        [number] = listed["incoming_phone_numbers"]
        answer = api.post(f"{base}/IncomingPhoneNumbers/{number['sid']}.json", data={"SmsUrl": url})
    assert answer.status_code == 200, answer.text


def miss(log: Log, *words: str) -> None:
    """Let a contact write while nobody takes it."""
    point_number_at(log, NOWHERE)
    for item in words:
        written = log.line.sandbox.sms(item, to=log.shop.number)
        log.line.sandbox.wait_for_webhooks(*written.event_ids)
    point_number_at(log, webhook_url(log.shop.twilio, "sms"))


def look(log: Log, *, minutes: float = 2) -> None:
    """Let the time come to look, and look."""
    with log.line.kernel.unscoped_session("test") as session:
        session.exec(update(Reconciliation).values(next_attempt_at=text("now() - interval '1 minute'")))
    later = FakeClock(datetime.now(UTC) + timedelta(minutes=minutes))
    reconcile_connection(
        replace(log.line.kernel, clock=later), tenant_id=log.actor.tenant_id, connection_id=log.shop.twilio.id
    )


def received(log: Log) -> Sequence[DeliveryView]:
    """Return the deliveries of text messages, the oldest first."""
    return [item for item in reversed(log.deliveries()) if item.kind == "sms"]


def row(log: Log) -> Reconciliation:
    """Return how far the number's account was looked at."""
    with log.line.kernel.unscoped_session("test") as session:
        return session.exec(select(Reconciliation)).one()


def test_what_was_missed_is_fetched_once_and_answered(log: Log) -> None:
    log.answer()
    miss(log, "Are you there?", HOURS)
    assert len(received(log)) == 1

    look(log)
    log.line.work()
    bodies = [get_delivery(log.line.kernel, actor=log.actor, delivery_id=item.id) for item in received(log)]
    assert [item.state for item in received(log)] == ["processed"] * 3
    assert ["Are you there?" in item.body.text for item in bodies] == [False, True, False]
    assert [item.is_fetched for item in bodies] == [False, True, True]
    assert (row(log).found, row(log).cursor, row(log).note) == (2, "", "")

    answers = log.answers()
    look(log)
    look(log)
    log.line.work()
    assert len(received(log)) == 3 and all(item.duplicates == 0 for item in received(log))
    assert log.answers() == answers


def test_delivery_that_comes_after_it_was_fetched_counts_as_a_repetition(log: Log) -> None:
    miss(log, HOURS)
    look(log)
    log.line.work()
    answers = log.answers()
    [fetched] = received(log)
    log.line.sandbox.deliver_again()
    log.line.work()
    assert log.answers() == answers
    assert [item.id for item in received(log)] == [fetched.id]


def test_what_is_on_its_way_is_left_to_the_webhook(log: Log) -> None:
    miss(log, HOURS)
    look(log, minutes=0)
    assert received(log) == []
    look(log)
    assert len(received(log)) == 1


def test_messages_for_numbers_of_nobody_are_left_alone(log: Log) -> None:
    number = log.shop.twilio.numbers[0]
    assign_number(
        log.line.kernel, actor=log.actor, connection_id=log.shop.twilio.id, number_id=number.id, agent_id=None
    )
    miss(log, HOURS)
    look(log)
    assert received(log) == []


def test_sweeper_looks_by_itself_and_a_refusal_is_told(log: Log) -> None:
    log.line.work(with_sweep=True)
    begun = row(log)
    assert begun.next_attempt_at > datetime.now(UTC)
    log.line.sandbox.fail("twilio", "503", method="messages.list")
    look(log)
    assert row(log).note and row(log).attempt == 1
    assert list_deliveries(log.line.kernel, actor=log.actor).items == ()
    look(log)
    assert (row(log).note, row(log).attempt) == ("", 0)


def test_provider_that_does_not_answer_is_not_asked(log: Log) -> None:
    miss(log, HOURS)
    with log.line.kernel.unscoped_session("test") as session:
        future = text("now() + interval '1 hour'")
        session.exec(update(Connection).values(circuit_opened_at=text("now()"), circuit_next_at=future))
    look(log)
    assert received(log) == [] and row(log).attempt == 0
    with log.line.kernel.unscoped_session("test") as session:
        session.exec(update(Connection).values(circuit_opened_at=None, circuit_next_at=None))
    look(log)
    assert len(received(log)) == 1
