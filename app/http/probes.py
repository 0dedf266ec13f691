"""What a process that serves the webhook line alone answers beside it: is it alive, can it work, how does it fare."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse

from app.http.health import create_health_router
from app.http.metrics import create_metrics_router
from services.kernel.kernel import Kernel


def create_probe_app(kernel: Kernel) -> FastAPI:
    """Return ``/healthz``, ``/readyz`` and ``/metrics``; closes the kernel when the server stops."""

    @asynccontextmanager
    async def live(_app: FastAPI) -> AsyncGenerator[None]:
        yield
        kernel.close()

    async def refuse(_request: Request, _error: Exception) -> PlainTextResponse:
        return PlainTextResponse("This process serves webhooks only.\n", 404)

    app = FastAPI(
        openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False, lifespan=live,
        exception_handlers={404: refuse},
    )  # fmt: skip
    app.include_router(create_health_router(kernel))
    app.include_router(create_metrics_router(kernel))
    return app
