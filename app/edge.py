"""The edge: what every request passes first. It dispatches by path, checks origins, adds headers and keeps the log.

Raw ASGI, because the webhook line behind it must not pay for a framework.
"""

import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from app.origins import allowed_origins
from services.kernel.log import get_logger
from services.kernel.settings import Settings

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_LONGEST_PLAIN_SEGMENT = 20

_CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        # Reflex 0.10.1: nothing hydrates without unsafe-inline; toasts and call_script need unsafe-eval.
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

_CONSENT_PREFIX = "/api/admin/ai-agents/integrations/"
log = get_logger(__name__)


class Edge:
    """The outermost ASGI application.

    Args:
        settings: say which origins are ours, and whether we are reached over https.
        webhooks: the webhook line.
        webhook_prefix: the paths that belong to it.
        pages: everything else; lifespan events go there.
    """

    def __init__(self, settings: Settings, *, webhooks: AsgiApp, webhook_prefix: str, pages: AsgiApp) -> None:
        self._webhooks = webhooks
        self._webhook_prefix = webhook_prefix
        self._pages = pages
        self._origins = frozenset(origin.encode() for origin in allowed_origins(settings))
        public = urlsplit(settings.public_url)
        self._public_host = public.netloc.encode()
        self._is_https = public.scheme == "https"
        self._headers = _standing_headers(is_https=self._is_https)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to the part it is for."""
        kind = scope["type"]
        if kind == "http" and scope["path"].startswith(self._webhook_prefix):
            await self._webhooks(scope, receive, send)
        elif kind == "http":
            await self._serve_page(self._with_public_scheme(scope), receive, send)
        elif kind == "websocket" and _header(scope, b"origin") not in self._origins:
            # Reflex itself lets in whoever sends no Origin at all.
            log.info("edge.socket.refused", reason="origin")
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._pages(scope, receive, send)

    async def _serve_page(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        path = scope["path"]
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                present = list(message.get("headers", ()))
                message = {**message, "headers": [*present, *self._missing_headers(path, status, present)]}
            await send(message)

        try:
            await self._pages(scope, receive, send_with_headers)
        finally:
            _log_access(scope["method"], path, status=status, seconds=time.perf_counter() - began)

    def _missing_headers(
        self, path: str, status: int, present: Sequence[tuple[bytes, bytes]]
    ) -> list[tuple[bytes, bytes]]:
        names = {name.lower() for name, _ in present}
        wanted = [*self._headers, (b"cache-control", _cache_control(path, status))]
        if path.startswith(_CONSENT_PREFIX):
            names.add(b"cross-origin-opener-policy")  # or the window and its opener would lose sight of each other
        return [(name, value) for name, value in wanted if name not in names]

    def _with_public_scheme(self, scope: Scope) -> Scope:
        # Behind a proxy that ends TLS, redirects must not lead back to http. Our own setting says so, never a
        # forwarded header, which anybody can send.
        if self._is_https and _header(scope, b"host") == self._public_host:
            return {**scope, "scheme": "https"}
        return scope


def masked_path(path: str) -> str:
    """Return a path without segments that may be tokens: what is long and not a plain id of ours."""
    return "/".join(segment if _is_plain(segment) else "…" for segment in path.split("/"))


def _is_plain(segment: str) -> bool:
    if len(segment) <= _LONGEST_PLAIN_SEGMENT:
        return True
    try:
        UUID(segment)
    except ValueError:
        return False
    return True


def _standing_headers(*, is_https: bool) -> tuple[tuple[bytes, bytes], ...]:
    headers = [
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"same-origin"),
        # A consent page gets a window of its own and tells the page that opened it how it ended.
        (b"cross-origin-opener-policy", b"same-origin-allow-popups"),
        (b"content-security-policy", _CONTENT_SECURITY_POLICY.encode()),
    ]
    if is_https:
        headers.append((b"strict-transport-security", b"max-age=31536000"))
    return tuple(headers)


def _cache_control(path: str, status: int) -> bytes:
    if path.startswith("/assets/") and status < 400:
        return b"public, max-age=31536000, immutable"  # Vite puts the content's hash into the name
    if path.startswith("/api/"):
        return b"no-store"
    return b"no-cache"


def _log_access(method: str, path: str, *, status: int, seconds: float) -> None:
    # Without the query string, which carries tokens: the socket's, a set-up link's, an authorization code.
    write = log.warning if status >= 500 or not status else log.info if status >= 400 else log.debug
    write("edge.request.answered", method=method, path=masked_path(path), status=status, ms=round(seconds * 1000, 1))


def _header(scope: Scope, name: bytes) -> bytes | None:
    return next((value for key, value in scope["headers"] if key == name), None)
