"""Google's push notifications: proves the sender and says which subscription is meant.

A notification is all headers: its body is empty, and it says that something changed, not what. Google signs nothing
and sends no time; what proves it is the token that we gave the subscription. A copy of a notification leads to one
more look at the calendar and to nothing else. https://developers.google.com/workspace/calendar/api/guides/push
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from services.kernel.errors import InvalidInput, Unauthenticated
from services.kernel.secret import Secret
from services.provider_kit.contract import Answer, CalendarChanged, Ignored, InboundEvent, WebhookRequest
from services.provider_kit.signatures import refuse_signature, require_header, same

_SLUG = "google_calendar"
_CHANNEL = "X-Goog-Channel-ID"
_TOKEN = "X-Goog-Channel-Token"
_RESOURCE = "X-Goog-Resource-ID"
_STATE = "X-Goog-Resource-State"
_NUMBER = "X-Goog-Message-Number"

_CHANNEL_ID = re.compile(r"[A-Za-z0-9\-_+/=]{1,64}")
_MESSAGE_NUMBER = re.compile(r"[0-9]{1,20}")
_WORD = re.compile(r"[a-z_]{1,40}")


def authenticate(request: WebhookRequest, *, secrets: Mapping[str, Secret], now: datetime) -> None:
    """Check the channel's token, and that the channel is still about the same calendar.

    Google sends no time, so ``now`` is not used: a repetition is stopped by its number.

    Raises:
        Unauthenticated: with the code that says what is wrong.
    """
    channel_id = require_header(request, _CHANNEL)
    stored = secrets.get(channel_id)
    resource_id, _, token = stored.reveal().partition(" ") if stored else ("", "", "")
    if not token.strip():
        raise Unauthenticated("The notification is for a subscription that has ended.", code="no_secret")
    is_sender = same(require_header(request, _TOKEN), token)
    # While Google's answer to the subscription is on its way, the first notification may overtake it.
    is_resource = not resource_id or same(require_header(request, _RESOURCE), resource_id)
    if not (is_sender and is_resource):
        refuse_signature()


def handshake(request: WebhookRequest) -> Answer | None:
    """Return None: Google has no set-up challenge; its ``sync`` notification proves itself like any other."""
    return None


def account_ids(request: WebhookRequest) -> Sequence[str]:
    """Return the subscription that the request names; Google names no account."""
    channel_id = _header(request, _CHANNEL, _CHANNEL_ID)
    return (channel_id,) if channel_id else ()


def check_account(request: WebhookRequest, *, account_id: str) -> None:
    """Accept the request: the subscription that was proven belongs to one connection."""


def dedupe_key(request: WebhookRequest) -> str:
    """Return the subscription and the number of the notification within it, which grows and is never used again.

    Raises:
        InvalidInput: the headers are not a notification's.
    """
    channel_id, number = _header(request, _CHANNEL, _CHANNEL_ID), _header(request, _NUMBER, _MESSAGE_NUMBER)
    if not channel_id or not number:
        raise InvalidInput(
            "The request has no channel id and message number.", field=_NUMBER, code="invalid_body", provider=_SLUG
        )
    return f"{channel_id}:{number}"


def event_type(request: WebhookRequest) -> str:
    """Return the state that the notification reports."""
    return _header(request, _STATE, _WORD)


def answer(request: WebhookRequest) -> Answer:
    """Return what Google expects: any 2xx."""
    return Answer()


def parse(request: WebhookRequest, *, settings: Mapping[str, str]) -> Sequence[InboundEvent]:
    """Turn a stored notification into a fact.

    Raises:
        InvalidInput: the headers are not a notification's.
    """
    state, channel_id = event_type(request), _header(request, _CHANNEL, _CHANNEL_ID)
    if not state or not channel_id:
        raise InvalidInput(
            "The request has no channel id and resource state.", field=_STATE, code="invalid_body", provider=_SLUG
        )
    reader = _READERS.get(state)
    return (reader(channel_id) if reader else Ignored(reason=f"Google's “{state}” is no change of a calendar"),)


def _read_change(channel_id: str) -> InboundEvent:
    return CalendarChanged(subscription_id=channel_id)


def _read_sync(channel_id: str) -> InboundEvent:
    return Ignored(reason="the subscription works; nothing has changed yet")


_READERS: Mapping[str, Callable[[str], InboundEvent]] = {
    "exists": _read_change,
    "not_exists": _read_change,
    "sync": _read_sync,
}


def _header(request: WebhookRequest, name: str, pattern: re.Pattern[str]) -> str:
    value = request.headers.get(name.lower(), "")
    return value if pattern.fullmatch(value) else ""
