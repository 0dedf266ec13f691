"""What a provider's tests stand on: its captured payloads, and a small server on the loopback that plays it."""

import importlib
import json
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from services.kernel.http import OutboundClient
from services.kernel.secret import Secret
from services.provider_kit import registry
from services.provider_kit.contract import MessageAnnounced, OutboundMessage, ProviderContext, WebhookRequest

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
PUBLIC_URL = "https://patchbay.example"

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A canned answer; ``drop`` closes the connection instead, after the request was read."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    drop: bool = False


def json_reply(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Return an answer with a JSON body."""
    return Reply(
        status=status,
        body=json.dumps(value).encode(),
        headers={"Content-Type": "application/json", **(headers or {})},
    )


@dataclass(frozen=True, slots=True)
class Call:
    """A request that the server received."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        """The body as form fields."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


class WireServer:
    """Answers the given replies in order, the last one again and again, and records what it was asked."""

    def __init__(self, replies: Sequence[Reply]) -> None:
        self.calls: list[Call] = []
        self._replies = list(replies)
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, call: Call) -> Reply:
        """Record a request and return what to answer."""
        with self._lock:
            self.calls.append(call)
            return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        wire = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                parts = urlsplit(self.path)
                reply = wire.take(
                    Call(
                        self.command,
                        parts.path,
                        dict(parse_qsl(parts.query, keep_blank_values=True)),
                        {name.lower(): value for name, value in self.headers.items()},
                        self.rfile.read(length),
                    )
                )
                self.close_connection = True
                if reply.drop:
                    return
                self.send_response(reply.status)
                for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = handle_any

            def log_message(self, format: str, *args: object) -> None:
                """Stay quiet."""

        return Handler


@contextmanager
def wire_server(*replies: Reply) -> Generator[WireServer]:
    """Run a server for the length of a test."""
    server = WireServer(replies or (Reply(),))
    try:
        yield server
    finally:
        server.close()


Signer = Callable[[WebhookRequest, Mapping[str, str], datetime], Mapping[str, str]]
"""Signs a request as the provider does: (request, secrets, now) → headers. Not the provider's own code here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookWire:
    """How a provider signs and names its webhooks."""

    sign: Signer
    signature_header: str
    timestamped: bool
    """The signature covers a time, so an old request is refused."""
    signs_url: bool = False
    """The signature covers the address that was called."""
    signs_body: bool = True
    """False for a static token, which proves the sender only."""
    kinds: Mapping[str, str] = field(default_factory=dict[str, str])
    """Event → webhook kind, where there are several."""
    unknown: Sequence[tuple[str, bytes]]
    """(kind, body) of well-formed events that are none of the handled ones."""
    unknown_headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Their headers, where those say what the event is."""
    subscription_id: str = ""
    """Which subscription of ours the payloads name, where the provider names that and no account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagingWire:
    """What the provider answers to a send and to a look-up."""

    message: OutboundMessage
    accepted: Reply
    external_id: str
    refusals: Mapping[str, Reply]
    """Our error code → the answer that means it."""
    found: Reply | None
    """Lists the message; None if the provider offers no look-up."""
    not_found: Reply | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelsWire:
    """What the provider answers when channels are listed and routed."""

    listed: Sequence[Reply]
    """One a page."""
    addresses: Sequence[str]
    routed: Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryWire:
    """What the provider answers when it is asked who somebody is."""

    contact_id: str
    known: Reply
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeWire:
    """What the provider answers when we give our access back."""

    path: str
    """End of the address that is called."""
    revoked: Reply
    kept: Reply | None
    """A success that revoked nothing; None if the provider knows no such answer."""
    ended_before: Reply
    """Says that the access had ended already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarWire:
    """What the provider answers when a calendar is read, and when it is asked to call us."""

    pages: Sequence[Reply]
    """Everything there is, page by page."""
    event_ids: Sequence[str]
    """Which meetings that are."""
    removed_ids: Sequence[str]
    """Which of the entries are gone."""
    cursor_expired: Sequence[Reply]
    """Each way to say that a cursor is not known any more."""
    subscribed: Reply
    resource_id: str
    expires_at: datetime
    unsubscribed: Reply
    gone: Reply
    """There is no such subscription any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxWire:
    """What the provider answers when an announced message is fetched."""

    announced: MessageAnnounced
    fetched: Sequence[Reply]
    """One a call."""
    external_id: str
    contact_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileWire:
    """What the provider answers when it is asked what it had for us."""

    listed: Sequence[Reply]
    """One a page."""
    addresses: Sequence[str]
    """Which of our numbers are in use; there are messages for others too."""
    payloads: Sequence[str]
    """``<event>__<variant>`` of the payloads with which it would have posted what is for those."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainsWire:
    """What the provider answers when domains are listed and checked."""

    listed: Sequence[Reply]
    """One a call."""
    names: Sequence[str]
    checked: Reply
    domain_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthWire:
    """Token answers, good and bad."""

    granted: Mapping[str, object]
    refused: Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """All that the conformance suite needs to play a provider."""

    account_id: str
    other_account_id: str
    settings: Mapping[str, str]
    secrets: Mapping[str, str]
    other_secrets: Mapping[str, str]
    """Another tenant's, or the same connection's after rotation."""
    secret_in_path: str = ""
    """Which of the secrets the provider wants in the path of its addresses; empty for all that take a header."""
    verified: Reply
    webhooks: WebhookWire | None = None
    messaging: MessagingWire | None = None
    channels: ChannelsWire | None = None
    directory: DirectoryWire | None = None
    revoke: RevokeWire | None = None
    calendar: CalendarWire | None = None
    inbox: InboxWire | None = None
    domains: DomainsWire | None = None
    reconcile: ReconcileWire | None = None
    oauth: OAuthWire | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """A captured request body: ``payloads/<event>__<variant>.<ext>`` with ``.headers.json`` beside it."""

    slug: str
    event: str
    variant: str
    kind: str
    request: WebhookRequest
    """Not signed yet."""
    has_headers: bool
    """Its headers were kept beside it."""

    @property
    def name(self) -> str:
        """The name to show."""
        return f"{self.slug}-{self.event}-{self.variant}"


def load_wire(slug: str) -> Wire:
    """Return a provider's ``tests/providers/<slug>/wire.py``."""
    wire = importlib.import_module(f"tests.providers.{slug}.wire").WIRE
    assert isinstance(wire, Wire)
    return wire


def webhook_url(slug: str, kind: str) -> str:
    """Return the address of a connection's webhooks."""
    return f"{PUBLIC_URL}/api/ai-agents/webhooks/{slug}/3vGq0kT2/{kind}"


def build_request(slug: str, kind: str, body: bytes) -> WebhookRequest:
    """Return a request as received, without a signature."""
    manifest = registry.get_manifest(slug)
    content_type = next(found.content_types[0] for found in manifest.webhooks if found.name == kind)
    return WebhookRequest(kind=kind, url=webhook_url(slug, kind), headers={"content-type": content_type}, body=body)


def load_payloads(slug: str) -> list[Payload]:
    """Return a provider's captured payloads."""
    wire = load_wire(slug)
    if wire.webhooks is None:
        return []
    found: list[Payload] = []
    for path in sorted((_FOLDER / slug / "payloads").iterdir()):
        if path.name.endswith(".headers.json"):
            continue
        event, _, variant = path.stem.partition("__")
        kind = wire.webhooks.kinds.get(event) or registry.get_manifest(slug).webhooks[0].name
        request = build_request(slug, kind, path.read_bytes().rstrip(b"\n"))
        extra = path.with_suffix(".headers.json")
        if extra.exists():
            headers = {name.lower(): str(value) for name, value in json.loads(extra.read_text()).items()}
            request = replace(request, headers={**request.headers, **headers})
        found.append(
            Payload(slug=slug, event=event, variant=variant, kind=kind, request=request, has_headers=extra.exists())
        )
    return found


def load_payload(slug: str, name: str) -> WebhookRequest:
    """Return the request of ``<event>__<variant>``, not signed."""
    return next(p.request for p in load_payloads(slug) if f"{p.event}__{p.variant}" == name)


def wrap(secrets: Mapping[str, str]) -> dict[str, Secret]:
    """Return the secrets as the vault gives them out."""
    return {name: Secret(value) for name, value in secrets.items()}


def signed(
    wire: Wire, request: WebhookRequest, *, secrets: Mapping[str, str] | None = None, now: datetime = NOW
) -> WebhookRequest:
    """Return the request with the signature a provider would send."""
    assert wire.webhooks is not None
    headers = wire.webhooks.sign(request, wire.secrets if secrets is None else secrets, now)
    return replace(request, headers={**request.headers, **{name.lower(): value for name, value in headers.items()}})


def build_context(slug: str, server_url: str, *, secrets: Mapping[str, str] | None = None) -> ProviderContext:
    """Return the context of a call that goes to the given server."""
    wire = load_wire(slug)
    return ProviderContext(
        http=OutboundClient(allow_loopback=True, deadline_seconds=5),
        urls={name: server_url + url.sandbox for name, url in registry.get_manifest(slug).urls.items()},
        secrets=wrap(wire.secrets if secrets is None else secrets),
        settings=wire.settings,
        public_url=PUBLIC_URL,
    )
