"""Twilio's messages and receipts, one line of intent each."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from twilio.request_validator import RequestValidator

from services.kernel.errors import InvalidInput, Unauthenticated
from services.provider_kit.contract import (
    ChannelKind,
    ConsentChanged,
    Contact,
    Ignored,
    InboundEvent,
    MessageReceived,
    MessageStatusChanged,
    WebhookRequest,
)
from services.provider_kit.payloads import parse_form
from services.providers.twilio import webhooks
from tests.providers.harness import NOW, build_request, load_payload, signed, wrap
from tests.providers.twilio.wire import MESSAGE_SID, WIRE

CONTACT = Contact(id="+14155550111", address="+14155550111")


def read(name: str) -> Sequence[InboundEvent]:
    """Return the events that a payload becomes."""
    return webhooks.parse(load_payload("twilio", name), settings=WIRE.settings)


def texted(body: str) -> WebhookRequest:
    """Return an incoming message with that text."""
    request = load_payload("twilio", "received__start")
    return replace(request, body=request.body.replace(b"Body=START", b"Body=" + body.encode()))


def test_a_text_message_is_answered() -> None:
    assert list(read("received__text")) == [
        MessageReceived(
            external_id=MESSAGE_SID,
            contact=CONTACT,
            channel_kind=ChannelKind.SMS,
            channel_id="+14155550100",
            channel_name="+14155550100",
            conversation_key="+14155550100:+14155550111",
            text="When do you open on Saturday?",
            addressed=True,
            why="text message to +14155550100",
        )
    ]


def test_signs_and_lines_arrive_as_they_were_written() -> None:
    (event,) = read("received__emoji_and_plus")

    assert isinstance(event, MessageReceived)
    assert event.text == "1 + 1 = 2 & \U0001f600 Grüße\nzweite Zeile"


@pytest.mark.parametrize("word", ["STOP", "stopall", "Unsubscribe", "CANCEL", "end", "QUIT", "REVOKE", "OptOut"])
def test_an_opt_out_word_ends_the_consent_and_is_not_answered(word: str) -> None:
    (event,) = webhooks.parse(texted(f"+{word}+"), settings={})

    assert event == ConsentChanged(contact=CONTACT, sender="+14155550100", allowed=False, keyword=word.upper())


@pytest.mark.parametrize("word", ["START", "unstop"])
def test_an_opt_in_word_restores_the_consent(word: str) -> None:
    (event,) = webhooks.parse(texted(word), settings={})

    assert event == ConsentChanged(contact=CONTACT, sender="+14155550100", allowed=True, keyword=word.upper())


def test_yes_restores_the_consent_and_is_an_answer_too() -> None:
    consent, message = read("received__yes")

    assert consent == ConsentChanged(contact=CONTACT, sender="+14155550100", allowed=True, keyword="YES")
    assert isinstance(message, MessageReceived) and message.text == "Yes"


@pytest.mark.parametrize("text", ["STOP+PLEASE", "STOP.", "please+stop", "%C5%BFtop", "ST+OP"])
def test_a_sentence_with_a_word_in_it_is_a_message(text: str) -> None:
    (event,) = webhooks.parse(texted(text), settings={})

    assert isinstance(event, MessageReceived)


def test_twilio_s_own_reading_of_a_word_wins() -> None:
    (stopped,) = read("received__opt_out_type_stop")
    (helped,) = read("received__opt_out_type_help")

    assert stopped == ConsentChanged(contact=CONTACT, sender="+14155550100", allowed=False, keyword="ARRET")
    assert helped == Ignored(reason="Twilio answered the contact's HELP itself")


def test_a_picture_without_words_is_left_alone() -> None:
    assert list(read("received__picture")) == [Ignored(reason="the message has no text")]


@pytest.mark.parametrize(
    ("name", "status", "code", "words"),
    [
        ("sent__plain", "sent", "", ""),
        ("delivered__plain", "delivered", "", ""),
        ("undelivered__landline", "failed", "30006", "landline"),
        ("failed__opted_out", "failed", "21610", "STOP"),
        ("failed__new_code", "failed", "39999", "error 39999"),
    ],
)
def test_a_receipt_says_what_became_of_the_message(name: str, status: str, code: str, words: str) -> None:
    (event,) = read(name)

    assert isinstance(event, MessageStatusChanged)
    assert (event.external_id, event.status, event.error_code) == (MESSAGE_SID, status, code)
    assert words in event.error_text and bool(event.error_text) == (status == "failed")


def test_every_receipt_of_a_message_counts_once() -> None:
    keys = [webhooks.dedupe_key(load_payload("twilio", name)) for name in ("sent__plain", "delivered__plain")]

    assert keys == [f"{MESSAGE_SID}:sent", f"{MESSAGE_SID}:delivered"]
    assert webhooks.dedupe_key(load_payload("twilio", "received__text")) == MESSAGE_SID


def test_twilio_s_own_library_signs_what_we_accept() -> None:
    for name in ("received__text", "received__emoji_and_plus", "received__picture", "sent__plain"):
        request = load_payload("twilio", name)
        fields = dict(parse_form(request.body).items)
        for url in (request.url, request.url + "?a=1&b=2", "http://127.0.0.1:8000/api/x", "http://[::1]:8000/api/x"):
            signature = str(RequestValidator(WIRE.secrets["auth_token"]).compute_signature(url, fields))
            headers = {**request.headers, "x-twilio-signature": signature}
            webhooks.authenticate(replace(request, url=url, headers=headers), secrets=wrap(WIRE.secrets), now=NOW)


def test_a_field_that_comes_twice_is_signed_but_not_read() -> None:
    request = load_payload("twilio", "received__text")
    request = signed(WIRE, replace(request, body=request.body + b"&Body=another"))

    webhooks.authenticate(request, secrets=wrap(WIRE.secrets), now=NOW)
    with pytest.raises(InvalidInput) as caught:
        webhooks.dedupe_key(request)
    assert caught.value.field == "Body"


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data", ""])
def test_another_content_type_is_refused(content_type: str) -> None:
    request = signed(WIRE, load_payload("twilio", "received__text"))

    with pytest.raises(Unauthenticated):
        webhooks.authenticate(
            replace(request, headers={**request.headers, "content-type": content_type}),
            secrets=wrap(WIRE.secrets),
            now=NOW,
        )


def test_a_json_body_cannot_be_smuggled_in_by_its_hash() -> None:
    request = build_request("twilio", "sms", b'{"Body":"hello"}')
    request = signed(WIRE, replace(request, body=b"", url=request.url + "?bodySHA256=" + "0" * 64))

    with pytest.raises(Unauthenticated):
        webhooks.authenticate(replace(request, body=b'{"Body":"hello"}'), secrets=wrap(WIRE.secrets), now=NOW)


def test_the_answer_is_empty_twiml() -> None:
    found = webhooks.answer(load_payload("twilio", "received__text"))

    assert (found.status, found.content_type) == (200, "text/xml")
    assert found.body.endswith(b"<Response/>")
