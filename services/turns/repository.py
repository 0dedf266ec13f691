"""Queries on turns."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlmodel import Session, col, select

from models import (
    Agent,
    Connection,
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


def lock_free_conversation(work: UnitOfWork, conversation_id: UUID) -> Conversation | None:
    """Return the conversation, locked, unless another worker holds it.

    Waits for a short transaction on the row rather than skipping it: a skipped wake-up would cost a sweep.
    """
    return work.session.exec(
        select(Conversation)
        .where(
            col(Conversation.tenant_id) == work.tenant_id,
            col(Conversation.id) == conversation_id,
            is_free(Conversation),
        )
        .with_for_update()
    ).first()


def list_due_conversations(work: UnitOfWork, *, except_for: Collection[UUID], limit: int) -> Sequence[UUID]:
    """Return conversations that nobody holds and whose earliest open turn is due, the earliest message first."""
    first = (
        select(Turn.conversation_id, Turn.message_id, is_due(Turn).label("is_due"))
        .where(col(Turn.tenant_id) == work.tenant_id, col(Turn.state).in_(OPEN))
        .ext(distinct_on(col(Turn.conversation_id)))
        .order_by(col(Turn.conversation_id), col(Turn.message_id))
        .subquery()
    )
    return work.session.exec(
        select(Conversation.id)
        .join(first, first.c.conversation_id == col(Conversation.id))
        .where(
            col(Conversation.tenant_id) == work.tenant_id,
            col(Conversation.id).not_in(except_for),
            is_free(Conversation),
            first.c.is_due,
        )
        .order_by(first.c.message_id)
        .limit(limit)
    ).all()


def find_first_open_turn(work: UnitOfWork, conversation_id: UUID) -> Turn | None:
    """Return the turn for the earliest message that has not been answered, if it may be taken by now."""
    found = work.session.exec(
        select(Turn, is_due(Turn))
        .where(
            col(Turn.tenant_id) == work.tenant_id,
            col(Turn.conversation_id) == conversation_id,
            col(Turn.state).in_(OPEN),
        )
        .order_by(col(Turn.message_id))
        .limit(1)
        .with_for_update()
    ).first()
    return found[0] if found and found[1] else None


def get_turn_with_conversation(work: UnitOfWork, turn_id: UUID) -> tuple[Turn, Conversation]:
    """Return a turn and its conversation, both locked; the conversation first, as everywhere."""
    turn = work.session.exec(select(Turn).where(col(Turn.tenant_id) == work.tenant_id, col(Turn.id) == turn_id)).one()
    conversation = work.session.exec(
        select(Conversation)
        .where(col(Conversation.tenant_id) == work.tenant_id, col(Conversation.id) == turn.conversation_id)
        .with_for_update()
    ).one()
    locked = work.session.exec(
        select(Turn)
        .where(col(Turn.tenant_id) == work.tenant_id, col(Turn.id) == turn_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    return locked, conversation


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


def get_provider(work: UnitOfWork, connection_id: UUID) -> str:
    """Return the slug of a connection's provider."""
    return work.session.exec(
        select(Connection.provider).where(
            col(Connection.tenant_id) == work.tenant_id, col(Connection.id) == connection_id
        )
    ).one()


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
