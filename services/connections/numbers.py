"""The numbers of a connection, and which agent answers on each."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from models import Connection, PhoneNumber
from services import audit
from services.connections import repository
from services.connections.calling import call_noted
from services.connections.clients import provider_context, webhook_urls
from services.connections.life import look_at_health
from services.connections.reading import build_view, get_open_row
from services.connections.refresh import with_fresh_token
from services.connections.saving import require_agent, store_channels
from services.connections.views import ConnectionView
from services.kernel.db import UnitOfWork
from services.kernel.errors import NotFound, Refused
from services.kernel.kernel import Kernel
from services.provider_kit import registry
from services.provider_kit.contract import ProviderContext
from services.tenants import Actor, Permission, require


def sync_numbers(kernel: Kernel, *, actor: Actor, connection_id: UUID) -> ConnectionView:
    """Fetch the connection's numbers from the provider; numbers that stay keep their agents.

    Raises:
        Refused: the provider has no numbers, or refuses to list them.
        NeedsReauth, RetryLater, Conflict, NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    connection, context = _open(kernel, actor.tenant_id, connection_id)
    channels = call_noted(
        kernel, connection, lambda: registry.channels(connection.provider).list_channels(_client(connection, context))
    )
    with kernel.unit_of_work(actor.tenant_id) as work:
        current = get_open_row(work, connection_id, for_update=True)
        store_channels(kernel, work, current, channels)
        look_at_health(work, current, now=kernel.clock.now())
        audit.record(
            work,
            actor=actor,
            action="connection.numbers_synced",
            object_kind="connection",
            object_id=connection_id,
            detail={"count": len(channels)},
        )
        work.notify("connection", connection_id)
        return build_view(kernel, work, connection_id)


def assign_number(
    kernel: Kernel, *, actor: Actor, connection_id: UUID, number_id: UUID, agent_id: UUID | None
) -> ConnectionView:
    """Let an agent answer on a number: the provider is told first, and nothing changes if it refuses.

    Args:
        kernel: the process's seams.
        actor: who assigns.
        connection_id: whose number.
        number_id: which number.
        agent_id: who answers there; None takes the number from its agent.

    Raises:
        Refused: the provider does not let us answer on this number.
        NeedsReauth, RetryLater, Conflict, NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        connection = get_open_row(work, connection_id)
        number = _get_number(work, connection_id=connection_id, number_id=number_id)
        require_agent(work, agent_id)
        urls = webhook_urls(kernel, work, connection)
    if agent_id is not None:
        _, context = _open(kernel, actor.tenant_id, connection_id)
        call_noted(kernel, connection, lambda: _route(_client(connection, context), connection, number, urls))
    with kernel.unit_of_work(actor.tenant_id) as work:
        row = get_open_row(work, connection_id, for_update=True)
        current = _get_number(work, connection_id=connection_id, number_id=number_id)
        agent_name = require_agent(work, agent_id)
        current.agent_id = agent_id
        current.updated_at = kernel.clock.now()
        work.session.add(current)
        work.session.flush()
        audit.record(
            work,
            actor=actor,
            action="connection.number_assigned" if agent_id else "connection.number_released",
            object_kind="connection",
            object_id=connection_id,
            detail={"number_id": str(number_id), "agent_id": str(agent_id) if agent_id else None, "agent": agent_name},
        )
        look_at_health(work, row, now=kernel.clock.now())
        work.notify("connection", connection_id)
        return build_view(kernel, work, connection_id)


def _open(kernel: Kernel, tenant_id: UUID, connection_id: UUID) -> tuple[Connection, ProviderContext]:
    """Open a connection for one call, its token renewed first if it is over."""

    def attempt(work: UnitOfWork) -> tuple[Connection, ProviderContext]:
        connection = get_open_row(work, connection_id)
        return connection, provider_context(kernel, work, connection)

    return with_fresh_token(kernel, tenant_id=tenant_id, attempt=attempt)


def _client(connection: Connection, context: ProviderContext) -> Any:
    return registry.client(connection.provider).build_client(context)


def _route(client: Any, connection: Connection, number: PhoneNumber, urls: Mapping[str, str]) -> None:
    """Tell the provider to call us for a number; what the number can do is asked afresh."""
    module = registry.channels(connection.provider)
    channel = next((item for item in module.list_channels(client) if item.id == number.external_id), None)
    if channel is None:
        raise Refused(
            "This number is not on the connected account any more. Fetch the numbers again.",
            code="number_gone",
            provider=connection.provider,
        )
    module.route_channel(client, channel, webhook_urls=urls)


def _get_number(work: UnitOfWork, *, connection_id: UUID, number_id: UUID) -> PhoneNumber:
    number = repository.find_number(
        work.session, tenant_id=work.tenant_id, connection_id=connection_id, number_id=number_id
    )
    if number is None:
        raise NotFound("There is no such number on this connection. Fetch the numbers again.", code="unknown_number")
    return number
