"""Queries on contacts, conversations and messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import case, func, text, tuple_, update
from sqlalchemy import select as select_columns
from sqlmodel import col, select
from sqlmodel.sql.expression import Select

from models import (
    Agent,
    ChannelPolicy,
    Connection,
    Contact,
    ContactIdentity,
    Conversation,
    ConversationState,
    Direction,
    EmailEnvelope,
    Message,
    Turn,
)
from services.connections import WORKING
from services.kernel.db import UnitOfWork


def lock_name(work: UnitOfWork, name: str) -> None:
    """Let one transaction at a time work on what this name stands for, until it ends."""
    work.session.connection().execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"{work.tenant_id}:{name}"}
    )


def find_contact(work: UnitOfWork, *, provider: str, scope: str, external_id: str) -> Contact | None:
    """Return the contact with this handle at a provider."""
    return work.session.exec(
        select(Contact)
        .join(
            ContactIdentity,
            (col(ContactIdentity.tenant_id) == col(Contact.tenant_id))
            & (col(ContactIdentity.contact_id) == col(Contact.id)),
        )
        .where(
            col(Contact.tenant_id) == work.tenant_id,
            col(ContactIdentity.provider) == provider,
            col(ContactIdentity.scope) == scope,
            col(ContactIdentity.external_id) == external_id,
        )
    ).first()


def find_contact_by_id(work: UnitOfWork, contact_id: UUID) -> Contact | None:
    """Return a contact, locked for change."""
    return work.session.exec(
        select(Contact).where(col(Contact.tenant_id) == work.tenant_id, col(Contact.id) == contact_id).with_for_update()
    ).first()


def find_identity_and_connection(work: UnitOfWork, contact_id: UUID) -> tuple[str, Connection] | None:
    """Return a contact's id at a provider, with an active connection over which the contact wrote."""
    return work.session.exec(
        select(ContactIdentity.external_id, Connection)
        .join(
            Conversation,
            (col(Conversation.tenant_id) == col(ContactIdentity.tenant_id))
            & (col(Conversation.contact_id) == col(ContactIdentity.contact_id)),
        )
        .join(
            Connection,
            (col(Connection.tenant_id) == col(Conversation.tenant_id))
            & (col(Connection.id) == col(Conversation.connection_id)),
        )
        .where(
            col(ContactIdentity.tenant_id) == work.tenant_id,
            col(ContactIdentity.contact_id) == contact_id,
            col(Connection.provider) == col(ContactIdentity.provider),
            col(Connection.status).in_(WORKING),
        )
        .limit(1)
    ).first()


def list_conversation_ids(work: UnitOfWork, contact_id: UUID) -> Sequence[UUID]:
    """Return a contact's conversations."""
    return work.session.exec(
        select(Conversation.id).where(
            col(Conversation.tenant_id) == work.tenant_id, col(Conversation.contact_id) == contact_id
        )
    ).all()


def find_conversation_by_key(work: UnitOfWork, connection_id: UUID, external_key: str) -> Conversation | None:
    """Return the conversation that the provider's key stands for."""
    return work.session.exec(
        select(Conversation).where(
            col(Conversation.tenant_id) == work.tenant_id,
            col(Conversation.connection_id) == connection_id,
            col(Conversation.external_key) == external_key,
        )
    ).first()


def find_conversation(work: UnitOfWork, conversation_id: UUID, *, lock: bool = False) -> Conversation | None:
    """Return a conversation, locked for change if asked."""
    statement = select(Conversation).where(
        col(Conversation.tenant_id) == work.tenant_id, col(Conversation.id) == conversation_id
    )
    return work.session.exec(statement.with_for_update() if lock else statement).first()


def find_message(work: UnitOfWork, message_id: UUID) -> Message | None:
    """Return a message."""
    return work.session.exec(
        select(Message).where(col(Message.tenant_id) == work.tenant_id, col(Message.id) == message_id)
    ).first()


def find_message_by_external_id(
    work: UnitOfWork, connection_id: UUID, direction: Direction, external_id: str
) -> Message | None:
    """Return the message that the provider knows by this id."""
    return work.session.exec(
        select(Message).where(
            col(Message.tenant_id) == work.tenant_id,
            col(Message.connection_id) == connection_id,
            col(Message.direction) == direction,
            col(Message.external_id) == external_id,
        )
    ).first()


def list_conversations(
    work: UnitOfWork,
    *,
    agent_id: UUID | None,
    states: Sequence[ConversationState],
    channel_kinds: Sequence[str],
    channel_id: str,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> list[tuple[Conversation, str, str]]:
    """Return conversations, latest first, each with its contact's and its agent's name."""
    statement = (
        _with_names(work)
        .where(col(Conversation.state).in_(states))
        .order_by(col(Conversation.last_message_at).desc(), col(Conversation.id).desc())
        .limit(limit)
    )
    if agent_id:
        statement = statement.where(col(Conversation.agent_id) == agent_id)
    if channel_kinds:
        statement = statement.where(col(Conversation.channel_kind).in_(channel_kinds))
    if channel_id:
        statement = statement.where(col(Conversation.channel_id) == channel_id)
    if before:
        statement = statement.where(tuple_(col(Conversation.last_message_at), col(Conversation.id)) < before)
    return list(work.session.exec(statement).all())


def find_conversation_with_names(work: UnitOfWork, conversation_id: UUID) -> tuple[Conversation, str, str] | None:
    """Return a conversation with its contact's and its agent's name."""
    return work.session.exec(_with_names(work).where(col(Conversation.id) == conversation_id)).first()


def _with_names(work: UnitOfWork) -> Select[Conversation, str, str]:
    return (
        select(Conversation, Contact.name, Agent.name)
        .join(
            Contact,
            (col(Contact.tenant_id) == col(Conversation.tenant_id)) & (col(Contact.id) == col(Conversation.contact_id)),
        )
        .join(
            Agent,
            (col(Agent.tenant_id) == col(Conversation.tenant_id)) & (col(Agent.id) == col(Conversation.agent_id)),
        )
        .where(col(Conversation.tenant_id) == work.tenant_id)
    )


def list_messages(work: UnitOfWork, conversation_id: UUID, *, before: UUID | None = None, limit: int) -> list[Message]:
    """Return the latest messages of a conversation, oldest first."""
    statement = (
        select(Message)
        .where(col(Message.tenant_id) == work.tenant_id, col(Message.conversation_id) == conversation_id)
        .order_by(col(Message.id).desc())
        .limit(limit)
    )
    if before:
        statement = statement.where(col(Message.id) < before)
    return list(reversed(work.session.exec(statement).all()))


def turns_by_reply(work: UnitOfWork, message_ids: Sequence[UUID]) -> dict[UUID, Turn]:
    """Return the turns that wrote these messages, by message."""
    turns = work.session.exec(
        select(Turn).where(col(Turn.tenant_id) == work.tenant_id, col(Turn.reply_id).in_(message_ids))
    ).all()
    return {turn.reply_id: turn for turn in turns if turn.reply_id}


def letters_by_message(work: UnitOfWork, message_ids: Sequence[UUID]) -> dict[UUID, EmailEnvelope]:
    """Return the letters around these messages, by message."""
    rows = work.session.exec(
        select(EmailEnvelope).where(
            col(EmailEnvelope.tenant_id) == work.tenant_id, col(EmailEnvelope.id).in_(message_ids)
        )
    ).all()
    return {row.id: row for row in rows}


def get_connection(work: UnitOfWork, connection_id: UUID) -> Connection:
    """Return the connection that a conversation goes through."""
    return work.session.exec(
        select(Connection).where(col(Connection.tenant_id) == work.tenant_id, col(Connection.id) == connection_id)
    ).one()


def find_channel_name(work: UnitOfWork, connection_id: UUID, channel_id: str) -> str:
    """Return what a shared channel is called, as it was listed last; empty if it was not."""
    name = work.session.exec(
        select(ChannelPolicy.name).where(
            col(ChannelPolicy.tenant_id) == work.tenant_id,
            col(ChannelPolicy.connection_id) == connection_id,
            col(ChannelPolicy.external_id) == channel_id,
        )
    ).first()
    return name or ""


def find_last_inbound(work: UnitOfWork, conversation_id: UUID) -> Message | None:
    """Return what the contact wrote last."""
    return work.session.exec(
        select(Message)
        .where(
            col(Message.tenant_id) == work.tenant_id,
            col(Message.conversation_id) == conversation_id,
            col(Message.direction) == Direction.INBOUND,
        )
        .order_by(col(Message.id).desc())
        .limit(1)
    ).first()


def note_hand_over(work: UnitOfWork, conversation_id: UUID, trace_id: UUID) -> None:
    """Note that what came of a message put its conversation into a person's hands."""
    work.session.exec(
        update(Turn)
        .where(
            col(Turn.tenant_id) == work.tenant_id,
            col(Turn.conversation_id) == conversation_id,
            col(Turn.trace_id) == trace_id,
        )
        .values(handed_over=True)
    )


def list_by_idempotency_key(work: UnitOfWork, conversation_id: UUID, key: str) -> list[Message]:
    """Return the messages of the reply that was sent with this key, in order."""
    statement = select(Message).where(
        col(Message.tenant_id) == work.tenant_id,
        col(Message.conversation_id) == conversation_id,
        col(Message.idempotency_key).startswith(f"{key}/", autoescape=True),
    )
    return list(work.session.exec(statement.order_by(col(Message.id))).all())


@dataclass(frozen=True, slots=True)
class PlaceCount:
    """How many of an agent's conversations are in one place and one state."""

    channel_kind: str
    channel_id: str
    channel_name: str
    state: ConversationState
    count: int


def count_by_place(work: UnitOfWork, agent_id: UUID, *, without_address: Sequence[str]) -> list[PlaceCount]:
    """Return how many conversations an agent has in each place and state.

    Args:
        work: the unit of work.
        agent_id: whose.
        without_address: kinds of channel whose conversations each have an address of their own; they count together.
    """
    kind, state = col(Conversation.channel_kind), col(Conversation.state)
    place = case((kind.in_(without_address), ""), else_=col(Conversation.channel_id)).label("place")
    statement = (
        select_columns(kind, place, func.max(col(Conversation.channel_name)), state, func.count())
        .where(col(Conversation.tenant_id) == work.tenant_id, col(Conversation.agent_id) == agent_id)
        .group_by(kind, "place", state)
    )
    return [PlaceCount(*row) for row in work.session.connection().execute(statement)]
