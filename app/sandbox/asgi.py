"""The sandbox's own process: an ASGI application on loopback that plays the providers."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from app.sandbox import resend_network
from app.sandbox.control import CONTROL_HEADER, control_routes
from app.sandbox.delivery import Courier
from app.sandbox.faults import ABORT, RELEASED
from app.sandbox.google_identities import register_redirects
from app.sandbox.google_seed import ensure_filled
from app.sandbox.identities import OPERATOR_APP_ID, load_identities, state_path
from app.sandbox.page import render, static_folder
from app.sandbox.slack_call import find_app
from app.sandbox.state import Store
from app.sandbox.wire import provider_routes
from app.sandbox.world import World
from services.kernel.clock import Clock, SystemClock
from services.kernel.errors import ConfigurationError
from services.kernel.settings import Settings

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_PAGE_HEADERS = (
    (b"content-security-policy", b"default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'"),
    (b"referrer-policy", b"same-origin"),  # with "no-referrer" its own consent form would come from Origin "null"
    (b"x-content-type-options", b"nosniff"),
)


def create() -> ASGIApp:
    """Build the sandbox from the settings; what the server calls.

    Raises:
        ConfigurationError: the sandbox is switched off.
    """
    settings = Settings()
    if not settings.sandbox or settings.env == "production":
        raise ConfigurationError("The sandbox runs only with PATCHBAY_SANDBOX=1 and never in production.")
    return build_sandbox(settings.data_dir, public_url=settings.public_url, clock=SystemClock())


def build_sandbox(data_dir: Path, *, public_url: str, clock: Clock) -> ASGIApp:
    """Build the sandbox of a data folder.

    Args:
        public_url: where Patchbay is, for the Slack apps: their redirect address, and the operator's events address.
    """
    load_identities(data_dir)
    store = Store(state_path(data_dir))
    for app in store.state.slack.apps:
        # As the product's app manifest says: an own app is made from it.
        app.redirect_uris = [f"{public_url}/api/admin/ai-agents/integrations/slack/oauth/callback"]
    operator = find_app(store.state.slack, OPERATOR_APP_ID)
    operator.events_url = f"{public_url}/api/ai-agents/webhooks/slack/events"
    register_redirects(store.state.google, public_url=public_url)
    ensure_filled(store.state.google, now=clock.now().timestamp())
    world = World(store=store, courier=Courier(store, clock=clock), clock=clock, public_url=public_url)

    async def contact(request: Request) -> Response:
        return HTMLResponse(render("contact.html", public_url=escape(public_url)))

    @asynccontextmanager
    async def lifespan(application: Starlette) -> AsyncGenerator[None]:
        world.courier.resume()
        resend_network.resume(world)
        try:
            yield
        finally:
            await world.courier.close()
            store.flush()

    routes: Sequence[BaseRoute] = (
        Route("/", contact, methods=["GET"]),
        Route("/healthz", _healthz, methods=["GET"]),
        *control_routes(world),
        *provider_routes(world),
        Mount("/static", StaticFiles(directory=static_folder())),
    )
    application = Starlette(routes=routes, lifespan=lifespan, exception_handlers={ClientDisconnect: _answer_gone})
    return _Door(application, store)


async def _healthz(request: Request) -> Response:
    return JSONResponse({"ok": True})


async def _answer_gone(request: Request, error: Exception) -> Response:
    """Answer a caller that went before its request had come whole, as a worker does that is killed."""
    return Response(status_code=400)


class _Door:
    """Lets in only what is addressed to the loopback, and to the control API only what no foreign page can send.

    The Host check stops a page whose name was re-pointed at the loopback (DNS rebinding); the header check and
    the Origin check stop a page that posts across sites.
    """

    def __init__(self, inside: ASGIApp, store: Store) -> None:
        self._inside = inside
        self._store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._inside(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if problem := _refusal(scope["path"], headers):
            await JSONResponse({"error": problem}, status_code=403)(scope, receive, send)
            return
        # Faults need to drop the connection, for which ASGI has no message: uvicorn's request cycle owns it.
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        abort = getattr(transport, "abort", lambda: None)
        extensions = {**scope.get("extensions", {}), ABORT: abort, RELEASED: self._store.released}
        await self._inside({**scope, "extensions": extensions}, receive, _with_page_headers(send))


def _refusal(path: str, headers: dict[str, str]) -> str:
    host = headers.get("host", "")
    if urlsplit(f"//{host}").hostname not in _LOOPBACK:
        return "The sandbox answers on the loopback only."
    if path.startswith("/control/") and CONTROL_HEADER not in headers:
        return f"Send the header {CONTROL_HEADER}: 1."
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        return "Pages of other origins may not write here."
    return ""


def _with_page_headers(send: Send) -> Send:
    async def send_with_headers(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            kept = message.get("headers")
            message = {**message, "headers": [*(kept if isinstance(kept, list) else []), *_PAGE_HEADERS]}
        await send(message)

    return send_with_headers  # pyright: ignore[reportReturnType]
