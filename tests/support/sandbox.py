"""Runs the sandbox for tests, and plays the contact through its control API."""

import json
import socket
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import httpx2
import uvicorn
from pydantic import BaseModel

from app.sandbox.asgi import build_sandbox
from app.sandbox.control import CONTROL_HEADER
from app.sandbox.identities import Identities, load_identities, sandbox_environment
from services.kernel.clock import Clock, SystemClock
from services.kernel.http import tls_context
from tests.support.sandbox_google import CalendarPeople
from tests.support.sandbox_mail import ContactsMail

_START_SECONDS = 10.0


class _Answer(BaseModel):
    ts: str = ""
    sid: str = ""
    channel: str = ""
    event_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a contact wrote: its id at the provider and the webhooks it caused."""

    message_id: str
    channel: str
    event_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedMessage:
    """A message of the product that a provider accepted."""

    service: str
    id: str
    account: str
    channel: str
    sender: str
    text: str
    thread_ts: str
    metadata: Mapping[str, object] | None
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SentWebhook:
    """A webhook to the product, and what it answered to each attempt."""

    id: str
    service: str
    type: str
    account: str
    url: str
    body: str
    message_id: str
    statuses: tuple[int | None, ...]
    reasons: tuple[str, ...]
    finished: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """A fault that came true, and when."""

    service: str
    method: str
    kind: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """All that happened between the product and the providers."""

    version: int
    answers: tuple[AcceptedMessage, ...]
    webhooks: tuple[SentWebhook, ...]
    calls: Mapping[str, int] = field(default_factory=dict[str, int])
    faults: tuple[Happened, ...] = ()


class SandboxClient:
    """Plays contacts and providers' operators.

    Args:
        base_url: the sandbox's address, without a trailing slash.
        identities: who is who there.
    """

    def __init__(self, base_url: str, *, data_dir: Path) -> None:
        self.base_url = base_url
        self.mail = ContactsMail(self._post, self._get)
        self.google = CalendarPeople(base_url, identity=lambda: self.identities.google, post=self._post, get=self._get)
        self.data_dir = data_dir
        self._http = httpx2.Client(
            base_url=base_url,
            headers={CONTROL_HEADER: "1"},
            verify=tls_context(),
            trust_env=False,
            timeout=10,
            follow_redirects=False,
        )

    @property
    def identities(self) -> Identities:
        """Who is who."""
        return load_identities(self.data_dir)

    def environment(self, *, public_url: str) -> dict[str, str]:
        """Return the environment that points the product here."""
        port = urlsplit(self.base_url).port or 0
        return sandbox_environment(self.data_dir, sandbox_port=port, public_url=public_url)

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def slack_message(
        self,
        text: str,
        *,
        user: str = "mia",
        channel: str = "",
        mention: bool = False,
        thread_ts: str = "",
        team: str = "",
        app: str = "",
    ) -> Written:
        """Write in Slack: in a channel, or directly to the agent if none is named."""
        body = {
            "user": user,
            "text": text,
            "channel": channel,
            "dm": not channel,
            "mention": mention,
            "thread_ts": thread_ts,
            "team": team,
            "app": app,
        }
        answer = self.control("slack/message", body)
        return Written(message_id=answer.ts, channel=answer.channel, event_ids=answer.event_ids)

    def sms(self, body: str, *, to: str = "", sender: str = "+14155550142") -> Written:
        """Send a text message to one of the product's numbers, the first if none is named."""
        number = to or self.identities.twilio.numbers[0]
        answer = self.control("twilio/sms", {"from": sender, "to": number, "body": body})
        return Written(message_id=answer.sid, channel=number, event_ids=answer.event_ids)

    def deliver_again(self, event: str = "last", *, times: int = 1, forgery: str = "") -> None:
        """Deliver a webhook again, ``times`` copies at once; ``forgery``: missing, wrong or stale."""
        self.control("deliver-again", {"event": event, "times": times, "forgery": forgery})

    def fail(
        self,
        service: str,
        kind: str,
        *,
        method: str = "*",
        count: int = 1,
        retry_after: int = 1,
        seconds: float = 30.0,
    ) -> None:
        """Make the next calls go wrong; kinds are those of ``app.sandbox.faults.KINDS``."""
        fault = {"service": service, "kind": kind, "method": method, "count": count}
        self.control("faults", fault | {"retry_after": retry_after, "seconds": seconds})

    def pending_faults(self) -> int:
        """Return how many faults are still to come."""
        return len(self._http.get("/control/state").raise_for_status().json()["faults"])

    def set_events_url(self, url: str, *, app: str = "") -> None:
        """Set an own app's events address; Slack's challenge is sent to it first, again if it came too early."""
        body = {"url": url, "app": app}
        try:
            self.control("slack/events-url", body)
        except AssertionError as refused:
            if "http_timeout" not in str(refused):
                raise
            self.control("slack/events-url", body)

    def rotate_tokens(self, *, seconds: int = 43_200, app: str = "A0PATCHBAY1") -> None:
        """Turn token rotation on for tokens that an app gets from now on; 0 seconds turns it off."""
        self.control("slack/rotation", {"app": app, "seconds": seconds})

    def slack_control(self, act: Literal["revoke", "uninstall"], *, team: str = "", app: str = "") -> None:
        """Let a workspace's admin end an app's access."""
        self.control(f"slack/{act}", {"team": team, "app": app})

    def reset(self, *, forget: Literal["said", "connections", "identities"] = "said") -> None:
        """Start afresh; deliveries still on their way are dropped."""
        self.control("reset", {"forget": forget})

    def script_model(self, *replies: str | Mapping[str, object]) -> None:
        """Say what the model answers next."""
        self.control("model/script", {"replies": list(replies)})

    def consent(
        self, authorize_url: str, *, team: str = "T0NORTHWIND", user: str = "U0MIA000001", allow: bool = True
    ) -> str:
        """Answer Slack's consent page as a person would, and return where the browser is sent back to."""
        form = {"answer": "allow" if allow else "cancel", "team": team, "user": user}
        response = self._http.post(authorize_url, data=form)
        assert response.status_code == 303, response.text
        return response.headers["location"]

    def install(self, *, team: str = "T0NORTHWIND", scopes: Sequence[str], redirect_uri: str) -> str:
        """Install the operator's Slack app by OAuth and return its bot token, without the product."""
        app = self.identities.slack_app
        query = httpx2.QueryParams(
            {"client_id": app.client_id, "scope": ",".join(scopes), "redirect_uri": redirect_uri, "state": "s"}
        )
        back = self.consent(f"{self.base_url}/slack/oauth/v2/authorize?{query}", team=team)
        [code] = parse_qs(urlsplit(back).query)["code"]
        form = {
            "client_id": app.client_id,
            "client_secret": app.client_secret,
            "code": code,
            "redirect_uri": redirect_uri,
        }
        answer = self._http.post("/slack/api/oauth.v2.access", data=form).json()
        assert answer["ok"], answer
        return str(answer["access_token"])

    def ledger(self, *, after: int | None = None) -> Ledger:
        """Return what happened; with ``after``, wait a moment for a later version first."""
        query = {} if after is None else {"after": str(after), "wait": "2"}
        raw = self._http.get("/control/ledger", params=query).raise_for_status().json()
        return Ledger(
            version=raw["version"],
            answers=tuple(AcceptedMessage(**item) for item in raw["accepted"]),
            webhooks=tuple(
                SentWebhook(
                    id=item["id"],
                    service=item["service"],
                    type=item["type"],
                    account=item["account"],
                    url=item["url"],
                    body=item["body"],
                    message_id=item["message_id"],
                    statuses=tuple(attempt["status"] for attempt in item["attempts"]),
                    reasons=tuple(attempt["reason"] for attempt in item["attempts"]),
                    finished=item["finished"],
                )
                for item in raw["deliveries"]
            ),
            calls=raw["calls"],
            faults=tuple(Happened(**item) for item in raw["faults"]),
        )

    def answers(self, *, service: str = "", channel: str = "", account: str = "") -> list[AcceptedMessage]:
        """Return what the product said, in order."""
        return [
            item
            for item in self.ledger().answers
            if service in {"", item.service} and channel in {"", item.channel} and account in {"", item.account}
        ]

    def wait_until(self, condition: Callable[[Ledger], bool], *, seconds: float = 15.0, what: str = "") -> Ledger:
        """Return the ledger once the condition holds.

        Raises:
            AssertionError: it did not in time; says what the ledger held.
        """
        deadline = time.monotonic() + seconds
        ledger = self.ledger()
        while not condition(ledger):
            if time.monotonic() > deadline:
                raise AssertionError(f"{what or 'the condition'} did not come true in {seconds:g} s: {ledger}")
            ledger = self.ledger(after=ledger.version)
        return ledger

    def wait_for_answers(
        self, count: int, *, service: str = "", channel: str = "", seconds: float = 15.0
    ) -> list[AcceptedMessage]:
        """Wait until the product has said at least ``count`` things there, and return them."""

        def chosen(ledger: Ledger) -> list[AcceptedMessage]:
            return [item for item in ledger.answers if service in {"", item.service} and channel in {"", item.channel}]

        ledger = self.wait_until(lambda ledger: len(chosen(ledger)) >= count, seconds=seconds, what=f"{count} answers")
        return chosen(ledger)

    def wait_for_text(self, text: str, *, thread_ts: str = "", seconds: float = 15.0) -> None:
        """Wait until the product has said this: in this Slack thread, if one is named."""
        self.wait_until(
            lambda ledger: any(
                (item.text, thread_ts) == (text, thread_ts and item.thread_ts) for item in ledger.answers
            ),
            seconds=seconds,
            what=f"“{text}”",
        )

    def wait_for_webhooks(self, *event_ids: str, seconds: float = 15.0) -> list[SentWebhook]:
        """Wait until these webhooks were delivered or given up, and return them."""
        ledger = self.wait_until(
            lambda ledger: set(event_ids) <= {item.id for item in ledger.webhooks if item.finished},
            seconds=seconds,
            what=f"delivery of {', '.join(event_ids)}",
        )
        return [item for item in ledger.webhooks if item.id in event_ids]

    def control(self, path: str, body: Mapping[str, object]) -> _Answer:
        """Post to the control API.

        Raises:
            AssertionError: it was refused; says why.
        """
        return _Answer.model_validate_json(self._post(path, body))

    def _post(self, path: str, body: Mapping[str, object]) -> bytes:
        response = self._http.post(f"/control/{path}", content=json.dumps(body))
        assert response.status_code == 200, f"{path}: {response.status_code} {response.text}"
        return response.content

    def _get(self, path: str, query: Mapping[str, str]) -> bytes:
        return self._http.get(f"/control/{path}", params=dict(query)).raise_for_status().content


@contextmanager
def running_sandbox(
    data_dir: Path, *, public_url: str, port: int = 0, clock: Clock | None = None
) -> Generator[SandboxClient]:
    """Run the sandbox in a thread on a free port, and stop it at the end.

    Args:
        public_url: where the product is, for the operator's Slack app.
        port: a port of one's own choice.
    """
    listener = socket.create_server(("127.0.0.1", port))
    application = build_sandbox(data_dir, public_url=public_url, clock=clock or SystemClock())
    config = uvicorn.Config(application, log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="sandbox", daemon=True)
    thread.start()
    client = SandboxClient(f"http://127.0.0.1:{listener.getsockname()[1]}", data_dir=data_dir)
    try:
        client.wait_until(lambda ledger: True, seconds=_START_SECONDS, what="the sandbox")
        yield client
    finally:
        # Callers kept waiting would outlast the server's patience, which it logs as an error.
        with suppress(httpx2.HTTPError):
            client.control("faults/clear", {})
        client.close()
        server.should_exit = True
        thread.join(timeout=_START_SECONDS)
        listener.close()
