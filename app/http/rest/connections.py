"""Connections, the numbers that belong to them, and the catalogue of providers over REST."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.http.deps import BearerActor, KernelDep
from app.http.rest.openapi import needs
from app.http.rest.paging import page_of
from app.http.rest.schemas import (
    ConnectionChanges,
    Cursor,
    Disconnection,
    Limit,
    NewConnection,
    NewKeys,
    NumberAssignment,
    Slug,
    Word,
)
from services import connections
from services.connections import (
    CheckView,
    ConnectionView,
    Consequences,
    Deleted,
    Disconnected,
    PhoneNumberView,
    ProviderCardView,
    ReconnectView,
    TransitionView,
)
from services.kernel.paging import Page
from services.tenants import Permission

router = APIRouter(tags=["connections"])

_VIEW = needs(Permission.CONNECTIONS_VIEW)
_EDIT = needs(Permission.CONNECTIONS_EDIT)


@router.get("/providers", openapi_extra=_VIEW)
def list_providers(kernel: KernelDep, actor: BearerActor, agent_id: UUID | None = None) -> Page[ProviderCardView]:
    """List the providers: what each can do, its quality tier, how it is connected, what is missing on the server."""
    return Page(connections.available_providers(kernel, actor=actor, agent_id=agent_id))


@router.get("/connections", openapi_extra=_VIEW)
def list_connections(
    kernel: KernelDep,
    actor: BearerActor,
    agent_id: UUID | None = None,
    provider: Annotated[Slug | None, Query()] = None,
    state: Annotated[Word, Query(description="Such as `active` or `needs_reauth`; all if left out.")] = "",
    cursor: Cursor = "",
    limit: Limit = 50,
) -> Page[ConnectionView]:
    """List the connections, oldest first, disconnected ones included."""
    found = connections.list_connections(kernel, actor=actor, agent_id=agent_id, provider=provider, state=state)
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


@router.patch("/connections/{connection_id}", openapi_extra=_EDIT)
def update_connection(
    kernel: KernelDep, actor: BearerActor, connection_id: UUID, body: ConnectionChanges
) -> ConnectionView:
    """Rename a connection, or give it to another agent; conversations that began stay with theirs."""
    changes = connections.ConnectionChanges(
        name=body.name,
        agent=connections.AgentChoice(body.agent_id) if "agent_id" in body.model_fields_set else None,
    )
    return connections.update_settings(kernel, actor=actor, connection_id=connection_id, changes=changes)


@router.post("/connections/{connection_id}/pause", openapi_extra=_EDIT)
def pause_connection(kernel: KernelDep, actor: BearerActor, connection_id: UUID) -> ConnectionView:
    """Let nothing in and nothing out. Webhooks are acknowledged and left alone, answers wait."""
    return connections.pause(kernel, actor=actor, connection_id=connection_id)


@router.post("/connections/{connection_id}/resume", openapi_extra=_EDIT)
def resume_connection(kernel: KernelDep, actor: BearerActor, connection_id: UUID) -> ConnectionView:
    """Let a paused connection go on; what waited is sent."""
    return connections.resume(kernel, actor=actor, connection_id=connection_id)


@router.post("/connections/{connection_id}/reconnect", openapi_extra=_EDIT)
def plan_reconnect(kernel: KernelDep, actor: BearerActor, connection_id: UUID) -> ReconnectView:
    """Say how to repair a connection: an address to open in a signed-in browser, or the keys to send."""
    return connections.plan_reconnect(kernel, actor=actor, connection_id=connection_id)


@router.put("/connections/{connection_id}/keys", openapi_extra=_EDIT)
def replace_keys(kernel: KernelDep, actor: BearerActor, connection_id: UUID, body: NewKeys) -> ConnectionView:
    """Repair a connection with new keys to the same account. The provider is asked first."""
    return connections.reconnect_with_keys(kernel, actor=actor, connection_id=connection_id, values=body.values)


@router.get("/connections/{connection_id}/disconnect-preview", openapi_extra=_VIEW)
def preview_disconnect(kernel: KernelDep, actor: BearerActor, connection_id: UUID) -> Consequences:
    """Count what a disconnect would do; changes nothing."""
    return connections.preview_disconnect(kernel, actor=actor, connection_id=connection_id)


@router.post("/connections/{connection_id}/disconnect", openapi_extra=_EDIT)
def disconnect(
    kernel: KernelDep, actor: BearerActor, connection_id: UUID, body: Disconnection | None = None
) -> Disconnected:
    """End the access at the provider, forget the credential and close the webhook addresses at once."""
    keep_history = body is None or body.keep_history
    return connections.disconnect(kernel, actor=actor, connection_id=connection_id, keep_history=keep_history)


@router.delete("/connections/{connection_id}", openapi_extra=_EDIT)
def delete_connection(kernel: KernelDep, actor: BearerActor, connection_id: UUID) -> Deleted:
    """Disconnect, and delete the connection with its history; the audit log stays."""
    return connections.delete_connection(kernel, actor=actor, connection_id=connection_id)


@router.get("/connections/{connection_id}/transitions", openapi_extra=_VIEW)
def list_transitions(
    kernel: KernelDep, actor: BearerActor, connection_id: UUID, cursor: Cursor = "", limit: Limit = 50
) -> Page[TransitionView]:
    """List the changes of a connection's status, latest first: what, why, and who."""
    return connections.list_transitions(kernel, actor=actor, connection_id=connection_id, cursor=cursor, limit=limit)


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
