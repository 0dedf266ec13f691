"""Sending a text message: the wire, the sender, and the look-up of what was cut off."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from services.kernel.errors import Refused, RetryLater
from services.provider_kit import registry
from services.provider_kit.contract import ActionContext
from services.providers.twilio.actions import SendSms, find_sms, recipients_of, send_sms
from services.providers.twilio.client import TwilioClient
from tests.providers.harness import NOW, Reply, build_context, json_reply, wire_server
from tests.providers.twilio.wire import WIRE

SENDER, RECIPIENT = "+14155550100", "+14155550142"
GIVEN = SendSms(to=RECIPIENT, body="Main Street 1")


def context(*, senders: tuple[str, ...] = (SENDER, "+14155550101"), attempts: int = 1) -> ActionContext:
    return ActionContext(
        run_id="0197f0aa-7c1e-7b3a-9d52-2f6a3f6f0c22",
        agent_id="a",
        agent_name="Bri",
        now=NOW,
        time_zone="UTC",
        senders=senders,
        attempted_at=NOW - timedelta(seconds=30) if attempts > 1 else None,
    )


def client(url: str) -> TwilioClient:
    return registry.client("twilio").build_client(build_context("twilio", url))


def test_message_leaves_from_the_agents_own_number() -> None:
    assert WIRE.messaging
    with wire_server(WIRE.messaging.accepted) as server:
        result = send_sms(client(server.url), GIVEN, context())

        [call] = server.calls
        assert (call.form["From"], call.form["To"], call.form["Body"]) == (SENDER, RECIPIENT, "Main Street 1")
    assert result.output == {"sid": WIRE.messaging.external_id, "to": RECIPIENT}
    assert result.said == f"Sent a text message to {RECIPIENT}."


def test_without_a_number_nothing_leaves() -> None:
    with wire_server() as server:
        with pytest.raises(Refused, match="Assign one"):
            send_sms(client(server.url), GIVEN, context(senders=()))
        assert server.calls == []


@pytest.mark.parametrize("to", ["0664123", "+", "+0123456789", "14155550142", "+1415555014212345", "+1 415 555", ""])
def test_only_whole_numbers_are_texted(to: str) -> None:
    with pytest.raises(ValidationError, match="to"):
        SendSms(to=to, body="Hi")
    assert recipients_of(GIVEN) == (RECIPIENT,)


def test_cut_off_message_is_found_by_its_text() -> None:
    listed = {
        "sid": "SM" + "0" * 32,
        "direction": "outbound-api",
        "body": "Main Street 1",
        "status": "sent",
        "date_created": NOW.strftime("%a, %d %b %Y %H:%M:%S +0000"),
    }
    with wire_server(json_reply({"messages": [listed], "page_size": 100})) as server:
        found = find_sms(client(server.url), GIVEN, context(attempts=2))
        assert found is not None and found.output["sid"] == listed["sid"]
    with wire_server(json_reply({"messages": [], "page_size": 100})) as server:
        assert find_sms(client(server.url), GIVEN, context(attempts=2)) is None


def test_lost_answer_is_ambiguous() -> None:
    with wire_server(Reply(drop=True)) as server, pytest.raises(RetryLater) as caught:
        send_sms(client(server.url), GIVEN, context())
    assert caught.value.ambiguous
