"""Slack's Events API: proves the sender and turns events into facts. https://docs.slack.dev/apis/events-api/"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

from services.kernel.errors import InvalidInput, Unauthenticated
from services.kernel.secret import Secret
from services.provider_kit.contract import (
    Answer,
    ChannelKind,
    ConnectionRevoked,
    Contact,
    Ignored,
    InboundEvent,
    MessageReceived,
    WebhookRequest,
)
from services.provider_kit.payloads import parse_json, read_model, remember_last
from services.provider_kit.signatures import Hmac
from services.providers.slack.schemas import Envelope, Event
from services.providers.slack.text import mentions, read_text

_SIGNATURE = Hmac(
    header="X-Slack-Signature",
    prefix="v0=",
    timestamp_header="X-Slack-Request-Timestamp",
    template="v0:{timestamp}:{body}",
)
_TAKEN = Answer()
_CHALLENGE = re.compile(r"[A-Za-z0-9._~+/=-]{1,500}")

# Subtypes that are a person's words all the same; every other one is something that happened to a message or
# a channel. https://docs.slack.dev/reference/events/message/#subtypes
_SPOKEN = frozenset({"", "file_share", "me_message", "thread_broadcast"})
_SILENT: Mapping[str, str] = {
    "assistant_app_thread": "Slack opened an assistant thread",
    "bot_message": "another app's message",
    "channel_archive": "the channel was archived",
    "channel_join": "somebody joined the channel",
    "channel_leave": "somebody left the channel",
    "channel_name": "the channel was renamed",
    "channel_purpose": "the channel's purpose was changed",
    "channel_topic": "the channel's topic was changed",
    "group_join": "somebody joined the channel",
    "group_leave": "somebody left the channel",
    "message_changed": "a message was edited",
    "message_deleted": "a message was deleted",
    "message_replied": "a thread got a reply, which arrives as its own event",
    "tombstone": "a message was deleted",
}

_read_json = remember_last(parse_json)
_read_envelope = remember_last(lambda body: read_model(Envelope, _read_json(body)))


def authenticate(request: WebhookRequest, *, secrets: Mapping[str, Secret], now: datetime) -> None:
    """Check Slack's signature over the raw body. https://docs.slack.dev/authentication/verifying-requests-from-slack/

    Raises:
        Unauthenticated: with the code that says what is wrong.
    """
    _SIGNATURE.authenticate(request, secrets=secrets, now=now)


def handshake(request: WebhookRequest) -> Answer | None:
    """Answer ``url_verification``, which Slack sends when the address is pasted into the app's settings."""
    try:
        values = _read_json(request.body)
    except InvalidInput:
        return None
    challenge = values.get("challenge")
    if values.get("type") != "url_verification" or not isinstance(challenge, str):
        return None
    # The request is not authenticated: only what looks like a challenge is repeated.
    return Answer(body=json.dumps({"challenge": challenge}).encode()) if _CHALLENGE.fullmatch(challenge) else None


def account_ids(request: WebhookRequest) -> Sequence[str]:
    """Return the workspaces that the request names.

    In a channel shared between companies ``team_id`` may be the other one; ``authorizations`` names ours.
    """
    try:
        envelope = _read_envelope(request.body)
    except InvalidInput:
        return ()
    named = (envelope.team_id, *(item.team_id for item in envelope.authorizations))
    return tuple(dict.fromkeys(team for team in named if team))


def check_account(request: WebhookRequest, *, account_id: str) -> None:
    """Refuse an event for another workspace.

    Raises:
        Unauthenticated: code ``other_account``.
    """
    if not account_id or account_id not in account_ids(request):
        raise Unauthenticated("The event is for another Slack workspace.", code="other_account", provider="slack")


def dedupe_key(request: WebhookRequest) -> str:
    """Return ``event_id``, which Slack repeats when it delivers again.

    Raises:
        InvalidInput: the body is no event.
    """
    envelope = _read_envelope(request.body)
    if envelope.event_id:
        return envelope.event_id
    if envelope.type == "app_rate_limited":
        return f"app_rate_limited:{envelope.team_id}:{envelope.minute_rate_limited}"
    raise InvalidInput("The body has no event_id.", field="event_id", code="invalid_body", provider="slack")


def event_type(request: WebhookRequest) -> str:
    """Return the inner event's type, or the envelope's where there is none."""
    try:
        return _read(request)[1]
    except InvalidInput:
        return ""


def answer(request: WebhookRequest) -> Answer:
    """Return what Slack expects: any 2xx within three seconds."""
    return _TAKEN


def parse(request: WebhookRequest, *, settings: Mapping[str, str]) -> Sequence[InboundEvent]:
    """Turn a stored request into facts.

    Args:
        settings: ``bot_user_id`` and ``bot_name`` tell our own messages and mentions apart.

    Raises:
        InvalidInput: the body is not what Slack documents.
    """
    envelope, name, inner = _read(request)
    reader = _READERS.get(name)
    if reader is None:
        return (Ignored(reason=f"Slack's “{name}” needs no answer"),)
    # Read only now: other events use the same names for other things (an object as ``user``).
    event = read_model(Event, {key: value for key, value in inner.items() if value is not None})
    return (reader(envelope, event, settings),)


def _read(request: WebhookRequest) -> tuple[Envelope, str, dict[str, object]]:
    values, envelope = _read_json(request.body), _read_envelope(request.body)
    if envelope.type != "event_callback":
        return envelope, envelope.type, {"type": envelope.type}
    inner = values.get("event")
    name = cast(dict[str, object], inner).get("type") if isinstance(inner, dict) else None
    if not isinstance(name, str):
        raise InvalidInput("The body has no event.", field="event", code="invalid_body", provider="slack")
    return envelope, name[:120], cast(dict[str, object], inner)


def _read_message(envelope: Envelope, event: Event, settings: Mapping[str, str]) -> InboundEvent:
    if silent := _not_a_person(event, settings):
        return silent
    if event.channel_type == "im":
        return _message(envelope, event, settings, why="direct message")
    if mentions(event.text, user_id=settings.get("bot_user_id", "")):
        return Ignored(reason="the mention arrives as its own event")
    return _message(envelope, event, settings, why="message in a channel", addressed=False)


def _read_mention(envelope: Envelope, event: Event, settings: Mapping[str, str]) -> InboundEvent:
    if silent := _not_a_person(event, settings):
        return silent
    if event.channel_type == "im" or event.channel.startswith("D"):
        return Ignored(reason="the direct message arrives as its own event")
    return _message(envelope, event, settings, why="mention in a channel")


def _read_end(envelope: Envelope, event: Event, settings: Mapping[str, str]) -> InboundEvent:
    if event.type == "app_uninstalled":
        return ConnectionRevoked(reason="The app was removed from the Slack workspace.")
    if event.tokens is None or not event.tokens.bot:
        return Ignored(reason="a person's token was revoked, not the agent's")
    return ConnectionRevoked(reason="The app's tokens were revoked in Slack.")


def _read_rate_limited(envelope: Envelope, event: Event, settings: Mapping[str, str]) -> InboundEvent:
    return Ignored(reason="Slack held events back: more than 30,000 in an hour for this workspace")


_READERS: Mapping[str, Callable[[Envelope, Event, Mapping[str, str]], InboundEvent]] = {
    "message": _read_message,
    "app_mention": _read_mention,
    "app_uninstalled": _read_end,
    "tokens_revoked": _read_end,
    "app_rate_limited": _read_rate_limited,
}


def _not_a_person(event: Event, settings: Mapping[str, str]) -> Ignored | None:
    if event.user and event.user == settings.get("bot_user_id"):
        return Ignored(reason="our own message")
    if event.bot_id:
        return Ignored(reason="our own message" if event.bot_id == settings.get("bot_id") else "another app's message")
    if event.subtype not in _SPOKEN:
        return Ignored(reason=_SILENT.get(event.subtype, f"Slack's “{event.subtype}” is nobody's words"))
    if not event.user or not event.channel or not event.ts:
        return Ignored(reason="the message names no author")
    return None


def _message(
    envelope: Envelope, event: Event, settings: Mapping[str, str], *, why: str, addressed: bool = True
) -> InboundEvent:
    text = read_text(event.text, bot_user_id=settings.get("bot_user_id", ""), bot_name=settings.get("bot_name", ""))
    if not text:
        return Ignored(reason="the message has no text")
    thread = event.thread_ts or event.ts
    direct = event.channel_type == "im"
    return MessageReceived(
        external_id=f"{event.channel}:{event.ts}",
        contact=Contact(id=event.user, scope=envelope.team_id),
        channel_kind=ChannelKind.SLACK_DM if direct else ChannelKind.SLACK_CHANNEL,
        channel_id=event.channel,
        conversation_key=event.channel if direct else f"{event.channel}:{thread}",
        reply_to=thread,
        text=text,
        addressed=addressed,
        why=why,
        in_shared_channel=not direct,
        sent_at=datetime.fromtimestamp(float(event.ts), UTC),
    )
