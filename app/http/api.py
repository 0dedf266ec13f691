"""The plain HTTP routes in one FastAPI application, which Reflex mounts itself into as the last route."""

from fastapi import FastAPI

from app.http import problems
from app.http.health import create_health_router
from app.http.keys import create_keys_router
from app.http.letters import create_letters_router
from app.http.metrics import create_metrics_router
from app.http.oauth import create_oauth_router
from app.http.rest.app import PREFIX, create_rest_app
from app.http.sign_in import create_sign_in_router
from services.kernel.kernel import Kernel


def create_http_app(kernel: Kernel) -> FastAPI:
    """Return health, metrics, sign-in, OAuth and REST routes. One application per process, one per test.

    It has no lifespan: Reflex does not run that of an application it is mounted into. Its own description is off;
    the REST API brings one.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.kernel = kernel
    app.include_router(create_health_router(kernel))
    app.include_router(create_metrics_router(kernel))
    app.include_router(create_sign_in_router(kernel))
    app.include_router(create_oauth_router(kernel))
    app.include_router(create_keys_router())
    app.include_router(create_letters_router())
    app.mount(PREFIX, create_rest_app(kernel))
    problems.install(app)
    return app
