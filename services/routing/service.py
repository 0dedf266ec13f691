"""Which agent a message is for. The reason is stored with the delivery and shown on the trace."""

from dataclasses import dataclass

from models import Agent, Connection, PhoneNumber
from services.kernel.db import UnitOfWork
from services.provider_kit.contract import MessageReceived
from services.routing import repository


@dataclass(frozen=True, slots=True)
class Route:
    """The decision: an agent, or none, and the reason in words."""

    agent: Agent | None
    reason: str


def route_message(work: UnitOfWork, connection: Connection, event: MessageReceived) -> Route:
    """Decide which agent answers a message.

    A number assigned to an agent decides first, then the agent the connection belongs to.
    """
    number = repository.find_number(work, connection.id, event.channel_id)
    agent_id = number.agent_id if number else connection.agent_id
    agent = repository.find_agent(work, agent_id) if agent_id else None
    return Route(agent, _reason(event, connection, number, agent))


def _reason(event: MessageReceived, connection: Connection, number: PhoneNumber | None, agent: Agent | None) -> str:
    how = event.why[:1].upper() + event.why[1:]
    if number and agent:
        return f"{how}: {number.number} is {agent.name}'s number"
    if number:
        return f"{how}: no agent answers at {number.number}"
    if agent:
        return f"{how}: {connection.external_account_name or 'this account'} is connected to {agent.name}"
    return f"{how}: the connection has no agent"
