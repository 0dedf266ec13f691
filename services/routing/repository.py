"""Queries for routing: one a table, for all messages of a batch."""

from collections.abc import Collection
from uuid import UUID

from sqlmodel import col, select

from models import Agent, ChannelPolicy, PhoneNumber
from services.kernel.db import UnitOfWork, among


def list_numbers(
    work: UnitOfWork, connection_ids: Collection[UUID], numbers: Collection[str]
) -> dict[tuple[UUID, str], PhoneNumber]:
    """Return those of connections' own numbers that are named, by connection and number."""
    rows = work.session.exec(
        select(PhoneNumber).where(
            col(PhoneNumber.tenant_id) == work.tenant_id,
            among(PhoneNumber.connection_id, connection_ids),
            among(PhoneNumber.number, numbers),
        )
    ).all()
    return {(row.connection_id, row.number): row for row in rows}


def list_policies(
    work: UnitOfWork, connection_ids: Collection[UUID], channel_ids: Collection[str]
) -> dict[tuple[UUID, str], ChannelPolicy]:
    """Return channels' policies by connection and id, and the defaults under the empty id."""
    rows = work.session.exec(
        select(ChannelPolicy).where(
            col(ChannelPolicy.tenant_id) == work.tenant_id,
            among(ChannelPolicy.connection_id, connection_ids),
            among(ChannelPolicy.external_id, ("", *channel_ids)),
        )
    ).all()
    return {(row.connection_id, row.external_id): row for row in rows}


def list_agents(work: UnitOfWork, agent_ids: Collection[UUID]) -> dict[UUID, Agent]:
    """Return agents by id."""
    rows = work.session.exec(
        select(Agent).where(col(Agent.tenant_id) == work.tenant_id, among(Agent.id, agent_ids))
    ).all()
    return {row.id: row for row in rows}
