"""Which agent a message is for. The reason is stored with the delivery and shown on the trace."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from models import Agent, ChannelMode, Connection
from services import email
from services.kernel.db import UnitOfWork
from services.provider_kit.contract import MessageReceived
from services.routing import repository
from services.routing.directory import Directory, read_directory


@dataclass(frozen=True, slots=True)
class Route:
    """The decision: an agent, or none, and the reason in words."""

    agent: Agent | None
    reason: str


@dataclass(frozen=True, slots=True)
class _Choice:
    """Whom one of our own places names: an agent, or nobody there; and how that is said."""

    agent_id: UUID | None
    chosen: Callable[[str], str]
    """Agent's name → the reason: "bri@northwind.example is Bri's address"."""
    nobody: str


def route_message(
    work: UnitOfWork, connection: Connection, event: MessageReceived, *, directory: Directory | None = None
) -> Route:
    """Decide which agent answers a message.

    In a shared channel its policy decides; elsewhere the number or mailbox that was written to, then the agent that
    the connection belongs to.

    Args:
        work: the unit of work.
        connection: where the message came in.
        event: the message.
        directory: what was read for the batch that it is part of; read for this message alone if left out.
    """
    known = directory or read_directory(work, [(connection, event)])
    how = event.why[:1].upper() + event.why[1:]
    if event.in_shared_channel:
        choice = _by_policy(known, connection, event)
    else:
        choice = (_by_mailbox(work, connection, event) if event.email else None) or _by_number(known, connection, event)
    agent = _find_agent(work, known, choice.agent_id) if choice.agent_id else None
    return Route(agent, f"{how}: {choice.chosen(agent.name) if agent else choice.nobody}")


def _find_agent(work: UnitOfWork, known: Directory, agent_id: UUID) -> Agent | None:
    return known.agents.get(agent_id) or repository.list_agents(work, [agent_id]).get(agent_id)


def _by_policy(known: Directory, connection: Connection, event: MessageReceived) -> _Choice:
    own, default = known.policies.get((connection.id, event.channel_id)), known.policies.get((connection.id, ""))
    mode = (own and own.mode) or (default and default.mode) or ChannelMode.MENTIONS
    place = f"#{own.name}" if own and own.name else "this channel"
    if mode is ChannelMode.OFF:
        return _Choice(None, str, f"the agent is off in {place}")
    if mode is ChannelMode.MENTIONS and not event.addressed:
        return _Choice(None, str, f"in {place} only mentions are answered")
    agent_id = (own and own.agent_id) or (default and default.agent_id) or connection.agent_id
    what = "all messages" if mode is ChannelMode.ALL else "mentions"
    return _Choice(agent_id, lambda name: f"{name} answers {what} in {place}", "the connection has no agent")


def _by_mailbox(work: UnitOfWork, connection: Connection, event: MessageReceived) -> _Choice | None:
    """Return whom a letter's addresses name; None if the connection's agent has all of them."""
    letter = event.email
    if letter is None:
        return None
    sender = email.find_sender(work, connection.id, (event.channel_id, *letter.to, *letter.cc))
    if sender:
        return _Choice(sender.agent_id, lambda name: f"{sender.address} is {name}'s address", "nobody answers there")
    if email.has_senders(work, connection.id):  # another tenant may have the domain's other addresses
        return _Choice(None, str, f"no agent has the address {event.channel_id}")
    return None


def _by_number(known: Directory, connection: Connection, event: MessageReceived) -> _Choice:
    number = known.numbers.get((connection.id, event.channel_id))
    if number:
        nobody = f"no agent answers at {number.number}"
        return _Choice(number.agent_id, lambda name: f"{number.number} is {name}'s number", nobody)
    account = connection.external_account_name or "this account"
    nobody = "the connection has no agent"
    return _Choice(connection.agent_id, lambda name: f"{account} is connected to {name}", nobody)
