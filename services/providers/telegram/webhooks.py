"""Telegram's webhooks: proves the sender and turns updates into facts. https://core.telegram.org/bots/api#setwebhook"""

import contextlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from services.kernel.errors import InvalidInput, Unauthenticated
from services.kernel.secret import Secret
from services.provider_kit.contract import (
    Answer,
    ChannelKind,
    Contact,
    Ignored,
    InboundEvent,
    MessageReceived,
    WebhookRequest,
)
from services.provider_kit.payloads import parse_json, read_model
from services.provider_kit.signatures import StaticToken
from services.providers.telegram.manifest import MANIFEST
from services.providers.telegram.schemas import Message, MessageUpdate, Update

_HEADER = "X-Telegram-Bot-Api-Secret-Token"
_SECRET = StaticToken(header=_HEADER)
_BOT = re.compile(r"([0-9]{5,20})_")
_TYPE = re.compile(r"[a-z_]{1,60}")
# https://core.telegram.org/bots/features#deep-linking
_START = re.compile(r"/start(?: [0-9A-Za-z_-]{1,64})?")


def authenticate(request: WebhookRequest, *, secrets: Mapping[str, Secret], now: datetime) -> None:
    """Check the secret that Telegram repeats with every update.

    It has no time, so ``now`` is not used: a repetition is stopped by its dedupe key.

    Raises:
        Unauthenticated: with the code that says what is wrong.
    """
    _SECRET.authenticate(request, secrets=secrets, now=now)


def handshake(request: WebhookRequest) -> Answer | None:
    """Return None: Telegram has no set-up challenge."""
    return None


def account_ids(request: WebhookRequest) -> Sequence[str]:
    """Return the bot that the secret names: updates do not say whom they are for."""
    named = _BOT.match(request.headers.get(_HEADER.lower(), ""))
    return (named[1],) if named else ()


def check_account(request: WebhookRequest, *, account_id: str) -> None:
    """Refuse a request for another bot.

    Raises:
        Unauthenticated: code ``other_account``.
    """
    if not account_id or account_id not in account_ids(request):
        raise Unauthenticated("The request is for another bot.", code="other_account", provider=MANIFEST.slug)


def dedupe_key(request: WebhookRequest) -> str:
    """Return the update's id, which is the same when it is delivered again.

    Raises:
        InvalidInput: the body is no update.
    """
    return str(read_model(Update, parse_json(request.body)).update_id)


def event_type(request: WebhookRequest) -> str:
    """Return the name of the update's one further field: ``message``, ``edited_message`` …"""
    with contextlib.suppress(InvalidInput):
        return next((name for name in parse_json(request.body) if name != "update_id" and _TYPE.fullmatch(name)), "")
    return ""


def answer(request: WebhookRequest) -> Answer:
    """Return what Telegram expects to read: any success; a ``method`` in the body would be carried out."""
    return Answer()


def parse(request: WebhookRequest, *, settings: Mapping[str, str]) -> Sequence[InboundEvent]:
    """Turn a stored update into facts.

    Raises:
        InvalidInput: the body is not what Telegram documents.
    """
    kind = event_type(request)
    if kind not in MANIFEST.handled_events:
        read_model(Update, parse_json(request.body))
        return (Ignored(reason=f"“{kind}” needs no answer"),)
    return (_received(read_model(MessageUpdate, parse_json(request.body)).message),)


def _received(message: Message) -> InboundEvent:
    sender, text = message.sender, message.text.strip()
    if message.chat.type != "private" or sender is None:
        return Ignored(reason="written in a group or channel; the agent answers one-to-one chats")
    if sender.is_bot:
        return Ignored(reason="a bot's message")
    if not text:
        return Ignored(reason="the message has no text")
    if _START.fullmatch(text):
        return Ignored(reason="the contact opened the chat and has not asked anything yet")
    return MessageReceived(
        external_id=message.external_id,
        contact=Contact(id=str(sender.id), name=f"{sender.first_name} {sender.last_name}".strip()),
        channel_kind=ChannelKind.CHAT,
        channel_id=str(message.chat.id),
        conversation_key=str(message.chat.id),
        text=text,
        addressed=True,
        why="direct message",
        sent_at=datetime.fromtimestamp(message.date, UTC),
    )
