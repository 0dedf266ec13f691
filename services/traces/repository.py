"""Queries for traces: all rows that carry one trace id."""

from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from sqlmodel import col, select

from models import Agent, Connection, Contact, Conversation, FailedAttempt, Message, Turn, WebhookDelivery
from services.kernel.db import UnitOfWork

RowT = TypeVar("RowT", WebhookDelivery, Message, Turn, FailedAttempt)


@dataclass(frozen=True, slots=True)
class TraceRows:
    """What was found under a trace id."""

    deliveries: list[WebhookDelivery]
    connections: dict[UUID, Connection]
    messages: list[Message]
    turns: list[Turn]
    failures: list[FailedAttempt]
    conversation: Conversation | None
    contact: Contact | None
    agent: Agent | None


def find_rows(work: UnitOfWork, trace_id: UUID) -> TraceRows:
    """Return all rows of a trace."""
    deliveries, messages = _rows(work, WebhookDelivery, trace_id), _rows(work, Message, trace_id)
    turns, failures = _rows(work, Turn, trace_id), _rows(work, FailedAttempt, trace_id)
    used = {row.connection_id for row in (*deliveries, *messages)}
    connections = work.session.exec(
        select(Connection).where(col(Connection.tenant_id) == work.tenant_id, col(Connection.id).in_(used))
    ).all()
    conversation, contact, agent = _parties(work, messages[0].conversation_id) if messages else (None, None, None)
    return TraceRows(
        deliveries, {row.id: row for row in connections}, messages, turns, failures, conversation, contact, agent
    )


def _rows(work: UnitOfWork, table: type[RowT], trace_id: UUID) -> list[RowT]:
    """Return a table's rows of a trace, in the order they were made."""
    return list(
        work.session.exec(
            select(table)
            .where(col(table.tenant_id) == work.tenant_id, col(table.trace_id) == trace_id)
            .order_by(col(table.id))
        ).all()
    )


def _parties(work: UnitOfWork, conversation_id: UUID) -> tuple[Conversation, Contact, Agent]:
    return work.session.exec(
        select(Conversation, Contact, Agent)
        .join(
            Contact,
            (col(Contact.tenant_id) == col(Conversation.tenant_id)) & (col(Contact.id) == col(Conversation.contact_id)),
        )
        .join(
            Agent,
            (col(Agent.tenant_id) == col(Conversation.tenant_id)) & (col(Agent.id) == col(Conversation.agent_id)),
        )
        .where(col(Conversation.tenant_id) == work.tenant_id, col(Conversation.id) == conversation_id)
    ).one()
