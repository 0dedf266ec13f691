"""Queries on turns."""

from uuid import UUID

from sqlmodel import col, select

from models import Agent, Connection, Contact, Conversation, Message, Turn, TurnState
from services.kernel.db import UnitOfWork
from services.kernel.leases import is_due, is_free

OPEN = (TurnState.DUE, TurnState.RUNNING)


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
