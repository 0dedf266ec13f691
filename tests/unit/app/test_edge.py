"""The edge: which part a request is for, what every answer carries, and what the log says about it."""

import logging
from typing import Any

import pytest

from app.edge import Edge, Message, Receive, Scope, Send, masked_path
from services.kernel.settings import Settings

_PREFIX = "/api/ai-agents/webhooks/"


class Part:
    """An ASGI application that answers what it is told, and remembers what reached it."""

    def __init__(self, *, status: int = 200, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        self.seen: list[Scope] = []
        self._status = status
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        self.seen.append(scope)
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        await send({"type": "http.response.start", "status": self._status, "headers": list(self._headers)})
        await send({"type": "http.response.body", "body": b""})


async def exchange(
    pages: Part,
    *,
    webhooks: Part | None = None,
    path: str = "/admin/ai-team",
    kind: str = "http",
    headers: tuple[tuple[bytes, bytes], ...] = (),
    **settings: Any,
) -> list[Message]:
    """Send one request through the edge and return what came back."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": f"{kind}.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    edge = Edge(Settings(**settings), webhooks=webhooks or Part(), webhook_prefix=_PREFIX, pages=pages)
    scope = {"type": kind, "method": "GET", "path": path, "query_string": b"token=canary", "headers": list(headers)}
    await edge({**scope, "scheme": "http"}, receive, send)
    return sent


def headers_of(messages: list[Message]) -> dict[bytes, bytes]:
    """The answer's headers."""
    return dict(messages[0]["headers"])


async def test_webhooks_do_not_reach_the_page_framework() -> None:
    pages, webhooks = Part(), Part()
    await exchange(pages, webhooks=webhooks, path=f"{_PREFIX}slack/events")
    assert len(webhooks.seen) == 1
    assert pages.seen == []


async def test_every_page_carries_the_protective_headers() -> None:
    headers = headers_of(await exchange(Part()))
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"x-frame-options"] == b"DENY"
    assert headers[b"referrer-policy"] == b"same-origin"
    assert b"frame-ancestors 'none'" in headers[b"content-security-policy"]
    assert b"strict-transport-security" not in headers


async def test_a_part_keeps_the_headers_it_sets_itself() -> None:
    headers = headers_of(await exchange(Part(headers=((b"cache-control", b"private"),))))
    assert headers[b"cache-control"] == b"private"


@pytest.mark.parametrize(
    ("path", "status", "expected"),
    [
        ("/assets/index-abc.js", 200, b"public, max-age=31536000, immutable"),
        ("/assets/gone.js", 404, b"no-cache"),
        ("/admin/ai-team", 200, b"no-cache"),
        ("/patchbay.css", 200, b"no-cache"),
        ("/api/v1/agents", 200, b"no-store"),
    ],
)
async def test_only_what_never_changes_is_cached(path: str, status: int, expected: bytes) -> None:
    assert headers_of(await exchange(Part(status=status), path=path))[b"cache-control"] == expected


@pytest.mark.parametrize("origin", [b"https://evil.test", b"http://127.0.0.1:9999", b"null", None])
async def test_a_socket_from_a_foreign_page_or_from_nowhere_is_refused(origin: bytes | None) -> None:
    pages = Part()
    headers = ((b"origin", origin),) if origin is not None else ()
    messages = await exchange(pages, kind="websocket", path="/_event/", headers=headers)
    assert messages == [{"type": "websocket.close", "code": 1008}]
    assert pages.seen == []


@pytest.mark.parametrize("origin", [b"http://127.0.0.1:8000", b"http://localhost:8000", b"https://tunnel.test"])
async def test_a_socket_from_our_own_pages_is_let_in(origin: bytes) -> None:
    pages = Part()
    await exchange(
        pages, kind="websocket", path="/_event/", headers=((b"origin", origin),), public_url="https://tunnel.test"
    )
    assert len(pages.seen) == 1


async def test_in_production_the_loopback_is_a_foreign_origin() -> None:
    pages = Part()
    await exchange(
        pages,
        kind="websocket",
        headers=((b"origin", b"http://127.0.0.1:8000"),),
        env="production",
        public_url="https://patchbay.test",
    )
    assert pages.seen == []


async def test_behind_a_proxy_that_ends_tls_redirects_stay_on_https() -> None:
    pages = Part()
    await exchange(pages, headers=((b"host", b"patchbay.test"),), public_url="https://patchbay.test")
    await exchange(
        pages, headers=((b"host", b"other.test"), (b"x-forwarded-proto", b"https")), public_url="https://patchbay.test"
    )
    assert [scope["scheme"] for scope in pages.seen] == ["https", "http"]


async def test_the_log_holds_neither_query_nor_tokens(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="app"):
        await exchange(Part(status=404), path="/login/link/KJhd8sJSHdkjsh2383jshdkJHSD")
    assert "edge.request.answered" in caplog.text
    assert "canary" not in caplog.text
    assert "KJhd8sJSHdkjsh2383jshdkJHSD" not in caplog.text


def test_ids_of_ours_stay_readable_in_the_log() -> None:
    path = "/admin/ai-team/01890000-0000-7000-8000-000000000000/conversations"
    assert masked_path(path) == path
