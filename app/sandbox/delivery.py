"""Sends the providers' webhooks: signed as they sign, repeated as they repeat, and written down."""

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree as ET

import httpx2
from slack_sdk.signature import SignatureVerifier
from twilio.request_validator import RequestValidator

from app.sandbox import google_watch, resend_events, twilio, twilio_messages
from app.sandbox.slack_call import Event, find_app
from app.sandbox.state import Attempt, Delivery, Pace, SlackApp, Store, TwilioAccount, TwilioMessage, TwilioNumber
from services.kernel.clock import Clock
from services.kernel.http import tls_context

_ANSWER_LIMIT = 20_000
_STALE_SECONDS = 3600
_PACES: Mapping[str, Callable[[Pace], tuple[float, tuple[float, ...]]]] = {
    "slack": lambda pace: (pace.slack_timeout_seconds, pace.slack_retry_seconds),
    "twilio": lambda pace: (pace.twilio_timeout_seconds, pace.twilio_retry_seconds),
    "google": lambda pace: (pace.google_timeout_seconds, pace.google_retry_seconds),
    "resend": lambda pace: (pace.resend_timeout_seconds, pace.resend_retry_seconds),
}
"""How long each service waits for an answer, and how long before each repetition."""
_REPEATING_EVERYTHING = frozenset({"slack", "resend"})


class Forgery(StrEnum):
    """How a delivery's signature may be spoilt, for tests."""

    NONE = ""
    MISSING = "missing"
    WRONG = "wrong"
    STALE = "stale"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one attempt."""

    status: int | None
    reason: str
    answer: str = ""
    content_type: str = ""
    headers: Mapping[str, str]

    @property
    def accepted(self) -> bool:
        """Whether the product took it."""
        return self.status is not None and 200 <= self.status < 300


class Courier:
    """Delivers webhooks in the background. Lives on the event loop.

    Args:
        store: where deliveries are recorded.
        clock: tells the time that signatures carry.
    """

    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._http = httpx2.AsyncClient(verify=tls_context(), follow_redirects=False, trust_env=False)
        self._tasks: set[asyncio.Task[None]] = set()

    def resume(self) -> None:
        """Take up what an earlier process left unfinished."""
        for delivery in self._store.state.deliveries:
            if not delivery.finished:
                self.start(self._deliver(delivery))
        for account in self._store.state.twilio.accounts:
            for message in account.messages:
                if message.direction != "inbound":
                    self.start(self._advance(account, message))

    async def stop(self) -> None:
        """Stop all background work."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """Stop for good."""
        await self.stop()
        await self._http.aclose()

    def send_events(self, events: Sequence[Event]) -> list[str]:
        """Deliver Slack events to the apps that listen, and return their event ids."""
        return [
            self.enqueue(self._slack_delivery(app, event))
            for event in events
            if (app := find_app(self._store.state.slack, event.app_id)).events_url
        ]

    def send_notifications(self, notifications: Sequence[google_watch.Notification]) -> list[str]:
        """Deliver what Google's channels say, and return the deliveries' ids."""
        deliveries = [_google_delivery(item) for item in notifications]
        for delivery, item in zip(deliveries, notifications, strict=True):
            self.enqueue(delivery)
            if item.is_doubled:
                self.deliver_again(delivery, times=1, forgery=Forgery.NONE)
        return [delivery.id for delivery in deliveries]

    def send_inbound(self, account: TwilioAccount, number: TwilioNumber, message: TwilioMessage) -> str:
        """Announce a contact's text message; returns the delivery's id, empty if the number has no address."""
        if not number.sms_url:
            return ""
        form = twilio_messages.inbound_form(account, message)
        return self.enqueue(_twilio_delivery(account, "sms.received", number.sms_url, form, method=number.sms_method))

    def track(self, account: TwilioAccount, message: TwilioMessage) -> None:
        """Let the network carry an outbound text message, with status callbacks."""
        self.start(self._advance(account, message))

    def deliver_again(self, delivery: Delivery, *, times: int, forgery: Forgery) -> None:
        """Deliver once more, ``times`` copies at the same moment."""
        for _ in range(times):
            self.start(self._deliver(delivery, again=True, forgery=forgery))

    async def verify_events_url(self, app: SlackApp, url: str) -> str:
        """Send Slack's challenge to an address; returns what is wrong with it, empty if nothing is."""
        challenge = secrets.token_urlsafe(40)
        body = json.dumps({"token": app.verification_token, "challenge": challenge, "type": "url_verification"})
        delivery = Delivery(
            id=f"challenge-{secrets.token_hex(6)}",
            service="slack",
            type="url_verification",
            account=app.id,
            url=url,
            body=body,
            content_type="application/json",
        )
        self._store.state.deliveries.append(delivery)
        outcome = await self._attempt(delivery, forgery=Forgery.NONE, repeat_reason="")
        delivery.finished = True
        self._store.touch()
        if not outcome.accepted:
            said = f"answered {outcome.status}" if outcome.status else f"did not answer ({outcome.reason})"
            return f"The address {said}. Slack needs a 200 with the challenge."
        return "" if _echoes(outcome, challenge) else "The answer did not contain the challenge."

    def start(self, work: Coroutine[None, None, None]) -> None:
        """Do some work in the background, until it is done or the courier stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def enqueue(self, delivery: Delivery) -> str:
        """Write a webhook down and deliver it; returns its id."""
        self._store.state.deliveries.append(delivery)
        self._store.touch()
        self.start(self._deliver(delivery))
        return delivery.id

    async def _deliver(self, delivery: Delivery, *, again: bool = False, forgery: Forgery = Forgery.NONE) -> None:
        _, waits = _PACES[delivery.service](self._store.state.pace)
        outcome = await self._attempt(delivery, forgery=forgery, repeat_reason="")
        for wait in () if again else waits:
            if not _repeats(delivery, outcome):
                break
            self._store.touch()
            await asyncio.sleep(wait)
            outcome = await self._attempt(delivery, forgery=forgery, repeat_reason=outcome.reason)
        delivery.finished = True
        self._store.touch()
        if delivery.type == "sms.received" and outcome.accepted and not again:
            self._obey_twiml(delivery, outcome)

    async def _attempt(self, delivery: Delivery, *, forgery: Forgery, repeat_reason: str) -> Outcome:
        seconds, _ = _PACES[delivery.service](self._store.state.pace)
        number = len(delivery.attempts) + 1
        headers = {**delivery.headers, "content-type": delivery.content_type, **self._sign(delivery, forgery)}
        if repeat_reason and delivery.service == "slack":
            headers |= {"x-slack-retry-num": str(number - 1), "x-slack-retry-reason": repeat_reason}
        started, at = time.monotonic(), self._clock.now().timestamp()
        outcome = await self._request(delivery, headers, seconds)
        delivery.attempts.append(
            Attempt(
                number=number,
                at=at,
                milliseconds=round((time.monotonic() - started) * 1000),
                status=outcome.status,
                reason=f"forged: {forgery}" if forgery else outcome.reason,
                answer=outcome.answer[:500],
            )
        )
        return outcome

    async def _request(self, delivery: Delivery, headers: Mapping[str, str], seconds: float) -> Outcome:
        content = delivery.body.encode() if delivery.method == "POST" else None
        url = delivery.url if content is not None else _with_query(delivery)
        try:
            async with asyncio.timeout(seconds):
                response = await self._http.request(
                    delivery.method, url, content=content, headers=dict(headers), timeout=seconds
                )
        except (TimeoutError, httpx2.TimeoutException):
            return Outcome(status=None, reason="http_timeout", headers={})
        except (httpx2.HTTPError, httpx2.InvalidURL):
            return Outcome(status=None, reason="connection_failed", headers={})
        return Outcome(
            status=response.status_code,
            reason="" if response.is_success else "http_error",
            answer=response.text[:_ANSWER_LIMIT],
            content_type=response.headers.get("content-type", ""),
            headers={name.lower(): value for name, value in response.headers.items()},
        )

    def _sign(self, delivery: Delivery, forgery: Forgery) -> dict[str, str]:
        if forgery is Forgery.MISSING:
            return {}
        signers = {"slack": self._sign_slack, "twilio": self._sign_twilio}
        signers |= {"resend": self._sign_resend, "google": self._sign_google}
        return signers[delivery.service](delivery, forgery)

    def _sign_slack(self, delivery: Delivery, forgery: Forgery) -> dict[str, str]:
        app = find_app(self._store.state.slack, delivery.account)
        secret = secrets.token_hex(16) if forgery is Forgery.WRONG else app.signing_secret
        moment = int(self._clock.now().timestamp()) - (_STALE_SECONDS if forgery is Forgery.STALE else 0)
        signature = SignatureVerifier(secret).generate_signature(timestamp=str(moment), body=delivery.body)
        return {
            "user-agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "x-slack-request-timestamp": str(moment),
            "x-slack-signature": signature or "",
        }

    def _sign_twilio(self, delivery: Delivery, forgery: Forgery) -> dict[str, str]:
        account = next(item for item in self._store.state.twilio.accounts if item.sid == delivery.account)
        secret = secrets.token_hex(16) if forgery is Forgery.WRONG else account.auth_token
        url, form = (
            (delivery.url, twilio.parse_form(delivery.body.encode()))
            if delivery.method == "POST"
            else (_with_query(delivery), {})
        )
        signature = RequestValidator(secret).compute_signature(url, form)
        return {"user-agent": "TwilioProxy/1.1", "x-twilio-signature": signature}

    def _sign_google(self, delivery: Delivery, forgery: Forgery) -> dict[str, str]:
        """Google signs nothing: the channel's token is all there is."""
        token = google_watch.token_of(self._store.state.google, delivery.account)
        shown = secrets.token_urlsafe(24) if forgery in {Forgery.WRONG, Forgery.STALE} else token
        return {"x-goog-channel-token": shown} if shown else {}

    def _sign_resend(self, delivery: Delivery, forgery: Forgery) -> dict[str, str]:
        moment = int(self._clock.now().timestamp()) - (_STALE_SECONDS if forgery is Forgery.STALE else 0)
        keys = [resend_events.new_secret()] if forgery is Forgery.WRONG else None
        return resend_events.signed_headers(self._store.state.resend, delivery, moment=moment, secrets=keys)

    def _slack_delivery(self, app: SlackApp, event: Event) -> Delivery:
        event_id = f"Ev{secrets.token_hex(5).upper()}"
        now = int(self._clock.now().timestamp())
        envelope = {
            "token": app.verification_token,
            "team_id": event.team_id,
            "context_team_id": event.team_id,
            "context_enterprise_id": None,
            "api_app_id": app.id,
            "event": event.body,
            "type": "event_callback",
            "event_id": event_id,
            "event_time": now,
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": event.team_id,
                    "user_id": app.bot_user_id,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": False,
            "event_context": f"4-{secrets.token_urlsafe(48)}",
        }
        return Delivery(
            id=event_id,
            service="slack",
            type=str(event.body["type"]),
            account=app.id,
            url=app.events_url,
            body=json.dumps(envelope, ensure_ascii=False),
            content_type="application/json",
            message_id=event.message_id,
        )

    async def _advance(self, account: TwilioAccount, message: TwilioMessage) -> None:
        while (step := twilio_messages.next_status(self._store.state, message)) is not None:
            await asyncio.sleep(self._store.state.pace.sms_step_seconds)
            message.status, message.error_code = step
            message.updated_at = self._clock.now().timestamp()
            message.sent_at = message.sent_at or message.updated_at
            self._store.touch()
            if message.status_callback:
                form = twilio_messages.status_form(account, message)
                self.enqueue(_twilio_delivery(account, f"sms.{message.status}", message.status_callback, form))

    def _obey_twiml(self, delivery: Delivery, outcome: Outcome) -> None:
        form = twilio.parse_form(delivery.body.encode())
        account = next(item for item in self._store.state.twilio.accounts if item.sid == delivery.account)
        for text in _twiml_messages(outcome):
            fields = {"From": form["To"], "To": form["From"], "Body": text}
            try:
                message = twilio_messages.send(
                    self._store.state,
                    account,
                    direction="outbound-reply",
                    fields=fields,
                    now=self._clock.now().timestamp(),
                )
            except twilio_messages.TwilioError as error:
                delivery.attempts[-1].reason = f"twiml refused: {error.code}"
            else:
                self.track(account, message)
        self._store.touch()


def _repeats(delivery: Delivery, outcome: Outcome) -> bool:
    """Slack and Svix repeat whatever is not a 2xx, Slack unless told not to; Twilio failures of the server only."""
    if outcome.accepted or outcome.headers.get("x-slack-no-retry") == "1":
        return False
    return delivery.service in _REPEATING_EVERYTHING or outcome.status is None or outcome.status >= 500


def _echoes(outcome: Outcome, challenge: str) -> bool:
    try:
        answer: object = json.loads(outcome.answer)
    except ValueError:
        answer = outcome.answer.strip().removeprefix("challenge=")
    return answer in (challenge, {"challenge": challenge})


def _twiml_messages(outcome: Outcome) -> list[str]:
    """Return the texts that a TwiML answer says to send; plain text is sent as it is."""
    kind = outcome.content_type.partition(";")[0].strip().lower()
    if kind == "text/plain":
        return [outcome.answer] if outcome.answer.strip() else []
    # A document type could carry an entity bomb; TwiML has none.
    if kind not in {"text/xml", "application/xml", "text/html"} or "<!DOCTYPE" in outcome.answer:
        return []
    try:
        root = ET.fromstring(outcome.answer)  # noqa: S314 - without a document type there is nothing to expand
    except ET.ParseError:
        return []
    found = [*root.iter("Message"), *root.iter("Sms")]
    return [text for item in found if (text := (item.findtext("Body") or item.text or "").strip())]


def _twilio_delivery(
    account: TwilioAccount, kind: str, url: str, form: Mapping[str, str], *, method: str = "POST"
) -> Delivery:
    return Delivery(
        id=f"{form['MessageSid']}.{kind.partition('.')[2]}",
        service="twilio",
        type=kind,
        account=account.sid,
        url=url,
        method=method,
        body=urlencode(form),
        content_type="application/x-www-form-urlencoded; charset=UTF-8",
        headers={"i-twilio-idempotency-token": secrets.token_hex(16)},
        message_id=form["MessageSid"],
    )


def _google_delivery(notification: google_watch.Notification) -> Delivery:
    return Delivery(
        id=f"{notification.channel_id}.{notification.number}",
        service="google",
        type=f"calendar.{notification.state}",
        account=notification.channel_id,
        url=notification.address,
        body="",
        content_type="application/json; utf-8",
        headers={"user-agent": google_watch.USER_AGENT, **notification.headers},
    )


def _with_query(delivery: Delivery) -> str:
    return f"{delivery.url}{'&' if urlsplit(delivery.url).query else '?'}{delivery.body}"
