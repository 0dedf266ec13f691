"""Letters as they leave: headers, both bodies, one key."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.kernel.errors import PatchbayError, Refused, RetryLater
from services.provider_kit.contract import ActionContext, OutboundMessage, OutgoingEmail
from services.providers.resend import messaging
from services.providers.resend.actions import ACTIONS, SendEmail
from services.providers.resend.client import build_client
from tests.providers.harness import Call, Reply, build_context, json_reply, wire_server
from tests.providers.resend.wire import AGENT, CONTACT, DOMAIN, EMAIL_ID, MESSAGE_ID, WIRE, refusal

assert WIRE.messaging and WIRE.messaging.message.email
MESSAGE = WIRE.messaging.message
LETTER = WIRE.messaging.message.email
ACCEPTED = json_reply({"id": EMAIL_ID})
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
(SEND_EMAIL,) = ACTIONS


def send(message: OutboundMessage, reply: Reply = ACCEPTED, *, find: bool = False) -> Call:
    """Return what was sent."""
    with wire_server(reply) as server:
        client = build_client(build_context("resend", server.url))
        (messaging.find_sent if find else messaging.send_message)(client, message)
        (call,) = server.calls
        return call


def with_letter(letter: OutgoingEmail | None, **changes: str) -> OutboundMessage:
    """Return the message in another letter."""
    return replace(MESSAGE, email=letter, **changes)


def test_a_letter_has_all_that_holds_its_thread_together() -> None:
    call = send(MESSAGE)
    body = json.loads(call.body)

    assert (call.method, call.path) == ("POST", "/resend/emails")
    assert call.headers["idempotency-key"] == MESSAGE_ID
    assert call.headers["authorization"] == f"Bearer {WIRE.secrets['api_key']}"
    assert body["from"] == f'"Bri, Northwind" <{AGENT}>'
    assert (body["to"], body["reply_to"], body["subject"]) == ([CONTACT], f"team@{DOMAIN}", "Re: Opening hours")
    assert body["headers"] == {
        "Message-ID": f"<{MESSAGE_ID}@{DOMAIN}>",
        "In-Reply-To": "<CAF+0123@mail.harbor.example>",
        "References": "<first@mail.harbor.example> <CAF+0123@mail.harbor.example>",
        "X-Agent-ID": "7f2c",
        "Auto-Submitted": "auto-replied",
    }
    assert "<strong>nine</strong>" in body["html"] and body["text"] == "We open at nine.\n"
    assert "cc" not in body


def test_a_new_letter_to_several_has_no_empty_headers() -> None:
    letter = replace(LETTER, in_reply_to="", references=(), reply_to="", from_name="", cc=("jonas@harbor.example",))
    body = json.loads(send(with_letter(letter)).body)

    assert set(body["headers"]) == {"Message-ID", "X-Agent-ID", "Auto-Submitted"}
    assert (body["from"], body["cc"]) == (AGENT, ["jonas@harbor.example"]) and "reply_to" not in body


def test_line_breaks_cannot_add_a_header() -> None:
    evil = "x\r\nBcc: victim@harbor.example"
    letter = replace(LETTER, subject=evil, from_name=evil, in_reply_to=evil, headers={"X-Agent-ID": evil})
    body = json.loads(send(with_letter(letter)).body)

    for value in (body["subject"], body["from"], *body["headers"].values()):
        assert "\r" not in value and "\n" not in value


@pytest.mark.parametrize(
    ("letter", "code"),
    [
        (None, "no_sender"),
        (replace(LETTER, from_address="nobody"), "invalid_sender"),
        (replace(LETTER, reply_to="a@b@c"), "invalid_sender"),
        (replace(LETTER, to=("x\r\n@harbor.example",)), "invalid_recipient"),
        (replace(LETTER, to=()), "invalid_recipient"),
        (replace(LETTER, cc=(CONTACT,) * 50), "invalid_recipient"),
    ],
)
def test_a_letter_that_is_none_is_not_sent(letter: OutgoingEmail | None, code: str) -> None:
    with wire_server(ACCEPTED) as server:
        client = build_client(build_context("resend", server.url))
        with pytest.raises(Refused) as caught:
            messaging.send_message(client, with_letter(letter))
        assert caught.value.code == code and server.calls == []


def test_an_interrupted_letter_is_repeated_byte_by_byte_under_its_key() -> None:
    first, second = send(MESSAGE), send(MESSAGE, find=True)

    assert first.body == second.body
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


@pytest.mark.parametrize("age", [None, timedelta(hours=23, minutes=45), timedelta(days=3)])
def test_a_key_that_may_be_forgotten_is_not_used_again(age: timedelta | None) -> None:
    attempted_at = None if age is None else datetime.now(UTC) - age
    with wire_server(ACCEPTED) as server:
        client = build_client(build_context("resend", server.url))
        with pytest.raises(Refused) as caught:
            messaging.find_sent(client, replace(MESSAGE, attempted_at=attempted_at))
        assert caught.value.code == "no_sure_way" and server.calls == []


@pytest.mark.parametrize(
    ("name", "error"),
    [("concurrent_idempotent_requests", RetryLater), ("invalid_idempotent_request", Refused)],
)
def test_a_conflict_over_the_key_is_never_a_second_letter(name: str, error: type[PatchbayError]) -> None:
    with pytest.raises(error) as caught:
        send(MESSAGE, refusal(409, name, "…"), find=True)
    assert caught.value.code == name


def context(**changes: object) -> ActionContext:
    """Return what a run knows."""
    base = ActionContext(
        run_id="0197f0aa-7c1e-7b3a-9d52-2f6a3f6f0c99",
        agent_id="7f2c",
        agent_name="Bri",
        now=NOW,
        time_zone="Europe/Berlin",
        senders=(AGENT, f"team@{DOMAIN}"),
    )
    return replace(base, **changes)  # pyright: ignore[reportArgumentType]


def run(given: ActionContext, *, find: bool = False) -> Call:
    """Run the action and return what was sent."""
    letter = SendEmail(to=CONTACT, subject="Your invoice", body="It is **paid**.")
    with wire_server(ACCEPTED) as server:
        client = build_client(build_context("resend", server.url))
        function = SEND_EMAIL.find if find else SEND_EMAIL.run
        assert function
        result = function(client, letter, given)
        assert result and result.output == {"id": EMAIL_ID} and CONTACT in result.said
        (call,) = server.calls
        return call


def test_an_agent_writes_first_from_its_own_address() -> None:
    call = run(context())
    body = json.loads(call.body)

    assert call.headers["idempotency-key"] == context().run_id
    assert (body["from"], body["to"], body["subject"]) == (f"Bri <{AGENT}>", [CONTACT], "Your invoice")
    assert body["headers"] == {"Message-ID": f"<{context().run_id}@{DOMAIN}>", "X-Agent-ID": "7f2c"}


def test_a_cut_off_run_repeats_the_same_letter_while_the_key_is_known() -> None:
    assert run(context()).body == run(context(attempted_at=NOW - timedelta(hours=1)), find=True).body
    with pytest.raises(Refused, match="any more"):
        run(context(attempted_at=NOW - timedelta(days=2)), find=True)


def test_an_agent_without_an_address_writes_to_nobody() -> None:
    with pytest.raises(Refused) as caught:
        run(context(senders=()))
    assert caught.value.code == "no_sender"


def test_the_person_who_approves_sees_what_and_to_whom() -> None:
    assert SEND_EMAIL.describe(SendEmail(to=CONTACT, subject="Invoice", body="…")) == f"Send “Invoice” to {CONTACT}"


@pytest.mark.parametrize(
    "to", ["", "mia", "mia@harbor.example, x@evil.example", "mia@harbor.example\nBcc: x@y.example"]
)
def test_only_one_address_can_be_written_to(to: str) -> None:
    with pytest.raises(ValueError, match="to"):
        SendEmail(to=to, subject="x", body="y")


def test_a_subject_is_one_line() -> None:
    for subject in ("", "Invoice\nBcc: x@y.example", "x" * 301):
        with pytest.raises(ValueError, match="subject"):
            SendEmail(to=CONTACT, subject=subject, body="y")
