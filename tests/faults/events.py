"""What contacts say, as Slack and Twilio would announce it: the body, who signs it, and the answer that is due."""

import hashlib
import hmac
import itertools
import json
import random
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlencode, urlsplit

from twilio.request_validator import RequestValidator

from tests.faults.tenants import CODES, Tenant

Provider = Literal["slack", "twilio"]
Signer = Callable[[float], Mapping[str, str]]
"""Moment → the headers that prove the sender at that moment."""

_PHONES = 40
_counter = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a contact sees an answer: the Slack thread, or the phone."""

    provider: str
    account: str
    channel: str
    thread: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One webhook, and what must come of it."""

    id: str
    """The provider's own id of the delivery."""
    provider: Provider
    tenant: int
    message: str
    """The provider's id of the message, as the product keeps it."""
    conversation: str
    place: Place
    answer: str
    url: str
    content_type: str
    body: bytes
    sign: Signer


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What somebody asks."""

    code: str
    text: str
    answer: str


class Contacts:
    """The contacts of all tenants; whoever asks the same twice does so in another place, so that answers differ.

    Args:
        tenants: whom they write to.
        rng: who writes what.
    """

    def __init__(self, tenants: tuple[Tenant, ...], *, rng: random.Random) -> None:
        self._tenants = tenants
        self._rng = rng
        self._texts: dict[int, Iterator[int]] = {tenant.number: itertools.count() for tenant in tenants}

    def ask(self, tenant: Tenant | None = None, *, provider: Provider | None = None) -> Event:
        """Let one of them ask something; a tenant or provider that is not named is left to chance."""
        chosen = tenant or self._rng.choices(self._tenants, weights=[item.share for item in self._tenants])[0]
        by = provider or self._rng.choice(("slack", "twilio"))
        return self.in_slack(chosen) if by == "slack" else self.by_phone(chosen)

    def in_slack(self, tenant: Tenant, *, text: str = "", extra: Mapping[str, object] | None = None) -> Event:
        """Let somebody write to the agent directly.

        Args:
            tenant: in whose workspace.
            text: instead of a question that the agent knows.
            extra: more fields of the inner event.
        """
        company, code = tenant.company, tenant.code(self._rng.randrange(CODES))
        person = self._rng.choice(company.people)
        channel, ts = company.dms[person], f"{int(time.time())}.{next(_counter):06d}"
        body: dict[str, object] = {"type": "message", "channel_type": "im", "channel": channel, "user": person}
        body |= {"text": text or f"What is {code}?", "ts": ts, "event_ts": ts, "team": company.app.home_team_id}
        event_id = f"Ev{secrets.token_hex(6).upper()}"
        content = self._envelope(tenant, event_id, body | dict(extra or {}))
        return Event(
            id=event_id,
            provider="slack",
            tenant=tenant.number,
            message=f"{channel}:{ts}",
            conversation=channel,
            place=Place(provider="slack", account=company.app.home_team_id, channel=channel, thread=ts),
            answer=f"{code} is a drawer.",
            url=tenant.slack_url,
            content_type="application/json",
            body=content,
            sign=lambda moment: sign_slack(company.app.signing_secret, content, moment),
        )

    def by_phone(self, tenant: Tenant, *, text: str = "", caller: str = "") -> Event:
        """Let somebody send a text message; a phone asks each question once.

        Args:
            tenant: to one of whose numbers.
            text: instead of a question that the agent knows.
            caller: from this phone, not the next one.
        """
        company, place = tenant.company, next(self._texts[tenant.number])
        round_, phone = divmod(place, _PHONES)
        block, index = divmod(round_, CODES)
        code = tenant.code(index)
        sender = caller or f"+1415{tenant.number}{block:03d}{phone:03d}"
        number = company.account.numbers[phone % len(company.account.numbers)].phone_number
        sid = f"SM{secrets.token_hex(16)}"
        fields = {"MessageSid": sid, "SmsMessageSid": sid, "AccountSid": company.account.sid, "From": sender}
        fields |= {"To": number, "Body": text or f"What is {code}?", "NumMedia": "0", "ApiVersion": "2010-04-01"}
        fields["FromCity"] = "X" * self._padding(5_000)
        return Event(
            id=sid,
            provider="twilio",
            tenant=tenant.number,
            message=sid,
            conversation=f"{sender}/{number}",
            place=Place(provider="twilio", account=company.account.sid, channel=sender),
            answer=f"{code} is a drawer.",
            url=tenant.twilio_url,
            content_type="application/x-www-form-urlencoded; charset=UTF-8",
            body=urlencode(fields).encode(),
            sign=lambda _moment: sign_twilio(company.account.auth_token, tenant.twilio_url, fields),
        )

    def about(self, event: Event) -> Event:
        """Return what Slack says when a message is edited."""
        tenant = next(item for item in self._tenants if item.number == event.tenant)
        ts = event.place.thread
        said = {"type": "message", "user": tenant.company.people[0], "text": "edited", "ts": ts}
        return self.in_slack(
            tenant, extra={"subtype": "message_changed", "channel": event.place.channel, "message": said}
        )

    def overhear(self, tenant: Tenant) -> Event:
        """Let another program write in Slack: nothing comes of it."""
        return self.in_slack(tenant, extra={"bot_id": "B0STRANGER1"})

    def _envelope(self, tenant: Tenant, event_id: str, event: Mapping[str, object]) -> bytes:
        app = tenant.company.app
        envelope = {
            "token": app.verification_token,
            "team_id": app.home_team_id,
            "api_app_id": app.id,
            "event": event,
            "type": "event_callback",
            "event_id": event_id,
            "event_time": int(time.time()),
            "authorizations": [{"team_id": app.home_team_id, "user_id": app.bot_user_id, "is_bot": True}],
            "event_context": "x" * self._padding(19_000),
        }
        return json.dumps(envelope).encode()

    def _padding(self, most: int) -> int:
        """Most events are small, a few are as large as they come."""
        return int(most * self._rng.random() ** 8)


def in_another_time(event: Event, *, seconds: float) -> Event:
    """Return an event that is signed by a clock that is wrong by so much."""

    def sign(moment: float) -> Mapping[str, str]:
        return event.sign(moment + seconds)

    return replace(event, sign=sign)


def sign_slack(secret: str, body: bytes, moment: float) -> Mapping[str, str]:
    """Sign as Slack does."""
    stamp = str(int(moment))
    # By hand: the SDK signs text only, and bodies may be any bytes.
    proof = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {"x-slack-request-timestamp": stamp, "x-slack-signature": f"v0={proof}"}


def sign_twilio(token: str, url: str, fields: Mapping[str, str]) -> Mapping[str, str]:
    """Sign as Twilio does."""
    return {"x-twilio-signature": RequestValidator(token).compute_signature(url, dict(fields))}


def path_of(url: str) -> str:
    """Return the path of a webhook address."""
    return urlsplit(url).path
