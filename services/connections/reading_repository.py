"""All statements on what is shown beside a connection. Each binds the tenant."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import distinct_on
from sqlmodel import Session, col, select

from models import ConnectionCheck, ConnectionTransition, Conversation, Credential, WebhookRefusal


def list_hints(
    session: Session, *, tenant_id: UUID, connection_ids: Collection[UUID]
) -> Sequence[tuple[UUID, str, str]]:
    """Return (connection id, name, hint) of stored secrets, without the secrets."""
    statement = (
        select(col(Credential.connection_id), col(Credential.name), col(Credential.hint))
        .where(col(Credential.tenant_id) == tenant_id, col(Credential.connection_id).in_(connection_ids))
        .order_by(col(Credential.name))
    )
    return session.exec(statement).all()


def list_last_checks(
    session: Session, *, tenant_id: UUID, connection_ids: Collection[UUID]
) -> Sequence[ConnectionCheck]:
    """Return the latest test of each connection that was carried through."""
    statement = (
        select(ConnectionCheck)
        .where(
            col(ConnectionCheck.tenant_id) == tenant_id,
            col(ConnectionCheck.connection_id).in_(connection_ids),
            col(ConnectionCheck.duration_ms).is_not(None),
        )
        .ext(distinct_on(col(ConnectionCheck.connection_id)))
        .order_by(col(ConnectionCheck.connection_id), col(ConnectionCheck.id).desc())
    )
    return session.exec(statement).all()


def list_refusals(
    session: Session, *, tenant_id: UUID, connection_ids: Collection[UUID], since: datetime
) -> Sequence[tuple[UUID, str, int, datetime]]:
    """Return (connection id, reason, count, last time) of refused webhooks since then."""
    total, last = func.sum(col(WebhookRefusal.count)), func.max(col(WebhookRefusal.last_at))
    statement = (
        select(col(WebhookRefusal.connection_id), col(WebhookRefusal.reason), total, last)
        .where(
            col(WebhookRefusal.tenant_id) == tenant_id,
            col(WebhookRefusal.connection_id).in_(connection_ids),
            col(WebhookRefusal.last_at) >= since,
        )
        .group_by(col(WebhookRefusal.connection_id), col(WebhookRefusal.reason))
        .order_by(last.desc())
    )
    return session.exec(statement).all()


def count_conversations(
    session: Session, *, tenant_id: UUID, connection_ids: Collection[UUID]
) -> dict[UUID, tuple[int, int]]:
    """Return connection id → number of conversations, and of channels they take place in."""
    statement = (
        select(col(Conversation.connection_id), func.count(), func.count(func.distinct(col(Conversation.channel_id))))
        .where(col(Conversation.tenant_id) == tenant_id, col(Conversation.connection_id).in_(connection_ids))
        .group_by(col(Conversation.connection_id))
    )
    return {
        connection_id: (conversations, channels)
        for connection_id, conversations, channels in session.exec(statement).all()
    }


def list_transitions(
    session: Session, *, tenant_id: UUID, connection_id: UUID, before: UUID | None, limit: int
) -> Sequence[ConnectionTransition]:
    """Return the changes of a connection's status, the latest first."""
    statement = (
        select(ConnectionTransition)
        .where(
            col(ConnectionTransition.tenant_id) == tenant_id, col(ConnectionTransition.connection_id) == connection_id
        )
        .order_by(col(ConnectionTransition.id).desc())
        .limit(limit)
    )
    if before:
        statement = statement.where(col(ConnectionTransition.id) < before)
    return session.exec(statement).all()
