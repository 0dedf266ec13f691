"""Queries on letters: envelopes, attachments, and what is looked up around them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, text
from sqlalchemy import select as select_columns
from sqlmodel import col, select
from sqlmodel.sql.expression import Select as SelectOf

from models import Agent, Attachment, Author, Conversation, Direction, EmailEnvelope, EmailSender, Message, Tenant
from services.email.views import AttachmentView
from services.kernel.db import UnitOfWork


def lock_letter(work: UnitOfWork, connection_id: UUID, internet_message_id: str) -> None:
    """Let one transaction at a time file this letter, until it ends."""
    name = f"{work.tenant_id}:letter:{connection_id}:{internet_message_id}"
    work.session.connection().execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})


def find_same_letter(
    work: UnitOfWork, connection_id: UUID, *, internet_message_id: str, from_address: str
) -> EmailEnvelope | None:
    """Return the letter that came in under this Message-ID from this address."""
    return work.session.exec(
        select(EmailEnvelope)
        .join(
            Message,
            (col(Message.tenant_id) == col(EmailEnvelope.tenant_id)) & (col(Message.id) == col(EmailEnvelope.id)),
        )
        .where(
            col(EmailEnvelope.tenant_id) == work.tenant_id,
            col(EmailEnvelope.connection_id) == connection_id,
            col(EmailEnvelope.internet_message_id) == internet_message_id,
            col(EmailEnvelope.from_address) == from_address,
            col(Message.direction) == Direction.INBOUND,
        )
        .order_by(col(EmailEnvelope.id))
        .limit(1)
    ).first()


def list_named(
    work: UnitOfWork, connection_id: UUID, internet_message_ids: Collection[str]
) -> Sequence[tuple[EmailEnvelope, Direction]]:
    """Return the connection's letters with these Message-IDs, each with the way it went, the oldest first."""
    return work.session.exec(
        _with_direction(work, connection_id).where(
            or_(
                col(EmailEnvelope.internet_message_id).in_(internet_message_ids),
                col(EmailEnvelope.sent_as).in_(internet_message_ids) & (col(EmailEnvelope.sent_as) != ""),
            )
        )
    ).all()


def list_answers_to(
    work: UnitOfWork, connection_id: UUID, internet_message_id: str, *, limit: int
) -> Sequence[tuple[EmailEnvelope, Direction]]:
    """Return letters that name this one in ``In-Reply-To`` and came in before it, the oldest first."""
    return work.session.exec(
        _with_direction(work, connection_id)
        .where(col(EmailEnvelope.in_reply_to) == internet_message_id, col(EmailEnvelope.in_reply_to) != "")
        .limit(limit)
    ).all()


def _with_direction(work: UnitOfWork, connection_id: UUID) -> SelectOf[EmailEnvelope, Direction]:
    return (
        select(EmailEnvelope, col(Message.direction))
        .join(
            Message,
            (col(Message.tenant_id) == col(EmailEnvelope.tenant_id)) & (col(Message.id) == col(EmailEnvelope.id)),
        )
        .where(col(EmailEnvelope.tenant_id) == work.tenant_id, col(EmailEnvelope.connection_id) == connection_id)
        .order_by(col(EmailEnvelope.id))
    )


def list_taken_part_in(work: UnitOfWork, conversation_ids: Collection[UUID], address: str) -> frozenset[UUID]:
    """Return those of the conversations in whose letters the address stands: as author, receiver or in copy."""
    rows = work.session.exec(
        select(col(EmailEnvelope.conversation_id))
        .where(
            col(EmailEnvelope.tenant_id) == work.tenant_id,
            col(EmailEnvelope.conversation_id).in_(conversation_ids),
            or_(
                col(EmailEnvelope.from_address) == address,
                col(EmailEnvelope.to).contains([address]),
                col(EmailEnvelope.cc).contains([address]),
            ),
        )
        .distinct()
    ).all()
    return frozenset(rows)


def find_envelope(work: UnitOfWork, message_id: UUID) -> EmailEnvelope | None:
    """Return the letter around a message."""
    return work.session.exec(
        select(EmailEnvelope).where(col(EmailEnvelope.tenant_id) == work.tenant_id, col(EmailEnvelope.id) == message_id)
    ).first()


def find_letter(work: UnitOfWork, message_id: UUID) -> tuple[EmailEnvelope, Message] | None:
    """Return a message with the letter around it."""
    return work.session.exec(
        select(EmailEnvelope, Message)
        .join(
            Message,
            (col(Message.tenant_id) == col(EmailEnvelope.tenant_id)) & (col(Message.id) == col(EmailEnvelope.id)),
        )
        .where(col(EmailEnvelope.tenant_id) == work.tenant_id, col(EmailEnvelope.id) == message_id)
    ).first()


def find_last_received(work: UnitOfWork, conversation_id: UUID) -> EmailEnvelope | None:
    """Return the latest letter that came in."""
    return work.session.exec(
        select(EmailEnvelope)
        .join(
            Message,
            (col(Message.tenant_id) == col(EmailEnvelope.tenant_id)) & (col(Message.id) == col(EmailEnvelope.id)),
        )
        .where(
            col(EmailEnvelope.tenant_id) == work.tenant_id,
            col(EmailEnvelope.conversation_id) == conversation_id,
            col(Message.direction) == Direction.INBOUND,
        )
        .order_by(col(EmailEnvelope.id).desc())
        .limit(1)
    ).first()


def find_last(work: UnitOfWork, conversation_id: UUID) -> EmailEnvelope | None:
    """Return the latest letter of a conversation, whichever way it went."""
    return work.session.exec(
        select(EmailEnvelope)
        .where(col(EmailEnvelope.tenant_id) == work.tenant_id, col(EmailEnvelope.conversation_id) == conversation_id)
        .order_by(col(EmailEnvelope.id).desc())
        .limit(1)
    ).first()


def get_conversation(work: UnitOfWork, conversation_id: UUID) -> Conversation:
    """Return the conversation of a letter."""
    return work.session.exec(
        select(Conversation).where(
            col(Conversation.tenant_id) == work.tenant_id, col(Conversation.id) == conversation_id
        )
    ).one()


def get_agent_name(work: UnitOfWork, agent_id: UUID) -> str:
    """Return the name of a conversation's agent."""
    return work.session.exec(
        select(col(Agent.name)).where(col(Agent.tenant_id) == work.tenant_id, col(Agent.id) == agent_id)
    ).one()


def get_time_zone(work: UnitOfWork) -> str:
    """Return the IANA name of the tenant's time zone."""
    return work.session.exec(select(col(Tenant.time_zone)).where(col(Tenant.id) == work.tenant_id)).one()


def is_own_address(work: UnitOfWork, addresses: Collection[str]) -> bool:
    """Return whether one of the addresses is a sender of the tenant, whatever the connection."""
    found = work.session.exec(
        select(col(EmailSender.id))
        .where(col(EmailSender.tenant_id) == work.tenant_id, col(EmailSender.address).in_(addresses))
        .limit(1)
    )
    return found.first() is not None


def count_agent_letters(
    work: UnitOfWork, connection_id: UUID, *, since: datetime, address: str = "", conversation_id: UUID | None = None
) -> int:
    """Return how many letters agents wrote since then: to an address, or in a conversation.

    Goes by the conversations that were active since, of which there are few, and not by all letters ever written.
    """
    statement = (
        select(func.count())
        .select_from(Conversation)
        .join(
            EmailEnvelope,
            (col(EmailEnvelope.tenant_id) == col(Conversation.tenant_id))
            & (col(EmailEnvelope.conversation_id) == col(Conversation.id)),
        )
        .join(
            Message,
            (col(Message.tenant_id) == col(EmailEnvelope.tenant_id)) & (col(Message.id) == col(EmailEnvelope.id)),
        )
        .where(
            col(Conversation.tenant_id) == work.tenant_id,
            col(Conversation.connection_id) == connection_id,
            col(Conversation.last_message_at) >= since,
            col(Message.created_at) >= since,
            col(Message.direction) == Direction.OUTBOUND,
            col(Message.author) == Author.AGENT,
        )
    )
    if address:
        statement = statement.where(col(EmailEnvelope.to).contains([address]))
    if conversation_id:
        statement = statement.where(col(Conversation.id) == conversation_id)
    return work.session.exec(statement).one()


def list_attachments(work: UnitOfWork, message_id: UUID) -> tuple[AttachmentView, ...]:
    """Return a message's files as shown; their contents stay in the database."""
    statement = (
        select_columns(
            col(Attachment.id),
            col(Attachment.name),
            col(Attachment.content_type),
            col(Attachment.size_bytes),
            col(Attachment.left_out),
        )
        .where(col(Attachment.tenant_id) == work.tenant_id, col(Attachment.message_id) == message_id)
        .order_by(col(Attachment.id))
    )
    return tuple(AttachmentView(**row) for row in work.session.connection().execute(statement).mappings())


def find_attachment(work: UnitOfWork, attachment_id: UUID) -> Attachment | None:
    """Return a file with its content."""
    return work.session.exec(
        select(Attachment).where(col(Attachment.tenant_id) == work.tenant_id, col(Attachment.id) == attachment_id)
    ).first()
