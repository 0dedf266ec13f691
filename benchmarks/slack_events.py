"""Signed Slack events, each one new, as bytes ready for the socket."""

import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

BODY_BYTES = 1500
"""About what Slack posts for a message."""
FRESH_SECONDS = 240.0
"""Slack's signatures are good for 300 s; what is prepared is used well before that."""
QUESTION = "When is the payout?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A workspace that events come from, and where they go."""

    team: str
    signing_secret: str
    path: str
    """The address's path, which holds the endpoint's token."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """One request."""

    data: bytes
    thread: str
    """The message's ``ts``, which the answer names."""


class EventSource:
    """Makes events that never repeat."""

    def __init__(self) -> None:
        self._run = uuid4().hex[:10]
        self._number = itertools.count()
        self._began = int(time.time())

    def prepare(self, accounts: Sequence[Account], *, count: int, channels: int, host: str) -> list[Prepared]:
        """Return signed requests, spread evenly over accounts and, in each, over direct message channels."""
        return [
            self._prepare(accounts[place % len(accounts)], channel=place // len(accounts) % channels, host=host)
            for place in range(count)
        ]

    def _prepare(self, account: Account, *, channel: int, host: str) -> Prepared:
        number = next(self._number)
        thread = f"{self._began + number // 1_000_000}.{number % 1_000_000:06d}"
        body = _body(account, event_id=f"Ev{self._run}{number}", channel=channel, thread=thread)
        return Prepared(_request(account, body, host=host), thread)


def _body(account: Account, *, event_id: str, channel: int, thread: str) -> bytes:
    event = {
        "type": "message",
        "channel": f"D0BENCH{channel:05d}",
        "channel_type": "im",
        "user": f"U0BENCH{channel:05d}",
        "text": QUESTION,
        "ts": thread,
        "event_ts": thread,
        "team": account.team,
        "client_msg_id": event_id,
    }
    envelope: dict[str, object] = {
        "token": "unused",
        "team_id": account.team,
        "api_app_id": "A0BENCH0001",
        "type": "event_callback",
        "event_id": event_id,
        "event_time": int(float(thread)),
        "authorizations": [{"team_id": account.team, "user_id": "U0BENCHBOT", "is_bot": True}],
        "event": event,
    }
    missing = BODY_BYTES - len(json.dumps(envelope)) - len(', "event_context": ""')
    return json.dumps({**envelope, "event_context": "4" * max(0, missing)}).encode()


def _request(account: Account, body: bytes, *, host: str) -> bytes:
    timestamp = str(int(time.time()))
    signed = b"v0:" + timestamp.encode() + b":" + body
    signature = hmac.new(account.signing_secret.encode(), signed, hashlib.sha256).hexdigest()
    head = (
        f"POST {account.path} HTTP/1.1\r\n"
        f"Host: {host}\r\n"
        "Content-Type: application/json\r\n"
        "User-Agent: Slackbot 1.0 (+https://api.slack.com/robots)\r\n"
        "Accept: */*\r\n"
        f"X-Slack-Request-Timestamp: {timestamp}\r\n"
        f"X-Slack-Signature: v0={signature}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
