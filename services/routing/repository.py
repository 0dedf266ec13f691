"""Queries for routing."""

from uuid import UUID

from sqlmodel import col, select

from models import Agent, ChannelPolicy, PhoneNumber
from services.kernel.db import UnitOfWork


def find_number(work: UnitOfWork, connection_id: UUID, number: str) -> PhoneNumber | None:
    """Return one of a connection's own numbers."""
    return work.session.exec(
        select(PhoneNumber).where(
            col(PhoneNumber.tenant_id) == work.tenant_id,
            col(PhoneNumber.connection_id) == connection_id,
            col(PhoneNumber.number) == number,
        )
    ).first()


def find_policies(work: UnitOfWork, connection_id: UUID, channel_id: str) -> dict[str, ChannelPolicy]:
    """Return a channel's policy under its id, and the default under the empty one; each only if there is one."""
    rows = work.session.exec(
        select(ChannelPolicy).where(
            col(ChannelPolicy.tenant_id) == work.tenant_id,
            col(ChannelPolicy.connection_id) == connection_id,
            col(ChannelPolicy.external_id).in_(("", channel_id)),
        )
    ).all()
    return {row.external_id: row for row in rows}


def find_agent(work: UnitOfWork, agent_id: UUID) -> Agent | None:
    """Return an agent."""
    return work.session.exec(
        select(Agent).where(col(Agent.tenant_id) == work.tenant_id, col(Agent.id) == agent_id)
    ).first()
