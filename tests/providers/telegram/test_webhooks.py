"""Telegram's updates, one line of intent each."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.kernel.errors import Unauthenticated
from services.provider_kit.contract import ChannelKind, Contact, Ignored, InboundEvent, MessageReceived
from services.providers.telegram import webhooks
from tests.providers.harness import load_payload, signed
from tests.providers.telegram.wire import BOT, CONTACT, OTHER_BOT, WIRE


def read(name: str) -> InboundEvent:
    (event,) = webhooks.parse(load_payload("telegram", name), settings={})
    return event


def test_a_text_to_the_bot_is_answered_in_its_chat() -> None:
    event = read("message__direct")

    assert isinstance(event, MessageReceived) and event.addressed
    assert event.contact == Contact(id=CONTACT, name="Ada Osei")
    assert (event.channel_kind, event.channel_id, event.conversation_key) == (ChannelKind.CHAT, CONTACT, CONTACT)
    assert event.text == "Are you open on Saturday?"
    # Telegram numbers messages in each chat anew.
    assert event.external_id == f"{CONTACT}:41"
    assert event.sent_at == datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("message__start", "opened the chat"),
        ("message__photo", "no text"),
        ("message__group", "group"),
        ("message__bot", "a bot's message"),
    ],
)
def test_what_asks_nothing_is_left_alone(name: str, why: str) -> None:
    event = read(name)

    assert isinstance(event, Ignored) and why in event.reason


def test_an_update_is_the_same_one_however_often_it_comes() -> None:
    assert webhooks.dedupe_key(load_payload("telegram", "message__direct")) == "871349201"


def test_the_secret_says_which_bot_an_update_is_for() -> None:
    request = load_payload("telegram", "message__direct")
    webhooks.check_account(signed(WIRE, request), account_id=BOT)

    for secrets in (WIRE.other_secrets, {"signing_secret": "without-a-number"}):
        with pytest.raises(Unauthenticated) as caught:
            webhooks.check_account(signed(WIRE, request, secrets=secrets), account_id=BOT)
        assert caught.value.code == "other_account"
    assert list(webhooks.account_ids(signed(WIRE, request, secrets=WIRE.other_secrets))) == [OTHER_BOT]
    assert list(webhooks.account_ids(replace(request, headers={}))) == []
