"""Connections, the numbers that belong to them, and the catalogue of providers over REST."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.http.deps import BearerActor, KernelDep
from app.http.rest.openapi import needs
from app.http.rest.paging import page_of
from app.http.rest.schemas import Cursor, Limit, NewConnection, NumberAssignment, Slug
from services import connections
from services.connections import CheckView, ConnectionView, PhoneNumberView, ProviderCardView
from services.kernel.paging import Page
from services.tenants import Permission

router = APIRouter(tags=["connections"])

_VIEW = needs(Permission.CONNECTIONS_VIEW)
_EDIT = needs(Permission.CONNECTIONS_EDIT)


@router.get("/providers", openapi_extra=_VIEW)
def list_providers(kernel: KernelDep, actor: BearerActor, agent_id: UUID | None = None) -> Page[ProviderCardView]:
    """List the providers, how each is connected, and what is missing on the server; all on one page."""
    return Page(connections.available_providers(kernel, actor=actor, agent_id=agent_id))


@router.get("/connections", openapi_extra=_VIEW)
def list_connections(
    kernel: KernelDep,
    actor: BearerActor,
    agent_id: UUID | None = None,
    provider: Annotated[Slug | None, Query()] = None,
    cursor: Cursor = "",
    limit: Limit = 50,
) -> Page[ConnectionView]:
    """List the connections, oldest first, disconnected ones included."""
    found = connections.list_connections(kernel, actor=actor, agent_id=agent_id, provider=provider)
    return page_of(found, id_of=lambda connection: connection.id, cursor=cursor, limit=limit)


@router.post("/connections", status_code=201, openapi_extra=_EDIT)
def create_connection(kernel: KernelDep, actor: BearerActor, body: NewConnection) -> ConnectionView:
    """Connect an account by keys. The provider is asked first; the answer names the webhook addresses."""
    return connections.connect_with_keys(
        kernel,
        actor=actor,
        provider=body.provider,
        scheme_id=body.scheme,
        agent_id=body.agent_id,
        values=body.values,
    )


@router.get("/connections/{connection_id}", openapi_extra=_VIEW)
def get_connection(kernel: KernelDep, actor: BearerActor, connection_id: UUID) -> ConnectionView:
    """Return a connection with its webhook addresses."""
    return connections.get_connection(kernel, actor=actor, connection_id=connection_id)


@router.post("/connections/{connection_id}/test", openapi_extra=_EDIT)
def test_connection(kernel: KernelDep, actor: BearerActor, connection_id: UUID) -> CheckView:
    """Ask the provider whether the credential works. A failed test is an answer, not an error."""
    return connections.test_connection(kernel, actor=actor, connection_id=connection_id)


@router.post("/connections/{connection_id}/disconnect", openapi_extra=_EDIT)
def disconnect(kernel: KernelDep, actor: BearerActor, connection_id: UUID) -> ConnectionView:
    """Forget the credential and close the webhook addresses at once; history stays."""
    return connections.disconnect(kernel, actor=actor, connection_id=connection_id)


@router.get("/connections/{connection_id}/numbers", openapi_extra=_VIEW)
def list_numbers(
    kernel: KernelDep, actor: BearerActor, connection_id: UUID, cursor: Cursor = "", limit: Limit = 50
) -> Page[PhoneNumberView]:
    """List the connection's numbers, and which agent answers on each."""
    found = connections.get_connection(kernel, actor=actor, connection_id=connection_id)
    return page_of(found.numbers, id_of=lambda number: number.id, cursor=cursor, limit=limit)


@router.post("/connections/{connection_id}/numbers/sync", openapi_extra=_EDIT)
def sync_numbers(kernel: KernelDep, actor: BearerActor, connection_id: UUID) -> Page[PhoneNumberView]:
    """Fetch the numbers from the provider; numbers that stay keep their agents."""
    return Page(connections.sync_numbers(kernel, actor=actor, connection_id=connection_id).numbers)


@router.put("/connections/{connection_id}/numbers/{number_id}", openapi_extra=_EDIT)
def assign_number(
    kernel: KernelDep, actor: BearerActor, connection_id: UUID, number_id: UUID, body: NumberAssignment
) -> ConnectionView:
    """Let an agent answer on a number; the provider is told first."""
    return connections.assign_number(
        kernel, actor=actor, connection_id=connection_id, number_id=number_id, agent_id=body.agent_id
    )
