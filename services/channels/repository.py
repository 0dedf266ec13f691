"""Queries on shared channels."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, or_, update
from sqlmodel import Session, col, select

from models import Agent, ChannelListing, ChannelPolicy, Connection
from services.connections import WORKING
from services.kernel.db import UnitOfWork
from services.kernel.leases import is_due, is_free


def find_connection(work: UnitOfWork, connection_id: UUID) -> Connection | None:
    """Return a connection."""
    return work.session.exec(
        select(Connection).where(col(Connection.tenant_id) == work.tenant_id, col(Connection.id) == connection_id)
    ).first()


def agent_names(work: UnitOfWork) -> dict[UUID, str]:
    """Return the tenant's agents by id."""
    return dict(work.session.exec(select(Agent.id, Agent.name).where(col(Agent.tenant_id) == work.tenant_id)).all())


def list_page(
    work: UnitOfWork, connection_id: UUID, *, query: str, after: tuple[str, UUID] | None, limit: int
) -> Sequence[ChannelPolicy]:
    """Return channels by name; those whose name or id holds ``query``."""
    order = (func.lower(col(ChannelPolicy.name)), col(ChannelPolicy.id))
    statement = select(ChannelPolicy).where(*_of(work, connection_id, query)).order_by(*order).limit(limit)
    if after:
        name, row_id = after
        statement = statement.where(
            or_(order[0] > name, (order[0] == name) & (col(ChannelPolicy.id) > row_id)),
        )
    return work.session.exec(statement).all()


def count(work: UnitOfWork, connection_id: UUID, *, query: str) -> int:
    """Return how many channels a search finds."""
    return work.session.exec(
        select(func.count()).select_from(ChannelPolicy).where(*_of(work, connection_id, query))
    ).one()


def list_heard(work: UnitOfWork, connection_ids: Sequence[UUID], *, limit: int) -> Sequence[ChannelPolicy]:
    """Return the channels that the agent is in, by name."""
    statement = select(ChannelPolicy).where(
        col(ChannelPolicy.tenant_id) == work.tenant_id,
        col(ChannelPolicy.connection_id).in_(connection_ids),
        col(ChannelPolicy.external_id) != "",
        col(ChannelPolicy.is_member),
    )
    return work.session.exec(statement.order_by(func.lower(col(ChannelPolicy.name))).limit(limit)).all()


def list_defaults(work: UnitOfWork, connection_ids: Sequence[UUID]) -> dict[UUID, ChannelPolicy]:
    """Return connection → the row that decides for its channels without a rule of their own."""
    rows = work.session.exec(
        select(ChannelPolicy).where(
            col(ChannelPolicy.tenant_id) == work.tenant_id,
            col(ChannelPolicy.connection_id).in_(connection_ids),
            col(ChannelPolicy.external_id) == "",
        )
    ).all()
    return {row.connection_id: row for row in rows}


def lock_policy(work: UnitOfWork, connection_id: UUID, policy_id: UUID) -> ChannelPolicy | None:
    """Return one channel, locked for change."""
    return work.session.exec(
        select(ChannelPolicy)
        .where(
            col(ChannelPolicy.tenant_id) == work.tenant_id,
            col(ChannelPolicy.connection_id) == connection_id,
            col(ChannelPolicy.id) == policy_id,
        )
        .with_for_update()
    ).first()


def lock_default(work: UnitOfWork, connection_id: UUID) -> ChannelPolicy | None:
    """Return the default row, locked for change."""
    return work.session.exec(
        select(ChannelPolicy)
        .where(
            col(ChannelPolicy.tenant_id) == work.tenant_id,
            col(ChannelPolicy.connection_id) == connection_id,
            col(ChannelPolicy.external_id) == "",
        )
        .with_for_update()
    ).first()


def find_by_external_ids(
    work: UnitOfWork, connection_id: UUID, external_ids: Sequence[str]
) -> dict[str, ChannelPolicy]:
    """Return channels by the provider's id, locked for change."""
    rows = work.session.exec(
        select(ChannelPolicy)
        .where(
            col(ChannelPolicy.tenant_id) == work.tenant_id,
            col(ChannelPolicy.connection_id) == connection_id,
            col(ChannelPolicy.external_id).in_(external_ids),
        )
        .order_by(col(ChannelPolicy.id))
        .with_for_update()
    ).all()
    return {row.external_id: row for row in rows}


def find_listing(work: UnitOfWork, connection_id: UUID) -> ChannelListing | None:
    """Return how far a connection's channels are listed, locked for change."""
    return work.session.exec(
        select(ChannelListing)
        .where(col(ChannelListing.tenant_id) == work.tenant_id, col(ChannelListing.connection_id) == connection_id)
        .with_for_update()
    ).first()


def lock_due_listing(work: UnitOfWork, listing_id: UUID) -> ChannelListing | None:
    """Return a listing, locked, if it is due and nobody works on it."""
    return work.session.exec(
        select(ChannelListing)
        .where(
            col(ChannelListing.tenant_id) == work.tenant_id,
            col(ChannelListing.id) == listing_id,
            is_due(ChannelListing),
            is_free(ChannelListing),
        )
        .with_for_update(skip_locked=True)
    ).first()


def lock_held_listing(work: UnitOfWork, listing_id: UUID, lease_token: UUID) -> ChannelListing | None:
    """Return a listing, locked, if the lease is still ours."""
    return work.session.exec(
        select(ChannelListing)
        .where(
            col(ChannelListing.tenant_id) == work.tenant_id,
            col(ChannelListing.id) == listing_id,
            col(ChannelListing.lease_token) == lease_token,
        )
        .with_for_update()
    ).first()


def drop_unlisted(work: UnitOfWork, connection_id: UUID, *, since: datetime) -> None:
    """Delete channels that the provider no longer lists; one with a rule of its own stays, as one we are not in."""
    gone: list[ColumnElement[bool]] = [
        col(ChannelPolicy.tenant_id) == work.tenant_id,
        col(ChannelPolicy.connection_id) == connection_id,
        col(ChannelPolicy.external_id) != "",
        col(ChannelPolicy.listed_at) < since,
    ]
    work.session.exec(
        delete(ChannelPolicy).where(*gone, col(ChannelPolicy.mode).is_(None), col(ChannelPolicy.agent_id).is_(None))
    )
    work.session.exec(update(ChannelPolicy).where(*gone).values(is_member=False))


def list_due_listings(session: Session, *, limit: int) -> Sequence[tuple[UUID, UUID]]:
    """Return (tenant id, listing id) of what is due, across tenants; for the sweeper."""
    return session.exec(
        select(ChannelListing.tenant_id, ChannelListing.id)
        .join(
            Connection,
            (col(Connection.tenant_id) == col(ChannelListing.tenant_id))
            & (col(Connection.id) == col(ChannelListing.connection_id)),
        )
        .where(col(Connection.status).in_(WORKING), is_due(ChannelListing), is_free(ChannelListing))
        .order_by(col(ChannelListing.next_attempt_at))
        .limit(limit)
    ).all()


def _of(work: UnitOfWork, connection_id: UUID, query: str) -> tuple[ColumnElement[bool], ...]:
    conditions = (
        col(ChannelPolicy.tenant_id) == work.tenant_id,
        col(ChannelPolicy.connection_id) == connection_id,
        col(ChannelPolicy.external_id) != "",
    )
    if not query:
        return conditions
    found = or_(
        col(ChannelPolicy.name).icontains(query, autoescape=True),
        col(ChannelPolicy.external_id) == query.upper(),
    )
    return (*conditions, found)
