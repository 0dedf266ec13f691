"""Which actions there are for an agent, and which it has been granted. Without a grant there is nothing."""

from dataclasses import dataclass
from uuid import UUID

from models import ActionGrant, Agent, Connection, GrantMode
from services import audit
from services.actions import repository
from services.actions.views import AvailableActionView
from services.kernel.db import UnitOfWork
from services.kernel.errors import InvalidInput, NotFound
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.provider_kit import registry
from services.provider_kit.contract import Action, ActionRisk
from services.tenants import Actor, Permission, require

LIVE_TOPIC = "action"


@dataclass(frozen=True, slots=True)
class Offer:
    """An action of one connection, and its grant if there is one."""

    connection: Connection
    action: Action
    grant: ActionGrant | None


def list_offers(work: UnitOfWork, agent_id: UUID) -> list[Offer]:
    """Return all actions that an agent could be granted, by connection."""
    grants = {(grant.connection_id, grant.action): grant for grant in repository.list_grants(work, agent_id)}
    return [
        Offer(connection, action, grants.get((connection.id, action.name)))
        for connection in repository.list_connections(work, agent_id)
        for action in registry.list_actions(connection.provider)
    ]


def find_action(provider: str, name: str) -> Action | None:
    """Return a provider's action, if it still has one of that name."""
    return next((action for action in registry.list_actions(provider) if action.name == name), None)


def list_available(kernel: Kernel, *, actor: Actor, agent_id: UUID) -> tuple[AvailableActionView, ...]:
    """Return all actions of an agent's connections and the tenant's, granted or not.

    Raises:
        Forbidden, NotFound
    """
    require(actor, Permission.AGENTS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        _existing(repository.find_agent(work, agent_id))
        return tuple(_view(offer) for offer in list_offers(work, agent_id))


def list_grants(kernel: Kernel, *, actor: Actor, agent_id: UUID) -> tuple[AvailableActionView, ...]:
    """Return the actions that an agent may use.

    Raises:
        Forbidden, NotFound
    """
    return tuple(view for view in list_available(kernel, actor=actor, agent_id=agent_id) if view.mode)


def set_grant(
    kernel: Kernel, *, actor: Actor, agent_id: UUID, connection_id: UUID, action: str, mode: GrantMode | None
) -> AvailableActionView:
    """Let an agent use an action of a connection, or take that back.

    Args:
        kernel: the process's seams.
        actor: who decides.
        agent_id: the agent.
        connection_id: one of its own connections, or of the whole tenant's.
        action: the action's name.
        mode: how far it may go; None takes the grant away.

    Raises:
        Forbidden
        NotFound: no such agent, connection or action; a connection of another agent is none.
        InvalidInput: an action that only reads needs no approval.
    """
    require(actor, Permission.AGENTS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        agent = _existing(repository.lock_agent(work, agent_id))
        offer = _find_offer(work, agent_id=agent_id, connection_id=connection_id, action=action)
        if mode is GrantMode.APPROVAL and offer.action.risk is ActionRisk.READS:
            raise InvalidInput("This action changes nothing. Allow it, or leave it out.", field="mode")
        before = offer.grant.mode if offer.grant else None
        if before is not mode:
            _store(kernel, work, actor, offer, agent, mode)
            audit.record(
                work,
                actor=actor,
                action="agent.action_granted" if mode else "agent.action_withdrawn",
                object_kind="agent",
                object_id=agent_id,
                detail={
                    "name": agent.name,
                    "action": action,
                    "provider": offer.connection.provider,
                    "connection_id": str(connection_id),
                    "mode": mode.value if mode else "",
                },
            )
            work.notify(LIVE_TOPIC, agent_id)
        return _view(_find_offer(work, agent_id=agent_id, connection_id=connection_id, action=action))


def _store(kernel: Kernel, work: UnitOfWork, actor: Actor, offer: Offer, agent: Agent, mode: GrantMode | None) -> None:
    if offer.grant and mode is None:
        work.session.delete(offer.grant)
    elif mode is not None:
        grant = offer.grant or ActionGrant(
            tenant_id=work.tenant_id,
            id=new_id(),
            agent_id=agent.id,
            connection_id=offer.connection.id,
            action=offer.action.name,
            mode=mode,
            granted_by=actor.label,
            updated_at=kernel.clock.now(),
        )
        grant.mode, grant.granted_by, grant.updated_at = mode, actor.label, kernel.clock.now()
        work.session.add(grant)
    work.session.flush()


def _find_offer(work: UnitOfWork, *, agent_id: UUID, connection_id: UUID, action: str) -> Offer:
    for offer in list_offers(work, agent_id):
        if offer.connection.id == connection_id and offer.action.name == action:
            return offer
    raise NotFound("This agent has no connection with such an action.", code="unknown_action")


def _existing(agent: Agent | None) -> Agent:
    if agent is None:
        raise NotFound("There is no such agent.")
    return agent


def connection_name(connection: Connection) -> str:
    """Return what people call a connection."""
    return connection.name or connection.external_account_name


def _view(offer: Offer) -> AvailableActionView:
    return AvailableActionView(
        connection_id=offer.connection.id,
        connection_name=connection_name(offer.connection),
        provider=offer.connection.provider,
        provider_name=registry.get_manifest(offer.connection.provider).name,
        action=offer.action.name,
        label=offer.action.label,
        description=offer.action.description,
        risk=offer.action.risk.value,
        mode=offer.grant.mode.value if offer.grant else "",
        granted_by=offer.grant.granted_by if offer.grant else "",
        granted_at=offer.grant.updated_at if offer.grant else None,
    )
