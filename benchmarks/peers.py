"""What the webhook line is compared with, on the server and with the settings that the product uses.

``bare``: a Starlette route that reads the body and answers; the ceiling of any framework here.
``bolt``: Slack's own framework, which checks the signature and parses the event, and stores nothing.
"""

import importlib
import sys
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PATH = "/slack/events"
SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"


def bare() -> Starlette:
    """Return the bare route."""

    async def receive(request: Request) -> Response:
        await request.body()
        return Response()

    return Starlette(routes=[Route(PATH, receive, methods=["POST"])])


def bolt() -> Starlette:
    """Return the Bolt app; it asks nobody whose workspace it is, so that no network is measured."""
    # Installed by `make bench` only, so nothing here may need it to be read or checked.
    framework: Any = importlib.import_module("slack_bolt.async_app")
    authorization: Any = importlib.import_module("slack_bolt.authorization")
    handlers: Any = importlib.import_module("slack_bolt.adapter.starlette.async_handler")

    async def authorize(**_about: Any) -> Any:
        return authorization.AuthorizeResult(
            enterprise_id=None, team_id="T0BENCH", bot_token="xoxb-bench", bot_id="B0BENCH", bot_user_id="U0BENCHBOT"
        )

    async def on_message(event: dict[str, Any]) -> None:
        """Take note of nothing."""

    app: Any = framework.AsyncApp(signing_secret=SIGNING_SECRET, authorize=authorize)
    app.event("message")(on_message)
    handler: Any = handlers.AsyncSlackRequestHandler(app)

    async def receive(request: Request) -> Response:
        return await handler.handle(request)

    return Starlette(routes=[Route(PATH, receive, methods=["POST"])])


def main(name: str, port: str) -> None:
    """Serve one of them until SIGTERM, as ``workers.runtime.web`` serves the product."""
    uvicorn.run(
        f"benchmarks.peers:{name}",
        factory=True,
        host="127.0.0.1",
        port=int(port),
        http="httptools",
        loop="uvloop",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
