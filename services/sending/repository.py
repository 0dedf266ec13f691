"""Queries on the outbox and on opt-outs."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, delete, exists, func, or_, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased
from sqlmodel import col, select
from sqlmodel.sql.expression import Select

from models import Author, Connection, Conversation, Direction, Message, MessageState, OptOut
from services.kernel.db import UnitOfWork, among, among_named
from services.kernel.leases import is_due, is_free
from services.limits import WAITS_FOR_LIMIT
from services.sending.machine import Change

UNSENT = (MessageState.QUEUED, MessageState.SENDING)


def lock_sendable(
    work: UnitOfWork, *, without: Collection[UUID], limit: int, waits: bool = False
) -> Sequence[tuple[Message, datetime]]:
    """Return messages that are due, that nobody sends, and before which nothing is unsent in their conversation.

    What a person wrote does not stay behind an agent's message that waits for the agent's limit.

    Args:
        work: the unit of work; the messages are locked in it.
        without: connections that are left out.
        limit: most messages.
        waits: whether to wait for rows that others hold, or a wake-up would be lost; else they are skipped.

    Returns:
        The messages, those that have been due longest first, each with the database's time.
    """
    values = {"tenant_id": work.tenant_id, "without": list(without), "most": limit}
    return work.session.exec(_WAIT_FOR_SENDABLE if waits else _LOCK_SENDABLE, params=values).all()


def _sendable() -> Select[Message, datetime]:
    earlier = aliased(Message)
    return (
        select(Message, func.clock_timestamp())
        .where(
            col(Message.tenant_id) == bindparam("tenant_id"),
            col(Message.direction) == Direction.OUTBOUND,
            col(Message.state).in_(UNSENT),
            is_due(Message),
            is_free(Message),
            ~exists().where(
                col(earlier.tenant_id) == col(Message.tenant_id),
                col(earlier.conversation_id) == col(Message.conversation_id),
                col(earlier.id) < col(Message.id),
                col(earlier.state).in_(UNSENT),
                or_(
                    col(Message.author) != Author.USER,
                    col(earlier.error_code) != WAITS_FOR_LIMIT,
                    col(earlier.state) != MessageState.QUEUED,
                ),
            ),
            ~among_named(Message.connection_id, "without"),
        )
        .order_by(col(Message.next_attempt_at), col(Message.id))
        .limit(bindparam("most"))
    )


# Built once: building them takes longer than PostgreSQL takes to answer.
_LOCK_SENDABLE = _sendable().with_for_update(of=Message, skip_locked=True)
_WAIT_FOR_SENDABLE = _sendable().with_for_update(of=Message)


def find_conversations(work: UnitOfWork, ids: Collection[UUID]) -> Mapping[UUID, Conversation]:
    """Return the conversations of messages, by id."""
    rows = work.session.exec(
        select(Conversation).where(col(Conversation.tenant_id) == work.tenant_id, among(Conversation.id, ids))
    ).all()
    return {row.id: row for row in rows}


def find_connections(work: UnitOfWork, ids: Collection[UUID]) -> Sequence[Connection]:
    """Return the connections that messages leave through."""
    return work.session.exec(
        select(Connection).where(col(Connection.tenant_id) == work.tenant_id, among(Connection.id, ids))
    ).all()


def find_opt_outs(work: UnitOfWork, messages: Sequence[Message]) -> frozenset[tuple[UUID, str, str]]:
    """Return (connection id, sender, contact) of the opt-outs of those whom the messages are for."""
    rows = work.session.exec(
        select(OptOut.connection_id, OptOut.sender, OptOut.contact).where(
            col(OptOut.tenant_id) == work.tenant_id,
            among(OptOut.connection_id, {row.connection_id for row in messages}),
            among(OptOut.contact, {row.recipient for row in messages}),
        )
    ).all()
    return frozenset((connection_id, sender, contact) for connection_id, sender, contact in rows)


_HOLD = text(
    "UPDATE message SET state = 'sending', lease_token = :token, attempt = message.attempt + 1,"
    " lease_until = clock_timestamp() + CAST(:lease AS interval),"
    " attempted_at = CASE WHEN sent_now THEN CAST(:now AS timestamptz) ELSE message.attempted_at END,"
    " counted_at = coalesce(held.counted_at, message.counted_at)"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:sent AS boolean[]), CAST(:counted AS timestamptz[]))"
    " AS held (id, sent_now, counted_at)"
    " WHERE message.tenant_id = :tenant_id AND message.id = held.id"
)


def hold(
    work: UnitOfWork,
    ids: Sequence[UUID],
    *,
    token: UUID,
    seconds: float,
    sent_now: Collection[UUID],
    counted: Mapping[UUID, datetime],
    now: datetime,
) -> None:
    """Lease messages that are locked, all in one statement.

    Args:
        work: the unit of work.
        ids: which.
        token: whose lease it is.
        seconds: how long it lasts.
        sent_now: those that are sent; the others are looked up.
        counted: when those were let through that count for their agent.
        now: the database's time.
    """
    work.session.connection().execute(
        _HOLD,
        {
            "tenant_id": work.tenant_id,
            "token": token,
            "lease": timedelta(seconds=seconds),
            "now": now,
            "ids": list(ids),
            "sent": [message_id in sent_now for message_id in ids],
            "counted": [counted.get(message_id) for message_id in ids],
        },
    )


_SETTLE = text(
    "UPDATE message SET state = settled.state, attempt = settled.attempt, lease_token = NULL,"
    " lease_until = settled.lease_until,"
    " next_attempt_at = coalesce(settled.due_at, message.next_attempt_at),"
    " error_code = settled.error_code, error_text = settled.error_text,"
    " external_id = coalesce(settled.external_id, message.external_id),"
    " segments = coalesce(settled.segments, message.segments), sent_at = coalesce(settled.sent_at, message.sent_at)"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:tokens AS uuid[]), CAST(:states AS text[]),"
    " CAST(:attempts AS integer[]), CAST(:due AS timestamptz[]), CAST(:leases AS timestamptz[]),"
    " CAST(:codes AS text[]), CAST(:words AS text[]), CAST(:external AS text[]), CAST(:segments AS integer[]),"
    " CAST(:sent AS timestamptz[]))"
    " AS settled (id, token, state, attempt, due_at, lease_until, error_code, error_text, external_id, segments,"
    " sent_at)"
    " WHERE message.tenant_id = :tenant_id AND message.id = settled.id AND message.lease_token = settled.token"
    " RETURNING message.id"
)


def settle(work: UnitOfWork, changes: Sequence[tuple[UUID, UUID, Change]], *, now: datetime) -> frozenset[UUID]:
    """Write down how messages stand, all in one statement; return those whose lease was still held.

    Args:
        work: the unit of work.
        changes: (message id, lease token, how it stands).
        now: when those were accepted that were.
    """
    sent = [change.sent for _, _, change in changes]
    rows = work.session.connection().execute(
        _SETTLE,
        {
            "tenant_id": work.tenant_id,
            "ids": [message_id for message_id, _, _ in changes],
            "tokens": [token for _, token, _ in changes],
            "states": [change.state.value for _, _, change in changes],
            "attempts": [change.attempt for _, _, change in changes],
            "due": [change.due_at for _, _, change in changes],
            "leases": [change.lease_until for _, _, change in changes],
            "codes": [change.code for _, _, change in changes],
            "words": [change.words for _, _, change in changes],
            "external": [item and item.external_id for item in sent],
            "segments": [item and item.segments for item in sent],
            "sent": [now if item else None for item in sent],
        },
    )
    return frozenset(rows.scalars())


def find_messages(work: UnitOfWork, ids: Collection[UUID]) -> Sequence[Message]:
    """Return messages, read afresh."""
    return work.session.exec(
        select(Message).where(col(Message.tenant_id) == work.tenant_id, among(Message.id, ids))
    ).all()


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
