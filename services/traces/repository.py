"""Queries for traces: all rows that carry one trace id."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from sqlmodel import col, select

from models import (
    ActionRun,
    Agent,
    Connection,
    Contact,
    Conversation,
    FailedAttempt,
    Message,
    MessageWait,
    Rehearsal,
    Replay,
    ReplayedDelivery,
    Turn,
    WebhookDelivery,
)
from services.kernel.db import UnitOfWork

RowT = TypeVar("RowT", WebhookDelivery, Message, Turn, ActionRun, FailedAttempt, Rehearsal, MessageWait)


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRows:
    """What was found under a trace id."""

    deliveries: list[WebhookDelivery]
    connections: dict[UUID, Connection]
    messages: list[Message]
    turns: list[Turn]
    runs: list[ActionRun]
    failures: list[FailedAttempt]
    waits: list[MessageWait]
    rehearsals: list[Rehearsal]
    replays: list[Replay]
    conversation: Conversation | None
    contact: Contact | None
    agent: Agent | None


def find_rows(work: UnitOfWork, trace_id: UUID) -> TraceRows:
    """Return all rows of a trace."""
    deliveries, messages = _rows(work, WebhookDelivery, trace_id), _rows(work, Message, trace_id)
    turns, failures = _rows(work, Turn, trace_id), _rows(work, FailedAttempt, trace_id)
    runs = _rows(work, ActionRun, trace_id)
    used = {row.connection_id for row in (*deliveries, *messages, *runs)}
    connections = work.session.exec(
        select(Connection).where(col(Connection.tenant_id) == work.tenant_id, col(Connection.id).in_(used))
    ).all()
    conversation, contact, agent = _parties(work, messages[0].conversation_id) if messages else (None, None, None)
    return TraceRows(
        deliveries=deliveries,
        connections={row.id: row for row in connections},
        messages=messages,
        turns=turns,
        runs=runs,
        failures=failures,
        waits=_rows(work, MessageWait, trace_id),
        rehearsals=_rows(work, Rehearsal, trace_id),
        replays=_replays(work, [row.id for row in deliveries]),
        conversation=conversation,
        contact=contact,
        agent=agent,
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


def _replays(work: UnitOfWork, delivery_ids: Sequence[UUID]) -> list[Replay]:
    """Return what people had done again with deliveries, in that order."""
    return list(
        work.session.exec(
            select(Replay)
            .join(
                ReplayedDelivery,
                (col(ReplayedDelivery.tenant_id) == col(Replay.tenant_id))
                & (col(ReplayedDelivery.replay_id) == col(Replay.id)),
            )
            .where(col(Replay.tenant_id) == work.tenant_id, col(ReplayedDelivery.delivery_id).in_(delivery_ids))
            .order_by(col(Replay.id))
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
