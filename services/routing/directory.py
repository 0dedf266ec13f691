"""What routing needs to know for a batch of messages, read once."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from models import Agent, ChannelPolicy, Connection, PhoneNumber
from services.kernel.db import UnitOfWork
from services.provider_kit.contract import MessageReceived
from services.routing import repository


@dataclass(frozen=True, slots=True)
class Directory:
    """Numbers and policies by connection and name, and the agents that they and the connections name."""

    numbers: Mapping[tuple[UUID, str], PhoneNumber]
    policies: Mapping[tuple[UUID, str], ChannelPolicy]
    agents: Mapping[UUID, Agent]


def read_directory(work: UnitOfWork, messages: Collection[tuple[Connection, MessageReceived]]) -> Directory:
    """Read what the routes of these messages depend on: at most one query a table."""
    shared = [(connection.id, event.channel_id) for connection, event in messages if event.in_shared_channel]
    direct = [(connection.id, event.channel_id) for connection, event in messages if not event.in_shared_channel]
    policies = repository.list_policies(work, *_columns(shared)) if shared else {}
    numbers = repository.list_numbers(work, *_columns(direct)) if direct else {}
    named = [connection.agent_id for connection, _ in messages]
    named += [row.agent_id for row in (*policies.values(), *numbers.values())]
    agent_ids = {agent_id for agent_id in named if agent_id}
    return Directory(numbers, policies, repository.list_agents(work, agent_ids) if agent_ids else {})


def _columns(pairs: Collection[tuple[UUID, str]]) -> tuple[set[UUID], set[str]]:
    return {connection_id for connection_id, _ in pairs}, {name for _, name in pairs}
