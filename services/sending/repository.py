"""Queries on the outbox and on opt-outs."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, or_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from models import Author, Connection, Conversation, Direction, Message, MessageState, OptOut
from services.kernel.db import UnitOfWork
from services.kernel.leases import is_due, is_free
from services.limits import WAITS_FOR_LIMIT

UNSENT = (MessageState.QUEUED, MessageState.SENDING)


def list_sendable(work: UnitOfWork, *, except_for: Collection[UUID], limit: int) -> Sequence[UUID]:
    """Return messages that may leave by :func:`lock_sendable`, the earliest first."""
    return work.session.exec(
        select(Message.id)
        .where(col(Message.id).not_in(except_for), *_may_leave(work))
        .order_by(col(Message.id))
        .limit(limit)
    ).all()


def lock_sendable(work: UnitOfWork, message_id: UUID) -> Message | None:
    """Return a message, locked, if it is due, nobody sends it, and nothing before it in its conversation is unsent.

    What a person wrote does not stay behind an agent's message that waits for the agent's limit.
    """
    return work.session.exec(
        select(Message).where(col(Message.id) == message_id, *_may_leave(work)).with_for_update()
    ).first()


def _may_leave(work: UnitOfWork) -> Sequence[ColumnElement[bool]]:
    earlier = aliased(Message)
    return (
        col(Message.tenant_id) == work.tenant_id,
        col(Message.direction) == Direction.OUTBOUND,
        col(Message.state).in_(UNSENT),
        is_due(Message),
        is_free(Message),
        ~exists().where(
            col(earlier.tenant_id) == col(Message.tenant_id),
            col(earlier.conversation_id) == col(Message.conversation_id),
            col(earlier.id) < col(Message.id),
            col(earlier.state).in_(UNSENT),
            or_(col(Message.author) != Author.USER, col(earlier.error_code) != WAITS_FOR_LIMIT),
        ),
    )


def lock_held(work: UnitOfWork, message_id: UUID, lease_token: UUID) -> Message | None:
    """Return a message, locked, if the lease is still ours."""
    return work.session.exec(
        select(Message)
        .where(
            col(Message.tenant_id) == work.tenant_id,
            col(Message.id) == message_id,
            col(Message.lease_token) == lease_token,
        )
        .with_for_update()
    ).first()


def find_next_unsent(work: UnitOfWork, conversation_id: UUID) -> UUID | None:
    """Return the first message of a conversation that still waits to be sent."""
    return work.session.exec(
        select(Message.id)
        .where(
            col(Message.tenant_id) == work.tenant_id,
            col(Message.conversation_id) == conversation_id,
            col(Message.state) == MessageState.QUEUED,
        )
        .order_by(col(Message.id))
        .limit(1)
    ).first()


def get_conversation(work: UnitOfWork, conversation_id: UUID) -> Conversation:
    """Return the conversation of a message."""
    return work.session.exec(
        select(Conversation).where(
            col(Conversation.tenant_id) == work.tenant_id, col(Conversation.id) == conversation_id
        )
    ).one()


def get_connection(work: UnitOfWork, connection_id: UUID) -> Connection:
    """Return the connection a message leaves through."""
    return work.session.exec(
        select(Connection).where(col(Connection.tenant_id) == work.tenant_id, col(Connection.id) == connection_id)
    ).one()


def list_known_ids(work: UnitOfWork, message: Message) -> frozenset[str]:
    """Return the provider's ids of our other messages in the conversation."""
    rows = work.session.exec(
        select(Message.external_id).where(
            col(Message.tenant_id) == work.tenant_id,
            col(Message.conversation_id) == message.conversation_id,
            col(Message.direction) == Direction.OUTBOUND,
            col(Message.external_id) != "",
        )
    ).all()
    return frozenset(rows)


def find_by_external_id(work: UnitOfWork, connection_id: UUID, external_id: str) -> Message | None:
    """Return our message that the provider knows by this id, locked."""
    return work.session.exec(
        select(Message)
        .where(
            col(Message.tenant_id) == work.tenant_id,
            col(Message.connection_id) == connection_id,
            col(Message.direction) == Direction.OUTBOUND,
            col(Message.external_id) == external_id,
        )
        .with_for_update()
    ).first()


def find_opt_out(work: UnitOfWork, *, connection_id: UUID, sender: str, contact: str) -> OptOut | None:
    """Return the contact's opt-out from one of our senders."""
    return work.session.exec(
        select(OptOut).where(
            col(OptOut.tenant_id) == work.tenant_id,
            col(OptOut.connection_id) == connection_id,
            col(OptOut.sender) == sender,
            col(OptOut.contact) == contact,
        )
    ).first()


def add_opt_out(work: UnitOfWork, row: OptOut) -> None:
    """Store an opt-out unless it is there already."""
    values = row.model_dump()
    work.session.exec(insert(OptOut).values(**values).on_conflict_do_nothing())


def delete_opt_out(work: UnitOfWork, *, connection_id: UUID, sender: str, contact: str) -> None:
    """Forget an opt-out: the contact opted in again."""
    work.session.exec(
        delete(OptOut).where(
            col(OptOut.tenant_id) == work.tenant_id,
            col(OptOut.connection_id) == connection_id,
            col(OptOut.sender) == sender,
            col(OptOut.contact) == contact,
        )
    )
