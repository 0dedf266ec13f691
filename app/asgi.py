"""The composition root of the web process: settings, kernel, routes and pages become one ASGI application."""

from app.edge import AsgiApp, Edge, Receive, Scope, Send
from app.http.webhooks import PREFIX, create_webhook_app
from services.kernel.kernel import Kernel, build_kernel
from services.kernel.settings import Settings


def create() -> AsgiApp:
    """Build everything that the web process serves; what the server calls.

    Raises:
        ConfigurationError: a database, Redis or key is missing.
    """
    settings = Settings()
    kernel = build_kernel(settings)
    return Edge(settings, webhooks=create_webhook_app(kernel), webhook_prefix=PREFIX, pages=_pages(kernel))


def create_webhooks_only() -> AsgiApp:
    """Build the webhook line alone, for a process of its own; no page framework is loaded.

    Raises:
        ConfigurationError: a database, Redis or key is missing.
    """
    settings = Settings()
    kernel = build_kernel(settings)
    return Edge(settings, webhooks=create_webhook_app(kernel), webhook_prefix=PREFIX, pages=_HealthOnly(kernel))


def _pages(kernel: Kernel) -> AsgiApp:
    # Imported here: the webhook line alone does not pay for Reflex.
    from app.app import app
    from app.http.api import create_http_app
    from app.live import register_live
    from app.page_table import WATCHES
    from app.session.kernel import set_kernel

    set_kernel(kernel)
    register_live(app, kernel, watches=WATCHES)
    app.api_transformer = create_http_app(kernel)
    return app()


class _HealthOnly:
    """Answers ``/healthz`` and the server's start and stop, and nothing else."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        is_known = scope["path"] == "/healthz"
        body = b"ok\n" if is_known else b"This process serves webhooks only.\n"
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200 if is_known else 404, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                self._kernel.close()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
