"""A provider that accepts everything at once: Slack's Web API as far as answers need it, and when each arrived.

The sandbox plays Slack faithfully and is slower than the product; here the product is measured.
"""

import json
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast
from urllib.parse import parse_qs

import uvicorn

Message = MutableMapping[str, Any]

TEAM_PREFIX = "T0BENCH"
TOKEN_PREFIX = "xoxb-0000000000-"


class Sink:
    """The ASGI application."""

    def __init__(self) -> None:
        self._accepted: list[tuple[str, float]] = []

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        answer = json.dumps(self._answer(scope, body)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def _answer(self, scope: Message, body: bytes) -> object:
        method = scope["path"].rpartition("/")[2]
        if method == "accepted":
            return self._accepted[int(scope["query_string"] or 0) :]
        if method == "count":
            return len(self._accepted)
        values = _values(body)
        if method == "chat.postMessage":
            self._accepted.append((str(values.get("thread_ts", "")), time.time()))
            return {"ok": True, "channel": values.get("channel"), "ts": f"{time.time():.6f}"}
        if method == "auth.test":
            number = _token(scope).removeprefix(TOKEN_PREFIX)
            account = {"team_id": f"{TEAM_PREFIX}{number}", "team": f"Bench {number}"}
            return {"ok": True, **account, "user_id": "U0BENCHBOT", "user": "bri", "bot_id": "B0BENCH"}
        if method == "users.info":
            return {"ok": True, "user": {"id": values.get("user"), "real_name": "Mia Moser"}}
        return {"ok": True, "channels": [], "members": [], "messages": []}


class SinkClient:
    """Asks the sink what it has accepted.

    Args:
        url: the sink's address, with a slash at the end.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def count(self) -> int:
        """Return how many messages it has accepted so far."""
        return cast(int, self._get("count"))

    def accepted(self, *, since: int) -> list[tuple[str, float]]:
        """Return the messages after the first ``since``: what each answers, and when it came (``time.time()``)."""
        return [(thread, at) for thread, at in cast("list[list[Any]]", self._get(f"accepted?{since}"))]

    def _get(self, path: str) -> object:
        with self._open(f"{self._url}{path}", timeout=30) as answer:
            return json.load(answer)


def _values(body: bytes) -> dict[str, Any]:
    if body.startswith(b"{"):
        return json.loads(body)
    return {name: values[0] for name, values in parse_qs(body.decode()).items()}


def _token(scope: Message) -> str:
    value = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    return value.decode().removeprefix("Bearer ")


def main(port: str) -> None:
    """Serve until SIGTERM."""
    uvicorn.run(
        Sink(), host="127.0.0.1", port=int(port), http="httptools", loop="uvloop", log_level="warning", access_log=False
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
