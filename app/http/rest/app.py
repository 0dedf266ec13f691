"""Puts the REST API together: every route asks for a key, every error is a problem document."""

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute

from app.http import problems
from app.http.deps import bearer_actor
from app.http.rest import agents, apps, connections, conversations, deliveries, health, identity
from app.http.rest.openapi import describe
from services.kernel.kernel import Kernel

PREFIX = "/api/v1"

_TAGS = [
    {"name": "identity", "description": "Whose key this is."},
    {"name": "agents", "description": "AI agents and what they know by heart."},
    {"name": "connections", "description": "Accounts at providers, and the numbers that belong to them."},
    {"name": "health", "description": "What is broken or about to be, and where owners are told."},
    {"name": "conversations", "description": "What contacts wrote and what was answered."},
    {"name": "traces", "description": "The whole way of one message."},
    {"name": "deliveries", "description": "Webhook requests that were accepted."},
]


def create_rest_app(kernel: Kernel) -> FastAPI:
    """Return the API as an application of its own, to be mounted at ``/api/v1``."""
    app = FastAPI(
        title="Patchbay",
        version="1",
        description="Wire a company's AI agents to the channels people already use.",
        openapi_tags=_TAGS,
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
    )
    app.state.kernel = kernel
    for module in (identity, agents, connections, apps, health, conversations, deliveries):
        app.include_router(module.router, dependencies=[Depends(bearer_actor)])
    problems.install(app)
    describe(app)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name
