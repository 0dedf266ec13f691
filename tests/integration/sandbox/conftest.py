"""A running sandbox, and a product that only listens."""

import importlib
import json
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qsl

import pytest
import resend
from resend.http_client_requests import RequestsClient
from slack_sdk import WebClient
from slack_sdk.web import SlackResponse
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from tests.support.listener import Listener, Peer, http_answer, listening
from tests.support.sandbox import SandboxClient, running_sandbox

ALL_SCOPES = ("app_mentions:read", "channels:history", "channels:read", "chat:write", "im:history", "users:read")


@pytest.fixture(autouse=True)
def resends_own_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Resend's client open its own connections here; the product gives it another transport on import, for good."""
    importlib.import_module("services.providers.resend.client")
    monkeypatch.setattr(resend, "default_http_client", RequestsClient())


@dataclass(frozen=True, slots=True)
class Received:
    """One webhook as the product would see it."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        return cast(dict[str, object], json.loads(self.body))

    @property
    def event(self) -> dict[str, object]:
        return cast(dict[str, object], self.json["event"])

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


class Product:
    """Listens where the product would; ``answers`` are given in turn, the last one for ever."""

    def __init__(self) -> None:
        self.listener: Listener | None = None
        self.reset()

    def reset(self) -> None:
        self.answers = [http_answer(b"{}", headers={"Content-Type": "application/json"})]
        self.echo_challenge = True
        if self.listener is not None:
            self.listener.requests.clear()

    @property
    def url(self) -> str:
        assert self.listener is not None
        return self.listener.url("")

    @property
    def redirect_uri(self) -> str:
        return f"{self.url}/api/admin/ai-agents/integrations/slack/oauth/callback"

    @property
    def google_redirect_uri(self) -> str:
        return f"{self.url}/api/admin/ai-agents/integrations/google-calendar/oauth/callback"

    @property
    def received(self) -> list[Received]:
        assert self.listener is not None
        return [_parse(raw) for raw in list(self.listener.requests)]

    def play(self, peer: Peer) -> None:
        while raw := peer.read_request():
            request = _parse(raw)
            if self.echo_challenge and b"url_verification" in request.body:
                peer.send(http_answer(json.dumps({"challenge": request.json["challenge"]}).encode()))
                continue
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if answer == b"hang":
                peer.hang()
            if answer == b"reset":
                peer.reset()
                return
            peer.send(answer)


def _parse(raw: bytes) -> Received:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Received(first.split(" ")[1], headers, body)


@pytest.fixture(scope="module")
def listening_product() -> Generator[Product]:
    playing = Product()
    with listening(playing.play) as listener:
        playing.listener = listener
        yield playing


@pytest.fixture(scope="module")
def started_sandbox(tmp_path_factory: pytest.TempPathFactory, listening_product: Product) -> Generator[SandboxClient]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), public_url=listening_product.url) as client:
        yield client


@pytest.fixture
def product(listening_product: Product) -> Product:
    listening_product.reset()
    return listening_product


@pytest.fixture
def sandbox(started_sandbox: SandboxClient, product: Product) -> SandboxClient:
    """One sandbox for a module, as on its first day for each test."""
    started_sandbox.reset(forget="connections")
    product.reset()
    return started_sandbox


@pytest.fixture
def bot(sandbox: SandboxClient, product: Product) -> WebClient:
    """Slack's own client with the operator's app installed."""
    return slack_client(sandbox, sandbox.install(scopes=ALL_SCOPES, redirect_uri=product.redirect_uri))


def slack_client(sandbox: SandboxClient, token: str) -> WebClient:
    return WebClient(token, base_url=f"{sandbox.base_url}/slack/api/", retry_handlers=[], timeout=5)


class _Rewriting(TwilioHttpClient):
    def __init__(self, base_url: str) -> None:
        super().__init__(timeout=5)
        self.base_url = base_url

    def request(self, method: str, url: str, *args: object, **kwargs: object) -> Response:  # pyright: ignore[reportIncompatibleMethodOverride]
        return super().request(method, url.replace("https://api.twilio.com", self.base_url), *args, **kwargs)  # pyright: ignore[reportArgumentType]


def twilio_client(sandbox: SandboxClient, *, sid: str = "", token: str = "") -> Client:
    """Twilio's own client, pointed at the sandbox."""
    identity = sandbox.identities.twilio
    return Client(
        sid or identity.account_sid,
        token or identity.auth_token,
        http_client=_Rewriting(f"{sandbox.base_url}/twilio"),
    )


def content(answer: SlackResponse) -> dict[str, Any]:
    """Return what Slack's client decoded."""
    return cast(dict[str, Any], answer.data)


@pytest.fixture
def account(sandbox: SandboxClient) -> Client:
    return twilio_client(sandbox)
