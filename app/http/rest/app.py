"""Puts the REST API together: every route asks for a key, every error is a problem document."""

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute

from app.http import problems
from app.http.deps import bearer_actor
from app.http.rest import (
    actions,
    agents,
    analytics,
    apps,
    calendar,
    channels,
    connections,
    conversations,
    deliveries,
    email,
    health,
    identity,
    limits,
)
from app.http.rest.openapi import describe
from services.kernel.kernel import Kernel

PREFIX = "/api/v1"

_TAGS = [
    {"name": "identity", "description": "Whose key this is."},
    {"name": "agents", "description": "AI agents and what they know by heart."},
    {"name": "limits", "description": "How much agents may send and do, and what is used of it."},
    {"name": "actions", "description": "What agents may do, what they did, and what waits for a decision."},
    {"name": "connections", "description": "Accounts at providers, and the numbers that belong to them."},
    {"name": "channels", "description": "Channels of several people, and what agents answer there."},
    {"name": "calendar", "description": "Agents' meetings, and how changes to them reach us."},
    {"name": "health", "description": "What is broken or about to be, and where owners are told."},
    {"name": "conversations", "description": "What contacts wrote and what was answered."},
    {"name": "email", "description": "Letters, their files, and the addresses that agents write from."},
    {"name": "traces", "description": "The whole way of one message."},
    {"name": "deliveries", "description": "Webhook requests that were accepted."},
    {"name": "analytics", "description": "What came in and what became of it, in hours or days."},
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
    modules = (
        identity,
        agents,
        limits,
        actions,
        connections,
        calendar,
        channels,
        apps,
        health,
        conversations,
        email,
        deliveries,
        analytics,
    )
    for module in modules:
        app.include_router(module.router, dependencies=[Depends(bearer_actor)])
    problems.install(app)
    describe(app)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name
