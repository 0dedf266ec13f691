"""Which answers let a window and the page that opened it see each other."""

import pytest

from app.edge import Edge, Message, Receive, Scope, Send
from services.kernel.settings import Settings


async def _pages(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def _opener_policy(path: str) -> str | None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    edge = Edge(Settings(), webhooks=_pages, webhook_prefix="/api/ai-agents/webhooks/", pages=_pages)
    await edge({"type": "http", "method": "GET", "path": path, "headers": [], "scheme": "http"}, receive, send)
    found = dict(sent[0]["headers"]).get(b"cross-origin-opener-policy")
    return found.decode() if found else None


@pytest.mark.parametrize("path", ["/admin/integrations/", "/admin/ai-team/", "/login"])
async def test_pages_may_open_windows_and_are_not_reached_from_foreign_ones(path: str) -> None:
    assert await _opener_policy(path) == "same-origin-allow-popups"


@pytest.mark.parametrize("step", ["oauth", "oauth/callback"])
async def test_walk_to_a_consent_page_keeps_the_window_that_opened_it(step: str) -> None:
    assert await _opener_policy(f"/api/admin/ai-agents/integrations/slack/{step}") is None
