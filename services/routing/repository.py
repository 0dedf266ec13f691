"""Queries for routing."""

from uuid import UUID

from sqlmodel import col, select

from models import Agent, PhoneNumber
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


def find_agent(work: UnitOfWork, agent_id: UUID) -> Agent | None:
    """Return an agent."""
    return work.session.exec(
        select(Agent).where(col(Agent.tenant_id) == work.tenant_id, col(Agent.id) == agent_id)
    ).first()
