"""Queries on turns."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from models import (
    Agent,
    Contact,
    Conversation,
    Message,
    Rehearsal,
    RehearsalState,
    Turn,
    TurnState,
)
from services.kernel.db import UnitOfWork
from services.kernel.leases import in_seconds, is_due, is_free

OPEN = (TurnState.DUE, TurnState.RUNNING)
OPEN_REHEARSALS = (RehearsalState.DUE, RehearsalState.RUNNING)


def get_message(work: UnitOfWork, message_id: UUID) -> Message:
    """Return the message a turn answers."""
    return work.session.exec(
        select(Message).where(col(Message.tenant_id) == work.tenant_id, col(Message.id) == message_id)
    ).one()


def get_agent(work: UnitOfWork, agent_id: UUID) -> Agent:
    """Return the agent of a turn."""
    return work.session.exec(
        select(Agent).where(col(Agent.tenant_id) == work.tenant_id, col(Agent.id) == agent_id)
    ).one()


def get_contact(work: UnitOfWork, contact_id: UUID) -> Contact:
    """Return the contact of a conversation."""
    return work.session.exec(
        select(Contact).where(col(Contact.tenant_id) == work.tenant_id, col(Contact.id) == contact_id)
    ).one()


def list_messages_before(work: UnitOfWork, message: Message, *, limit: int) -> list[Message]:
    """Return what was said in the conversation before a message, oldest first."""
    rows = work.session.exec(
        select(Message)
        .where(
            col(Message.tenant_id) == work.tenant_id,
            col(Message.conversation_id) == message.conversation_id,
            col(Message.id) < message.id,
        )
        .order_by(col(Message.id).desc())
        .limit(limit)
    ).all()
    return list(reversed(rows))


def get_turn(work: UnitOfWork, turn_id: UUID) -> Turn:
    """Return a turn."""
    return work.session.exec(select(Turn).where(col(Turn.tenant_id) == work.tenant_id, col(Turn.id) == turn_id)).one()


def get_conversation(work: UnitOfWork, conversation_id: UUID) -> Conversation:
    """Return the conversation of a turn."""
    return work.session.exec(
        select(Conversation).where(
            col(Conversation.tenant_id) == work.tenant_id, col(Conversation.id) == conversation_id
        )
    ).one()


def add_turns(work: UnitOfWork, rows: Sequence[Turn]) -> None:
    """Insert turns, as they are now."""
    if rows:
        work.session.connection().execute(insert(Turn), [row.model_dump() for row in rows])


def add_rehearsal(work: UnitOfWork, row: Rehearsal) -> bool:
    """Store a rehearsal unless one of the same turn is under way; return whether it was stored."""
    stored = work.session.exec(
        insert(Rehearsal)
        .values(**row.model_dump(exclude={"next_attempt_at"}), next_attempt_at=in_seconds(0))
        .on_conflict_do_nothing(
            index_elements=["tenant_id", "turn_id"], index_where=text("state IN ('due', 'running')")
        )
        .returning(col(Rehearsal.id))
    )
    return stored.first() is not None


def lock_due_rehearsal(work: UnitOfWork, rehearsal_id: UUID) -> Rehearsal | None:
    """Return a rehearsal, locked, if it is due and nobody works on it."""
    return work.session.exec(
        select(Rehearsal)
        .where(
            col(Rehearsal.tenant_id) == work.tenant_id,
            col(Rehearsal.id) == rehearsal_id,
            col(Rehearsal.state).in_(OPEN_REHEARSALS),
            is_due(Rehearsal),
            is_free(Rehearsal),
        )
        .with_for_update()
    ).first()


def lock_held_rehearsal(work: UnitOfWork, rehearsal_id: UUID, lease_token: UUID) -> Rehearsal | None:
    """Return a rehearsal, locked, if the lease is still ours."""
    return work.session.exec(
        select(Rehearsal)
        .where(
            col(Rehearsal.tenant_id) == work.tenant_id,
            col(Rehearsal.id) == rehearsal_id,
            col(Rehearsal.lease_token) == lease_token,
        )
        .with_for_update()
    ).first()


def list_due_rehearsals(session: Session, *, limit: int) -> Sequence[tuple[UUID, UUID]]:
    """Return (tenant id, id) of rehearsals of all tenants that are due; runs unscoped."""
    return session.exec(
        select(Rehearsal.tenant_id, Rehearsal.id)
        .where(col(Rehearsal.state).in_(OPEN_REHEARSALS), is_due(Rehearsal), is_free(Rehearsal))
        .order_by(col(Rehearsal.next_attempt_at))
        .limit(limit)
    ).all()
