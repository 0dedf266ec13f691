"""All statements on connections. Each binds the tenant; those across tenants say so and are listed."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, delete, func, text, update
from sqlmodel import Session, col, select

from models import (
    ActionRun,
    ActionRunState,
    Agent,
    Connection,
    ConnectionStatus,
    Credential,
    Ending,
    Message,
    MessageState,
    OAuthAttempt,
    PhoneNumber,
    Subscription,
    WebhookEndpoint,
)
from services.kernel.leases import in_seconds

_MAX_CANDIDATES = 100
WAITS_FOR_CONNECTION = "waits_for_connection"
"""Error code of a message that is parked until its connection works again."""
RECEIVING = (
    ConnectionStatus.ACTIVE,
    ConnectionStatus.DEGRADED,
    ConnectionStatus.NEEDS_REAUTH,
    ConnectionStatus.PAUSED,
)
"""Statuses in which webhooks are accepted; a provider whose calls are refused would stop calling."""
IN_USE = (ConnectionStatus.ACTIVE, ConnectionStatus.DEGRADED, ConnectionStatus.PAUSED)
"""Statuses in which the account counts as connected; the others are repaired by connecting it again."""


def list_connections(
    session: Session,
    *,
    tenant_id: UUID,
    agent_id: UUID | None = None,
    provider: str | None = None,
    connection_id: UUID | None = None,
) -> Sequence[tuple[Connection, str | None]]:
    """Return connections with their agents' names, the oldest first."""
    statement = (
        select(Connection, col(Agent.name))
        .outerjoin(
            Agent,
            and_(col(Agent.tenant_id) == col(Connection.tenant_id), col(Agent.id) == col(Connection.agent_id)),
        )
        .where(col(Connection.tenant_id) == tenant_id)
        .order_by(col(Connection.id))
    )
    if agent_id is not None:
        statement = statement.where(col(Connection.agent_id) == agent_id)
    if provider is not None:
        statement = statement.where(col(Connection.provider) == provider)
    if connection_id is not None:
        statement = statement.where(col(Connection.id) == connection_id)
    return session.exec(statement).all()


def find_connection(
    session: Session, *, tenant_id: UUID, connection_id: UUID, for_update: bool = False
) -> Connection | None:
    """Return a connection, read again and locked until the end of the transaction if ``for_update``.

    The lock leaves the key alone (``FOR NO KEY UPDATE``): webhooks that arrive meanwhile can be stored.
    """
    statement = select(Connection).where(col(Connection.tenant_id) == tenant_id, col(Connection.id) == connection_id)
    if for_update:
        statement = statement.with_for_update(key_share=True).execution_options(populate_existing=True)
    return session.exec(statement).first()


def find_connections_of_account(
    session: Session, *, tenant_id: UUID, provider: str, external_account_id: str, agent_id: UUID | None
) -> Sequence[Connection]:
    """Return the connections of one external account for one agent, or for the whole tenant, the newest first."""
    statement = (
        select(Connection)
        .where(
            col(Connection.tenant_id) == tenant_id,
            col(Connection.provider) == provider,
            col(Connection.external_account_id) == external_account_id,
            col(Connection.agent_id).is_(None) if agent_id is None else col(Connection.agent_id) == agent_id,
        )
        .order_by(col(Connection.id).desc())
    )
    return session.exec(statement).all()


def lock_account(session: Session, *, key: str) -> None:
    """Let nobody else connect the same account until the end of the transaction."""
    session.connection().execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})


def find_agent_name(session: Session, *, tenant_id: UUID, agent_id: UUID) -> str | None:
    """Return an agent's name."""
    statement = select(col(Agent.name)).where(col(Agent.tenant_id) == tenant_id, col(Agent.id) == agent_id)
    return session.exec(statement).first()


def count_connections(session: Session, *, tenant_id: UUID, agent_id: UUID | None) -> dict[str, int]:
    """Return provider → number of connections that are not revoked."""
    statement = (
        select(col(Connection.provider), func.count())
        .where(col(Connection.tenant_id) == tenant_id, col(Connection.status) != ConnectionStatus.DISCONNECTED)
        .group_by(col(Connection.provider))
    )
    if agent_id is not None:
        statement = statement.where(col(Connection.agent_id) == agent_id)
    return dict(session.exec(statement).all())


def list_credentials(session: Session, *, tenant_id: UUID, connection_id: UUID) -> Sequence[Credential]:
    """Return a connection's sealed secrets."""
    statement = select(Credential).where(
        col(Credential.tenant_id) == tenant_id, col(Credential.connection_id) == connection_id
    )
    return session.exec(statement).all()


def list_endpoints(session: Session, *, tenant_id: UUID, connection_ids: Collection[UUID]) -> Sequence[WebhookEndpoint]:
    """Return the webhook endpoints of connections."""
    statement = (
        select(WebhookEndpoint)
        .where(col(WebhookEndpoint.tenant_id) == tenant_id, col(WebhookEndpoint.connection_id).in_(connection_ids))
        .order_by(col(WebhookEndpoint.id))
    )
    return session.exec(statement).all()


def list_numbers(
    session: Session, *, tenant_id: UUID, connection_ids: Collection[UUID]
) -> Sequence[tuple[PhoneNumber, str | None]]:
    """Return the numbers of connections with their agents' names."""
    statement = (
        select(PhoneNumber, col(Agent.name))
        .outerjoin(
            Agent,
            and_(col(Agent.tenant_id) == col(PhoneNumber.tenant_id), col(Agent.id) == col(PhoneNumber.agent_id)),
        )
        .where(col(PhoneNumber.tenant_id) == tenant_id, col(PhoneNumber.connection_id).in_(connection_ids))
        .order_by(col(PhoneNumber.number))
    )
    return session.exec(statement).all()


def find_number(session: Session, *, tenant_id: UUID, connection_id: UUID, number_id: UUID) -> PhoneNumber | None:
    """Return one of a connection's numbers."""
    statement = select(PhoneNumber).where(
        col(PhoneNumber.tenant_id) == tenant_id,
        col(PhoneNumber.connection_id) == connection_id,
        col(PhoneNumber.id) == number_id,
    )
    return session.exec(statement).first()


def delete_credentials(session: Session, *, tenant_id: UUID, connection_id: UUID) -> None:
    """Forget a connection's secrets."""
    _run(
        session,
        delete(Credential).where(
            col(Credential.tenant_id) == tenant_id, col(Credential.connection_id) == connection_id
        ),
    )


def delete_endpoints(session: Session, *, tenant_id: UUID, connection_id: UUID) -> None:
    """Close a connection's addresses."""
    _run(
        session,
        delete(WebhookEndpoint).where(
            col(WebhookEndpoint.tenant_id) == tenant_id, col(WebhookEndpoint.connection_id) == connection_id
        ),
    )


def release_numbers(session: Session, *, tenant_id: UUID, connection_id: UUID, now: datetime) -> None:
    """Take a connection's numbers from their agents."""
    _run(
        session,
        update(PhoneNumber)
        .where(
            col(PhoneNumber.tenant_id) == tenant_id,
            col(PhoneNumber.connection_id) == connection_id,
            col(PhoneNumber.agent_id).is_not(None),
        )
        .values(agent_id=None, updated_at=now),
    )


def count_failure(session: Session, *, tenant_id: UUID, connection_id: UUID, message: str, now: datetime) -> int:
    """Add a failure in one statement, as a worker's copy of the row may be old; return how many are in a row now."""
    counted = session.scalar(
        update(Connection)
        .where(col(Connection.tenant_id) == tenant_id, col(Connection.id) == connection_id)
        .values(error_count=col(Connection.error_count) + 1, last_error=message, last_error_at=now, updated_at=now)
        .returning(col(Connection.error_count)),
    )
    return counted or 0


def clear_failures(session: Session, *, tenant_id: UUID, connection_id: UUID) -> None:
    """End a row of failures: a call went through."""
    _run(
        session,
        update(Connection)
        .where(col(Connection.tenant_id) == tenant_id, col(Connection.id) == connection_id)
        .values(error_count=0, last_error=""),
    )


def note_ending(session: Session, *, tenant_id: UUID, connection_id: UUID, message: str, now: datetime) -> None:
    """Say on the card why a connection ended, and that its waiting answers are still to be dropped."""
    _run(
        session,
        update(Connection)
        .where(col(Connection.tenant_id) == tenant_id, col(Connection.id) == connection_id)
        .values(last_error=message, last_error_at=now, ending=Ending.KEEP_HISTORY),
    )


def release_parked(session: Session, *, tenant_id: UUID, connection_id: UUID) -> None:
    """Make the messages and action runs due that waited for their connection; the sweeper wakes the workers."""
    for table, queued in ((Message, MessageState.QUEUED), (ActionRun, ActionRunState.QUEUED)):
        _run(
            session,
            update(table)
            .where(
                col(table.tenant_id) == tenant_id,
                col(table.connection_id) == connection_id,
                col(table.state) == queued,
                col(table.error_code) == WAITS_FOR_CONNECTION,
            )
            .values(next_attempt_at=in_seconds(0)),
        )


def stamp_event(session: Session, *, tenant_id: UUID, connection_id: UUID, now: datetime) -> None:
    """Remember when the provider last reached us."""
    _run(
        session,
        update(Connection)
        .where(col(Connection.tenant_id) == tenant_id, col(Connection.id) == connection_id)
        .values(last_event_at=now),
    )


def lock_attempt(session: Session, *, tenant_id: UUID, attempt_id: UUID) -> OAuthAttempt | None:
    """Return an OAuth attempt, locked until the end of the transaction."""
    statement = (
        select(OAuthAttempt)
        .where(col(OAuthAttempt.tenant_id) == tenant_id, col(OAuthAttempt.id) == attempt_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return session.exec(statement).first()


def find_attempt(session: Session, *, tenant_id: UUID, attempt_id: UUID) -> OAuthAttempt | None:
    """Return an OAuth attempt."""
    statement = select(OAuthAttempt).where(col(OAuthAttempt.tenant_id) == tenant_id, col(OAuthAttempt.id) == attempt_id)
    return session.exec(statement).first()


def find_attempt_by_state(session: Session, *, state_hash: str) -> tuple[UUID, UUID] | None:
    """Return (tenant id, id) of the attempt with this state; runs unscoped, as the state is all we are given."""
    statement = select(col(OAuthAttempt.tenant_id), col(OAuthAttempt.id)).where(
        col(OAuthAttempt.state_hash) == state_hash
    )
    return session.exec(statement).first()


def list_subscriptions(session: Session, *, tenant_id: UUID, connection_id: UUID) -> Sequence[Subscription]:
    """Return a connection's subscriptions at its provider, those that wait for an answer or are being ended too."""
    statement = select(Subscription).where(
        col(Subscription.tenant_id) == tenant_id, col(Subscription.connection_id) == connection_id
    )
    return session.exec(statement.order_by(col(Subscription.id))).all()


def list_subscribed_connections(session: Session, *, subscription_ids: Collection[str]) -> Sequence[tuple[UUID, UUID]]:
    """Return (tenant id, connection id) of the subscriptions with these ids, across tenants."""
    statement = select(col(Subscription.tenant_id), col(Subscription.connection_id)).where(
        col(Subscription.external_id).in_(subscription_ids)
    )
    return session.exec(statement.distinct().limit(_MAX_CANDIDATES)).all()


def list_account_connections(
    session: Session, *, provider: str, account_ids: Collection[str]
) -> Sequence[tuple[UUID, UUID]]:
    """Return (tenant id, id) of the connections, of any tenant, to one of these external accounts; runs unscoped."""
    statement = (
        select(col(Connection.tenant_id), col(Connection.id))
        .where(
            col(Connection.provider) == provider,
            col(Connection.external_account_id).in_(account_ids),
            col(Connection.status).in_(RECEIVING),
        )
        .order_by(col(Connection.id))
        .limit(_MAX_CANDIDATES)
    )
    return session.exec(statement).all()


def _run(session: Session, statement: Any) -> None:
    session.execute(statement)  # pyright: ignore[reportDeprecated]
