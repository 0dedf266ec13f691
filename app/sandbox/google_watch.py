"""Watches: channels that tell an address that something changed, and nothing more.

https://developers.google.com/workspace/calendar/api/guides/push
"""

import hashlib
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import quote, urlsplit

from app.sandbox.google_call import Answer, Call, GoogleError
from app.sandbox.google_state import GoogleCalendar, GoogleChannel, GoogleState
from app.sandbox.record import JsonObject

_CHANNEL_ID = re.compile(r"[A-Za-z0-9\-_+/=]{1,64}")
USER_AGENT = "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_TOKEN_LENGTH = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One message of a channel."""

    channel_id: str
    address: str
    state: str
    number: int
    headers: Mapping[str, str]
    """All but the channel's token."""
    is_doubled: bool = False


def watch_events(call: Call) -> Answer:
    """Answer ``events.watch``; the ``sync`` message follows.

    Raises:
        GoogleError: as Google would refuse.
    """
    calendar = call.desk().calendar
    channel_id, address = str(call.body.get("id") or ""), str(call.body.get("address") or "")
    token = str(call.body.get("token") or "")
    if not _CHANNEL_ID.fullmatch(channel_id) or len(token) > _TOKEN_LENGTH:
        raise GoogleError("invalid", "Invalid channel id or token.")
    if call.body.get("type") not in {"web_hook", "webhook"}:
        raise GoogleError("invalid", "Unknown channel type.")
    parts = urlsplit(address)
    # Google wants https; the loopback, where the sandbox plays, has no certificate.
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise GoogleError("pushWebhookUrlNotHttps", f"WebHook callback must be HTTPS: {address}")
    if any(item.id == channel_id for item in call.google.channels):
        raise GoogleError("channelIdNotUnique", f"Channel id {channel_id} not unique")
    resource = hashlib.sha256(f"{call.account.sub}/{calendar.id}/events".encode()).hexdigest()[:27]
    channel = GoogleChannel(
        id=channel_id,
        token=token,
        address=address,
        client_id=call.grant.client_id,
        sub=call.account.sub,
        calendar_id=calendar.id,
        resource_id=resource,
        resource_uri=f"https://www.googleapis.com/calendar/v3/calendars/{quote(calendar.id)}/events?alt=json",
        expires_at=float(int(call.now + _lifetime(call.google, call.body, now=call.now))),
    )
    call.google.channels.append(channel)
    return {
        "kind": "api#channel",
        "id": channel.id,
        "resourceId": channel.resource_id,
        "resourceUri": channel.resource_uri,
        **({"token": token} if token else {}),
        "expiration": str(int(channel.expires_at * 1000)),
    }


def stop_channel(call: Call) -> None:
    """Answer ``channels.stop``.

    Raises:
        GoogleError: the person has no such channel on that resource with that client.
    """
    wanted = (call.body.get("id"), call.body.get("resourceId"), call.account.sub, call.grant.client_id)
    for channel in live_channels(call.google, now=call.now):
        if (channel.id, channel.resource_id, channel.sub, channel.client_id) == wanted:
            channel.is_stopped = True
            return
    raise GoogleError("notFound", f"Channel '{wanted[0]}' not found for project")


def live_channels(google: GoogleState, *, now: float) -> Iterator[GoogleChannel]:
    """Return the channels that still speak."""
    return (item for item in google.channels if not item.is_stopped and item.expires_at > now)


def greet(google: GoogleState, channel_id: str) -> Notification:
    """Return the first message of a new channel."""
    channel = next(item for item in google.channels if item.id == channel_id)
    return _next_message(channel, state="sync")


def notify(google: GoogleState, calendar: GoogleCalendar, *, now: float) -> Sequence[Notification]:
    """Return what a calendar's channels say about a change, as far as it does not get lost."""
    said = [
        _next_message(item, state="exists")
        for item in live_channels(google, now=now)
        if item.calendar_id == calendar.id
    ]
    lost = min(google.drop_notifications, len(said))
    doubled = min(google.double_notifications, len(said) - lost)
    google.drop_notifications -= lost
    google.double_notifications -= doubled
    return [replace(item, is_doubled=place < doubled) for place, item in enumerate(said[lost:])]


def token_of(google: GoogleState, channel_id: str) -> str:
    """Return a channel's token; empty if it has none, or is forgotten."""
    return next((item.token for item in google.channels if item.id == channel_id), "")


def _next_message(channel: GoogleChannel, *, state: str) -> Notification:
    channel.number += 1 if state == "sync" else 1 + secrets.randbelow(9)
    expiration = datetime.fromtimestamp(channel.expires_at, UTC)
    return Notification(
        channel_id=channel.id,
        address=channel.address,
        state=state,
        number=channel.number,
        headers={
            "x-goog-channel-id": channel.id,
            "x-goog-channel-expiration": format_datetime(expiration, usegmt=True),
            "x-goog-resource-id": channel.resource_id,
            "x-goog-resource-uri": channel.resource_uri,
            "x-goog-resource-state": state,
            "x-goog-message-number": str(channel.number),
        },
    )


def _lifetime(google: GoogleState, body: JsonObject, *, now: float) -> float:
    """Return how long a channel may live: what was asked for, within Google's limit."""
    params = body.get("params")
    asked = params.get("ttl") if isinstance(params, dict) else None
    try:
        ends = float(str(body["expiration"])) / 1000 if body.get("expiration") else now + google.watch_seconds
        seconds = min(ends - now, float(str(asked))) if asked else ends - now
    except ValueError as error:
        raise GoogleError("invalid", "Invalid expiration.") from error
    if seconds <= 0:
        raise GoogleError("pushInvalidTtl")
    return min(seconds, google.watch_seconds)
