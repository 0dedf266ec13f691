"""Slack's events, one line of intent each."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import pytest
from slack_sdk.signature import SignatureVerifier

from services.kernel.errors import Unauthenticated
from services.provider_kit.contract import (
    ChannelKind,
    ConnectionRevoked,
    Contact,
    Ignored,
    InboundEvent,
    MessageReceived,
    WebhookRequest,
)
from services.providers.slack import webhooks
from tests.providers.harness import NOW, build_request, load_payload, wrap
from tests.providers.slack.wire import WIRE


def read(name: str) -> InboundEvent:
    """Return the one event that a payload becomes."""
    (event,) = webhooks.parse(load_payload("slack", name), settings=WIRE.settings)
    return event


def test_a_direct_message_is_answered_in_its_thread() -> None:
    assert read("message__direct") == MessageReceived(
        external_id="D024BE91L:1763640000.000100",
        contact=Contact(id="U061F7AUR", scope="T061EG9R6"),
        channel_kind=ChannelKind.SLACK_DM,
        channel_id="D024BE91L",
        conversation_key="D024BE91L",
        reply_to="1763640000.000100",
        text="When do you open on Saturday?",
        addressed=True,
        why="direct message",
        sent_at=datetime(2025, 11, 20, 12, 0, 0, 100, tzinfo=UTC),
    )


def test_a_direct_message_in_a_thread_stays_there_and_reads_as_people_see_it() -> None:
    event = read("message__direct_in_thread")

    assert isinstance(event, MessageReceived)
    assert (event.conversation_key, event.reply_to) == ("D024BE91L", "1763640000.000100")
    assert event.text == "And on Sunday (https://acme.example/sunday)? A & B <3"


def test_a_mention_is_answered_in_its_thread() -> None:
    event = read("app_mention__channel")

    assert isinstance(event, MessageReceived)
    assert event.channel_kind is ChannelKind.SLACK_CHANNEL and event.addressed
    assert event.conversation_key == "C024BE91L:1763640200.000400"
    assert event.reply_to == "1763640200.000400"
    assert event.text == "when do you open?"
    assert event.why == "mention in a channel"


def test_a_mention_in_a_thread_continues_that_conversation() -> None:
    event = read("app_mention__in_thread")

    assert isinstance(event, MessageReceived)
    assert event.conversation_key == "C024BE91L:1763640200.000400"
    assert event.external_id == "C024BE91L:1763640300.000500"
    assert event.text == "thanks, ask @kim in #general, @here"


def test_a_mention_in_a_channel_shared_with_another_company_is_ours() -> None:
    request = load_payload("slack", "app_mention__shared_channel")

    assert webhooks.account_ids(request) == ("T0PARTNER1", "T061EG9R6")
    webhooks.check_account(request, account_id="T061EG9R6")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("message__channel_mention_twin", "the mention arrives as its own event"),
        ("message__own", "our own message"),
        ("message__other_bot", "another app's message"),
        ("message__edited", "a message was edited"),
        ("message__deleted", "a message was deleted"),
        ("message__joined", "somebody joined the channel"),
        ("message__file_without_text", "the message has no text"),
        ("app_mention__nothing_said", "the message has no text"),
        ("tokens_revoked__person", "a person's token was revoked, not the agent's"),
        ("app_rate_limited__minute", "Slack held events back: more than 30,000 in an hour for this workspace"),
    ],
)
def test_what_is_left_alone_says_why(name: str, reason: str) -> None:
    assert read(name) == Ignored(reason=reason)


def test_a_message_in_a_channel_is_left_to_the_channels_policy() -> None:
    event = read("message__channel_unaddressed")

    assert isinstance(event, MessageReceived)
    assert event.in_shared_channel and not event.addressed and event.why == "message in a channel"


def test_a_file_with_words_is_a_message() -> None:
    event = read("message__direct_with_file")

    assert isinstance(event, MessageReceived) and event.text == "Is this you?"


@pytest.mark.parametrize("name", ["app_uninstalled__workspace", "tokens_revoked__bot"])
def test_the_end_of_our_access_is_noticed(name: str) -> None:
    assert isinstance(read(name), ConnectionRevoked)


def test_a_mention_event_in_a_direct_message_is_not_answered_twice() -> None:
    request = load_payload("slack", "app_mention__channel")
    body = request.body.replace(b"C024BE91L", b"D024BE91L")

    (event,) = webhooks.parse(replace(request, body=body), settings=WIRE.settings)
    assert event == Ignored(reason="the direct message arrives as its own event")


def test_an_unknown_subtype_is_nobody_s_words() -> None:
    request = load_payload("slack", "message__joined")
    body = request.body.replace(b"channel_join", b"brand_new").replace(b'"channel"', b'"im"')

    (event,) = webhooks.parse(replace(request, body=body), settings=WIRE.settings)
    assert event == Ignored(reason="Slack's “brand_new” is nobody's words")


def test_slack_s_own_library_signs_what_we_accept() -> None:
    request = load_payload("slack", "message__direct")
    stamp = str(int(NOW.timestamp()))
    signature = SignatureVerifier(WIRE.secrets["signing_secret"]).generate_signature(timestamp=stamp, body=request.body)
    headers = {**request.headers, "x-slack-request-timestamp": stamp, "x-slack-signature": str(signature)}

    webhooks.authenticate(replace(request, headers=headers), secrets=wrap(WIRE.secrets), now=NOW)


def test_the_time_of_a_request_is_part_of_its_signature() -> None:
    request = load_payload("slack", "message__direct")
    stamp = str(int(NOW.timestamp()) - 1000)
    signature = SignatureVerifier(WIRE.secrets["signing_secret"]).generate_signature(timestamp=stamp, body=request.body)
    headers = {"x-slack-request-timestamp": str(int(NOW.timestamp())), "x-slack-signature": str(signature)}

    with pytest.raises(Unauthenticated, match="does not match"):
        webhooks.authenticate(replace(request, headers=headers), secrets=wrap(WIRE.secrets), now=NOW)


def challenge(value: object, *, kind: str = "url_verification") -> WebhookRequest:
    """Return Slack's question whether the address is ours."""
    return build_request("slack", "events", json.dumps({"token": "x", "challenge": value, "type": kind}).encode())


def test_the_set_up_challenge_is_repeated_as_json() -> None:
    found = webhooks.handshake(challenge("3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkR7FYXV5RzSpD"))

    assert found is not None and found.status == 200 and found.content_type == "application/json"
    assert cast(object, json.loads(found.body)) == {"challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkR7FYXV5RzSpD"}


@pytest.mark.parametrize("value", ["<script>alert(1)</script>", "", "a b", "x" * 501, 7, None, "a\n"])
def test_what_is_no_challenge_is_not_repeated(value: object) -> None:
    assert webhooks.handshake(challenge(value)) is None


def test_an_event_that_carries_a_challenge_is_no_handshake() -> None:
    assert webhooks.handshake(challenge("abc", kind="event_callback")) is None


def test_a_repeated_delivery_has_the_same_key() -> None:
    request = load_payload("slack", "message__direct")

    assert webhooks.dedupe_key(request) == "Ev08MFMKH6"
    assert webhooks.dedupe_key(load_payload("slack", "app_rate_limited__minute")) == (
        "app_rate_limited:T061EG9R6:1763640000"
    )
