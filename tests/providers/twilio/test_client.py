"""Twilio's REST API as we call it."""

import base64
from dataclasses import replace

import pytest

from services.kernel.errors import ConfigurationError, NeedsReauth, Refused, RetryLater
from services.provider_kit.contract import ExternalChannel
from services.providers.twilio import channels, messaging
from services.providers.twilio.client import TwilioClient, build_client, verify_credentials
from tests.providers.harness import Reply, WireServer, build_context, json_reply, wire_server
from tests.providers.twilio.wire import (
    ACCOUNT_SID,
    MESSAGE_SID,
    OTHER_SID,
    WIRE,
    message_resource,
    messages,
    number,
    refusal,
)

assert WIRE.messaging is not None
MESSAGE = WIRE.messaging.message
ACCEPTED = WIRE.messaging.accepted
NUMBERS = f"/twilio/2010-04-01/Accounts/{ACCOUNT_SID}/IncomingPhoneNumbers"


def client(server: WireServer) -> TwilioClient:
    """Return a client for the server."""
    return build_client(build_context("twilio", server.url))


def test_a_message_names_its_receipt_address() -> None:
    with wire_server(ACCEPTED) as server:
        sent = messaging.send_message(client(server), MESSAGE)

        assert server.calls[0].path == f"/twilio/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
        basic = base64.b64encode(f"{ACCOUNT_SID}:{WIRE.secrets['auth_token']}".encode()).decode()
        assert server.calls[0].headers["authorization"] == f"Basic {basic}"
        assert server.calls[0].form == {
            "To": "+14155550111",
            "From": "+14155550100",
            "Body": "We open at nine.",
            "StatusCallback": MESSAGE.status_url,
        }
        assert sent.segments == 1 and sent.receipt == {"sid": MESSAGE_SID, "status": "queued"}


def test_without_a_receipt_address_none_is_named() -> None:
    with wire_server(ACCEPTED) as server:
        messaging.send_message(client(server), replace(MESSAGE, status_url=""))

        assert "StatusCallback" not in server.calls[0].form


def test_the_server_s_own_environment_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TWILIO_REGION", "TWILIO_EDGE", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"):
        monkeypatch.setenv(name, "elsewhere")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with wire_server(WIRE.verified) as server:
        assert verify_credentials(client(server)).id == ACCOUNT_SID


def test_an_address_without_a_setting_is_never_called() -> None:
    with wire_server() as server:
        with pytest.raises(ConfigurationError):
            client(server).messaging.v1.services.list(limit=1)
        assert server.calls == []


@pytest.mark.parametrize(
    ("reply", "error", "code"),
    [
        (json_reply({"sid": ACCOUNT_SID, "status": "suspended"}), Refused, "account_suspended"),
        (json_reply({"sid": ACCOUNT_SID, "status": "closed"}), NeedsReauth, "account_closed"),
        (json_reply({"sid": OTHER_SID, "status": "active"}), Refused, "other_account"),
        (refusal(20003, "Authenticate", status=401), NeedsReauth, "needs_reauth"),
        (refusal(20003, "Permission denied", status=403), NeedsReauth, "needs_reauth"),
        (refusal(20404, "Not found", status=404), Refused, "not_found"),
        (refusal(20429, "Too many requests", status=429), RetryLater, "rate_limited"),
    ],
)
def test_an_account_that_cannot_be_used_is_told_apart(reply: Reply, error: type[Exception], code: str) -> None:
    with wire_server(reply) as server, pytest.raises(error) as caught:
        verify_credentials(client(server))
    assert getattr(caught.value, "code", "") == code


def test_a_full_queue_is_waited_for() -> None:
    with wire_server(refusal(21611, "Queue is full")) as server, pytest.raises(RetryLater) as caught:
        messaging.send_message(client(server), MESSAGE)
    assert not caught.value.ambiguous


@pytest.mark.parametrize("answer", [{}, {"sid": None}, {"sid": MESSAGE_SID, "date_created": 7}])
def test_an_answer_that_cannot_be_read_is_looked_up_later(answer: dict[str, object]) -> None:
    with wire_server(json_reply(answer, status=201)) as server, pytest.raises(RetryLater) as caught:
        messaging.send_message(client(server), MESSAGE)
    assert caught.value.ambiguous


def test_a_look_up_takes_the_message_that_nobody_else_claims() -> None:
    claimed = message_resource(sid="SM" + "4" * 32)
    listed = messages(claimed, message_resource())
    with wire_server(listed) as server:
        found = messaging.find_sent(client(server), replace(MESSAGE, known_ids=frozenset({"SM" + "4" * 32})))

        assert found is not None and found.external_id == MESSAGE_SID
        assert (server.calls[0].query["To"], server.calls[0].query["From"]) == ("+14155550111", "+14155550100")


@pytest.mark.parametrize(
    "other",
    [
        message_resource(body="We open at ten."),
        message_resource(direction="inbound"),
        message_resource(date_created="Fri, 20 Nov 2026 11:50:00 +0000"),
    ],
)
def test_a_look_up_takes_no_other_message(other: dict[str, object]) -> None:
    with wire_server(messages(other)) as server:
        assert messaging.find_sent(client(server), MESSAGE) is None


def test_a_trial_account_s_prefix_does_not_hide_the_message() -> None:
    body = "Sent from your Twilio trial account - We open at nine."
    with wire_server(messages(message_resource(body=body))) as server:
        assert messaging.find_sent(client(server), MESSAGE) is not None


def test_a_look_up_among_too_many_messages_says_so() -> None:
    page = [message_resource(sid=f"SM{index:032d}", body="other") for index in range(100)]
    reply = json_reply({"messages": page, "next_page_uri": f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json?Page=1"})
    with wire_server(reply) as server, pytest.raises(Refused) as caught:
        messaging.find_sent(client(server), MESSAGE)
    assert caught.value.code == "no_sure_way"


def test_an_attempt_without_a_time_cannot_be_looked_up() -> None:
    with wire_server(messages()) as server, pytest.raises(Refused):
        messaging.find_sent(client(server), replace(MESSAGE, attempted_at=None))


def test_numbers_say_what_they_can_do() -> None:
    reply = json_reply({"incoming_phone_numbers": [number("0"), number("1", sms=False)], "next_page_uri": None})
    with wire_server(reply) as server:
        first, second = channels.list_channels(client(server))

    assert first == ExternalChannel(
        id="PN" + "0" * 32, address="+14155550100", label="(415) 555-0100", capabilities=("sms", "voice")
    )
    assert second.capabilities == ("voice",)


def test_a_number_is_pointed_at_the_sms_address_alone() -> None:
    urls = {"sms": "https://patchbay.example/sms", "status": "https://patchbay.example/status"}
    channel = ExternalChannel(id="PN" + "0" * 32, address="+14155550100", capabilities=("sms",))
    with wire_server(json_reply(number("0"))) as server:
        channels.route_channel(client(server), channel, webhook_urls=urls)

        assert server.calls[0].path == f"{NUMBERS}/{channel.id}.json"
        assert server.calls[0].form == {"SmsUrl": urls["sms"], "SmsMethod": "POST", "SmsApplicationSid": ""}


def test_a_number_without_text_messages_is_not_routed() -> None:
    channel = ExternalChannel(id="PN" + "0" * 32, address="+14155550100", capabilities=("voice",))
    with wire_server() as server:
        with pytest.raises(Refused):
            channels.route_channel(client(server), channel, webhook_urls={"sms": "https://patchbay.example/sms"})
        assert server.calls == []
