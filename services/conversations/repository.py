"""Queries on contacts, conversations and messages."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, insert, or_, text, tuple_, update
from sqlalchemy.orm import aliased
from sqlmodel import col, select

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
from models.base import TenantRow
from services.connections import WORKING
from services.kernel.db import UnitOfWork, among

Handle = tuple[str, str, str]
"""A contact's provider, scope and id there."""
Key = tuple[UUID, str]
"""A connection, and a provider's name for something on it."""


def lock_name(work: UnitOfWork, name: str) -> None:
    """Let one transaction at a time work on what this name stands for, until it ends."""
    work.session.connection().execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"{work.tenant_id}:{name}"}
    )


def list_contacts(work: UnitOfWork, handles: Collection[Handle]) -> dict[Handle, Contact]:
    """Return the contacts with these handles: provider, scope and id there."""
    providers, scopes, external_ids = (set(column) for column in zip(*handles, strict=True))
    rows = work.session.exec(
        select(ContactIdentity.provider, ContactIdentity.scope, ContactIdentity.external_id, Contact)
        .join(
            Contact,
            (col(Contact.tenant_id) == col(ContactIdentity.tenant_id))
            & (col(Contact.id) == col(ContactIdentity.contact_id)),
        )
        .where(
            col(ContactIdentity.tenant_id) == work.tenant_id,
            among(ContactIdentity.provider, providers),
            among(ContactIdentity.scope, scopes),
            among(ContactIdentity.external_id, external_ids),
        )
    ).all()
    return {(provider, scope, external_id): contact for provider, scope, external_id, contact in rows}


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


def lock_conversations(work: UnitOfWork, keys: Collection[Key]) -> dict[Key, Conversation]:
    """Return the conversations that a connection and a provider's key stand for, locked one after the other by id."""
    connection_ids, external_keys = (set(column) for column in zip(*keys, strict=True))
    rows = work.session.exec(
        select(Conversation)
        .where(
            col(Conversation.tenant_id) == work.tenant_id,
            among(Conversation.connection_id, connection_ids),
            among(Conversation.external_key, external_keys),
        )
        .order_by(col(Conversation.id))
        .with_for_update()
    ).all()
    return {(row.connection_id, row.external_key): row for row in rows}


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


def list_inbound(work: UnitOfWork, keys: Collection[Key], ids: Collection[UUID]) -> Sequence[Message]:
    """Return the messages that came in under these connections and provider's ids, and those with these ids."""
    connection_ids, external_ids = (set(column) for column in zip(*keys, strict=True))
    came_in = and_(
        among(Message.connection_id, connection_ids),
        col(Message.direction) == Direction.INBOUND,
        among(Message.external_id, external_ids),
    )
    return work.session.exec(
        select(Message).where(col(Message.tenant_id) == work.tenant_id, or_(came_in, among(Message.id, ids)))
    ).all()


def add_rows(work: UnitOfWork, rows: Sequence[TenantRow]) -> None:
    """Insert rows of one table, as they are now."""
    if rows:
        work.session.connection().execute(insert(type(rows[0])), [row.model_dump() for row in rows])


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
    """Return conversations, latest first, each with its contact's and its agent's name.

    The index stands in the order of each agent's list: all agents' is put together from the heads of theirs, or every
    conversation of the tenant would be read and sorted.
    """
    of_one = (
        select(Conversation)
        .where(
            col(Conversation.tenant_id) == work.tenant_id,
            col(Conversation.agent_id) == col(Agent.id),
            col(Conversation.state).in_(states),
        )
        .order_by(col(Conversation.last_message_at).desc(), col(Conversation.id).desc())
        .limit(limit)
    )
    if channel_kinds:
        of_one = of_one.where(col(Conversation.channel_kind).in_(channel_kinds))
    if channel_id:
        of_one = of_one.where(col(Conversation.channel_id) == channel_id)
    if before:
        of_one = of_one.where(tuple_(col(Conversation.last_message_at), col(Conversation.id)) < before)
    listed = aliased(Conversation, of_one.correlate(Agent).lateral("listed"))
    statement = (
        select(listed, Contact.name, Agent.name)
        .select_from(Agent)
        .join(listed, col(listed.tenant_id) == col(Agent.tenant_id))
        .join(Contact, (col(Contact.tenant_id) == col(listed.tenant_id)) & (col(Contact.id) == col(listed.contact_id)))
        .where(col(Agent.tenant_id) == work.tenant_id, col(Contact.tenant_id) == work.tenant_id)
        .order_by(col(listed.last_message_at).desc(), col(listed.id).desc())
        .limit(limit)
    )
    if agent_id:
        statement = statement.where(col(Agent.id) == agent_id)
    return list(work.session.exec(statement).all())


def find_conversation_with_names(work: UnitOfWork, conversation_id: UUID) -> tuple[Conversation, str, str] | None:
    """Return a conversation with its contact's and its agent's name."""
    statement = (
        select(Conversation, Contact.name, Agent.name)
        .join(
            Contact,
            (col(Contact.tenant_id) == col(Conversation.tenant_id)) & (col(Contact.id) == col(Conversation.contact_id)),
        )
        .join(
            Agent,
            (col(Agent.tenant_id) == col(Conversation.tenant_id)) & (col(Agent.id) == col(Conversation.agent_id)),
        )
        .where(col(Conversation.tenant_id) == work.tenant_id, col(Conversation.id) == conversation_id)
    )
    return work.session.exec(statement).first()


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


def list_channel_names(work: UnitOfWork, keys: Collection[Key]) -> dict[Key, str]:
    """Return what shared channels are called, as they were listed last, by connection and id."""
    connection_ids, channel_ids = (set(column) for column in zip(*keys, strict=True))
    rows = work.session.exec(
        select(ChannelPolicy.connection_id, ChannelPolicy.external_id, ChannelPolicy.name).where(
            col(ChannelPolicy.tenant_id) == work.tenant_id,
            among(ChannelPolicy.connection_id, connection_ids),
            among(ChannelPolicy.external_id, channel_ids),
        )
    ).all()
    return {(connection_id, channel_id): name for connection_id, channel_id, name in rows}


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
