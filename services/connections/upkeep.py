"""What people do to a connection that stays: pause it, let it go on, name it, give it to another agent."""

from dataclasses import dataclass
from uuid import UUID

from models import CauseClass, Connection, ConnectionStatus
from services import audit
from services.connections import repository
from services.connections.life import change_status
from services.connections.reading import build_view, get_open_row
from services.connections.saving import require_agent
from services.connections.views import ConnectionView
from services.kernel.db import UnitOfWork
from services.kernel.errors import Conflict, InvalidInput
from services.kernel.kernel import Kernel
from services.tenants import Actor, Permission, require

_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionChanges:
    """What to change of a connection; what is None stays."""

    name: str | None = None
    """The tenant's own name for it; empty takes it away."""
    agent: "AgentChoice | None" = None


@dataclass(frozen=True, slots=True)
class AgentChoice:
    """The agent that a connection shall belong to; None for the whole tenant."""

    agent_id: UUID | None


def pause(kernel: Kernel, *, actor: Actor, connection_id: UUID) -> ConnectionView:
    """Let nothing in and nothing out: webhooks are acknowledged and left alone, answers wait.

    What is about consent (a contact opts out) and about the connection itself still takes effect. Pausing twice does
    no harm.

    Raises:
        Conflict: the connection is disconnected, or not set up.
        NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        connection = get_open_row(work, connection_id, for_update=True)
        if connection.status is ConnectionStatus.PENDING:
            raise Conflict("This connection is not set up yet. Finish that first.", code="not_set_up")
        if connection.status is not ConnectionStatus.PAUSED:
            change_status(
                work,
                connection,
                to=ConnectionStatus.PAUSED,
                cause=connection.cause,
                reason="Paused",
                actor=actor,
                now=kernel.clock.now(),
            )
        return build_view(kernel, work, connection_id)


def resume(kernel: Kernel, *, actor: Actor, connection_id: UUID) -> ConnectionView:
    """Let a paused connection go on; what waited is sent, and the credential is checked at once.

    A connection whose credential was refused meanwhile goes on to ``needs_reauth``. Resuming twice does no harm.

    Raises:
        Conflict: the connection is disconnected.
        NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    now = kernel.clock.now()
    with kernel.unit_of_work(actor.tenant_id) as work:
        connection = get_open_row(work, connection_id, for_update=True)
        if connection.status is ConnectionStatus.PAUSED:
            is_refused = connection.cause is CauseClass.AUTHORISATION
            change_status(
                work,
                connection,
                to=ConnectionStatus.NEEDS_REAUTH if is_refused else ConnectionStatus.ACTIVE,
                cause=connection.cause if is_refused else CauseClass.NONE,
                reason="Resumed; the account must be connected again" if is_refused else "Resumed",
                actor=actor,
                now=now,
                action="connection.resumed",
            )
            if not is_refused:
                connection.next_check_at = now
                work.wake("check_connection", connection_id)
        return build_view(kernel, work, connection_id)


def update_settings(kernel: Kernel, *, actor: Actor, connection_id: UUID, changes: ConnectionChanges) -> ConnectionView:
    """Rename a connection, or give it to another agent; conversations that began stay with theirs.

    Args:
        kernel: the process's seams.
        actor: who changes it.
        connection_id: which one.
        changes: what to change.

    Raises:
        Conflict: the account is connected for that agent already; or the connection is disconnected.
        InvalidInput: the name is too long.
        NotFound: no such connection or agent.
        Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        connection = get_open_row(work, connection_id, for_update=True)
        detail: dict[str, audit.Detail] = {}
        if changes.name is not None:
            connection.name = detail["name"] = _read_name(changes.name)
        if changes.agent is not None:
            detail |= _move(work, connection, changes.agent.agent_id)
        connection.updated_at = kernel.clock.now()
        work.session.add(connection)
        work.session.flush()
        if detail:
            audit.record(
                work,
                actor=actor,
                action="connection.updated",
                object_kind="connection",
                object_id=connection_id,
                detail=detail,
            )
            work.notify("connection", connection_id)
        return build_view(kernel, work, connection_id)


def _read_name(text: str) -> str:
    name = " ".join(text.split())
    if len(name) > _LONGEST_NAME:
        raise InvalidInput(f"Use at most {_LONGEST_NAME} characters.", field="name")
    if not name.isprintable():
        raise InvalidInput("Use printable characters only.", field="name")
    return name


def _move(work: UnitOfWork, connection: Connection, agent_id: UUID | None) -> dict[str, audit.Detail]:
    agent_name = require_agent(work, agent_id)
    if agent_id == connection.agent_id:
        return {}
    where = {"provider": connection.provider, "external_account_id": connection.external_account_id}
    account = f"{connection.provider}:{connection.external_account_id}"
    repository.lock_account(work.session, key=f"connection:{work.tenant_id}:{account}:{agent_id}")
    found = repository.find_connections_of_account(work.session, tenant_id=work.tenant_id, **where, agent_id=agent_id)
    if any(other.status in repository.IN_USE for other in found):
        raise Conflict(
            f"“{connection.external_account_name}” is already connected for {agent_name or 'the whole company'}."
            " Disconnect it there first.",
            code="already_connected",
            provider=connection.provider,
        )
    connection.agent_id = agent_id
    return {"agent_id": str(agent_id) if agent_id else None, "agent": agent_name}
