"""Queries on senders and domains."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, select

from models import Agent, Conversation, Direction, EmailDomain, EmailSender, Message
from services.kernel.db import UnitOfWork


def list_senders(
    work: UnitOfWork, connection_id: UUID, *, agent_id: UUID | None = None
) -> Sequence[tuple[EmailSender, str]]:
    """Return a connection's senders with their agents' names, the oldest first."""
    statement = (
        select(EmailSender, col(Agent.name))
        .join(
            Agent,
            (col(Agent.tenant_id) == col(EmailSender.tenant_id)) & (col(Agent.id) == col(EmailSender.agent_id)),
        )
        .where(col(EmailSender.tenant_id) == work.tenant_id, col(EmailSender.connection_id) == connection_id)
        .order_by(col(EmailSender.id))
    )
    if agent_id is not None:
        statement = statement.where(col(EmailSender.agent_id) == agent_id)
    return work.session.exec(statement).all()


def find_sender(work: UnitOfWork, connection_id: UUID, sender_id: UUID) -> EmailSender | None:
    """Return one of a connection's senders, locked for change."""
    return work.session.exec(
        select(EmailSender)
        .where(
            col(EmailSender.tenant_id) == work.tenant_id,
            col(EmailSender.connection_id) == connection_id,
            col(EmailSender.id) == sender_id,
        )
        .with_for_update()
    ).first()


def list_senders_at(work: UnitOfWork, connection_id: UUID, addresses: Collection[str]) -> Sequence[EmailSender]:
    """Return a connection's senders with these addresses."""
    return work.session.exec(
        select(EmailSender).where(
            col(EmailSender.tenant_id) == work.tenant_id,
            col(EmailSender.connection_id) == connection_id,
            col(EmailSender.address).in_(addresses),
        )
    ).all()


def find_agent_name(work: UnitOfWork, agent_id: UUID) -> str | None:
    """Return an agent's name, or None if there is no such agent."""
    return work.session.exec(
        select(col(Agent.name)).where(col(Agent.tenant_id) == work.tenant_id, col(Agent.id) == agent_id)
    ).first()


def list_domains(work: UnitOfWork, connection_id: UUID) -> Sequence[EmailDomain]:
    """Return a connection's domains by name."""
    return work.session.exec(
        select(EmailDomain)
        .where(col(EmailDomain.tenant_id) == work.tenant_id, col(EmailDomain.connection_id) == connection_id)
        .order_by(col(EmailDomain.name))
    ).all()


def count_sent(work: UnitOfWork, connection_id: UUID, agent_id: UUID, *, since: datetime) -> int:
    """Return how many letters left in an agent's name since then."""
    return work.session.exec(
        select(func.count())
        .select_from(Message)
        .join(
            Conversation,
            (col(Conversation.tenant_id) == col(Message.tenant_id))
            & (col(Conversation.id) == col(Message.conversation_id)),
        )
        .where(
            col(Message.tenant_id) == work.tenant_id,
            col(Conversation.connection_id) == connection_id,
            col(Conversation.agent_id) == agent_id,
            # Waits for a repair no longer than that, as a rule; spares the conversations that ended long ago.
            col(Conversation.last_message_at) >= since - timedelta(days=7),
            col(Message.direction) == Direction.OUTBOUND,
            col(Message.sent_at) >= since,
        )
    ).one()
