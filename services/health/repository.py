"""What health reads about connections. Each statement binds the tenant; the one across tenants says so."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import and_, exists, func, or_
from sqlalchemy.dialects.postgresql import distinct_on
from sqlmodel import Session, col, select

from models import (
    Agent,
    CauseClass,
    Connection,
    ConnectionStatus,
    ConnectionTransition,
    Credential,
    PhoneNumber,
    ProviderApp,
)
from services.health.facts import Outage

_MAX_OUTAGES = 1000


@dataclass(frozen=True, slots=True)
class Numbers:
    """A connection's numbers, and who answers on them."""

    total: int = 0
    assigned: int = 0
    agents: tuple[str, ...] = ()
    """Their names, each once."""


def list_connections(
    session: Session, *, tenant_id: UUID, agent_id: UUID | None = None, connection_id: UUID | None = None
) -> Sequence[tuple[Connection, str | None]]:
    """Return connections with their agents' names, the oldest first; an agent's are also those it has a number of."""
    statement = (
        select(Connection, col(Agent.name))
        .outerjoin(
            Agent,
            and_(col(Agent.tenant_id) == col(Connection.tenant_id), col(Agent.id) == col(Connection.agent_id)),
        )
        .where(col(Connection.tenant_id) == tenant_id)
        .order_by(col(Connection.id))
        .execution_options(populate_existing=True)
    )
    if agent_id is not None:
        answers_there = exists().where(
            col(PhoneNumber.tenant_id) == col(Connection.tenant_id),
            col(PhoneNumber.connection_id) == col(Connection.id),
            col(PhoneNumber.agent_id) == agent_id,
        )
        statement = statement.where(or_(col(Connection.agent_id) == agent_id, answers_there))
    if connection_id is not None:
        statement = statement.where(col(Connection.id) == connection_id)
    return session.exec(statement).all()


def list_last_transitions(
    session: Session, *, tenant_id: UUID, connection_ids: Collection[UUID]
) -> Mapping[UUID, ConnectionTransition]:
    """Return how each connection came to where it stands; what the provider said after its end is not that."""
    ended = ConnectionStatus.DISCONNECTED.value
    statement = (
        select(ConnectionTransition)
        .where(
            col(ConnectionTransition.tenant_id) == tenant_id,
            col(ConnectionTransition.connection_id).in_(connection_ids),
            or_(col(ConnectionTransition.from_status) != ended, col(ConnectionTransition.to_status) != ended),
        )
        .ext(distinct_on(col(ConnectionTransition.connection_id)))
        .order_by(col(ConnectionTransition.connection_id), col(ConnectionTransition.id).desc())
    )
    return {row.connection_id: row for row in session.exec(statement).all()}


def list_credential_names(
    session: Session, *, tenant_id: UUID, connection_ids: Collection[UUID]
) -> Mapping[UUID, frozenset[str]]:
    """Return connection id → names of its stored secrets."""
    statement = select(col(Credential.connection_id), col(Credential.name)).where(
        col(Credential.tenant_id) == tenant_id, col(Credential.connection_id).in_(connection_ids)
    )
    found: dict[UUID, set[str]] = {}
    for connection_id, name in session.exec(statement).all():
        found.setdefault(connection_id, set()).add(name)
    return {connection_id: frozenset(names) for connection_id, names in found.items()}


def list_signing_apps(session: Session, *, tenant_id: UUID) -> frozenset[UUID]:
    """Return the tenant's own apps that have a secret to check signatures with."""
    statement = select(col(ProviderApp.id)).where(
        col(ProviderApp.tenant_id) == tenant_id, col(ProviderApp.sealed_signing_secret).is_not(None)
    )
    return frozenset(session.exec(statement).all())


def count_numbers(session: Session, *, tenant_id: UUID, connection_ids: Collection[UUID]) -> Mapping[UUID, Numbers]:
    """Return connection id → its numbers."""
    statement = (
        select(col(PhoneNumber.connection_id), col(PhoneNumber.agent_id), col(Agent.name))
        .outerjoin(
            Agent,
            and_(col(Agent.tenant_id) == col(PhoneNumber.tenant_id), col(Agent.id) == col(PhoneNumber.agent_id)),
        )
        .where(col(PhoneNumber.tenant_id) == tenant_id, col(PhoneNumber.connection_id).in_(connection_ids))
    )
    found: dict[UUID, Numbers] = {}
    for connection_id, agent_id, agent_name in session.exec(statement).all():
        known = found.get(connection_id, Numbers())
        found[connection_id] = Numbers(
            total=known.total + 1,
            assigned=known.assigned + (agent_id is not None),
            agents=tuple(dict.fromkeys([*known.agents, *([agent_name] if agent_name else [])])),
        )
    return found


def list_outages(session: Session) -> Sequence[Outage]:
    """Return the connections of all tenants that wait for their providers, without saying whose; runs unscoped."""
    since = func.max(col(ConnectionTransition.created_at))
    statement = (
        select(col(Connection.provider), func.dense_rank().over(order_by=col(Connection.tenant_id)), since)
        .join(
            ConnectionTransition,
            and_(
                col(ConnectionTransition.tenant_id) == col(Connection.tenant_id),
                col(ConnectionTransition.connection_id) == col(Connection.id),
            ),
        )
        .where(
            col(Connection.status) == ConnectionStatus.DEGRADED,
            col(Connection.cause) == CauseClass.PROVIDER_DOWN,
            col(ConnectionTransition.to_status) == ConnectionStatus.DEGRADED.value,
            col(ConnectionTransition.cause) == CauseClass.PROVIDER_DOWN.value,
        )
        .group_by(col(Connection.provider), col(Connection.tenant_id), col(Connection.id))
        .order_by(since.desc())
        .limit(_MAX_OUTAGES)
    )
    return [
        Outage(provider=provider, tenant_number=number, since=at) for provider, number, at in session.exec(statement)
    ]


def list_unobserved(session: Session, *, limit: int) -> Sequence[tuple[UUID, UUID]]:
    """Return (tenant id, id) of the connections whose health is to be looked at again; runs unscoped."""
    statement = (
        select(col(Connection.tenant_id), col(Connection.id))
        .where(or_(col(Connection.health_due_at).is_(None), col(Connection.health_due_at) <= func.clock_timestamp()))
        .order_by(col(Connection.health_due_at).nulls_first())
        .limit(limit)
    )
    return session.exec(statement).all()
