"""Statements on many turns at once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, bindparam, exists, text
from sqlalchemy.orm import aliased
from sqlmodel import col, select
from sqlmodel.sql.expression import Select

from models import Agent, Connection, Contact, Conversation, Message, Turn
from services.kernel.db import UnitOfWork, among
from services.kernel.leases import is_due, is_free
from services.turns.repository import OPEN


@dataclass(frozen=True, slots=True)
class DueTurn:
    """A turn that may be taken, with what stands around it."""

    turn: Turn
    conversation: Conversation
    message: Message
    agent: Agent


def lock_due(work: UnitOfWork, *, limit: int, waits: bool = False) -> Sequence[DueTurn]:
    """Return the earliest open turn of conversations that nobody holds, if it is due; conversation and turn are locked.

    Args:
        work: the unit of work.
        limit: most turns; those that have been due longest.
        waits: whether to wait for rows that others hold, or a wake-up would be lost; else they are skipped.
    """
    values = {"tenant_id": work.tenant_id, "most": limit}
    rows = work.session.exec(_WAIT_FOR_DUE if waits else _LOCK_DUE, params=values).all()
    return [DueTurn(*row) for row in rows]


def _due() -> Select[Turn, Conversation, Message, Agent]:
    earlier = aliased(Turn)
    return (
        select(Turn, Conversation, Message, Agent)
        .join(Conversation, _is(Conversation, Turn.conversation_id))
        .join(Message, _is(Message, Turn.message_id))
        .join(Agent, _is(Agent, Turn.agent_id))
        .where(
            col(Turn.tenant_id) == bindparam("tenant_id"),
            col(Turn.state).in_(OPEN),
            is_due(Turn),
            is_free(Conversation),
            ~exists().where(
                col(earlier.tenant_id) == col(Turn.tenant_id),
                col(earlier.conversation_id) == col(Turn.conversation_id),
                col(earlier.message_id) < col(Turn.message_id),
                col(earlier.state).in_(OPEN),
            ),
        )
        .order_by(col(Turn.next_attempt_at), col(Turn.message_id))
        .limit(bindparam("most"))
    )


def _is(table: type[Conversation] | type[Message] | type[Agent], row_id: object) -> ColumnElement[bool]:
    return and_(col(table.tenant_id) == col(Turn.tenant_id), col(table.id) == col(row_id))


# Built once: building them takes longer than PostgreSQL takes to answer.
_LOCK_DUE = _due().with_for_update(of=[Conversation, Turn], skip_locked=True)
_WAIT_FOR_DUE = _due().with_for_update(of=[Conversation, Turn])


_HOLD = (
    text(
        "UPDATE conversation SET lease_token = :token, lease_until = clock_timestamp() + CAST(:lease AS interval)"
        " WHERE tenant_id = :tenant_id AND id = ANY(CAST(:conversations AS uuid[]))"
    ),
    text(
        "UPDATE turn SET state = 'running', attempt = attempt + 1, started_at = :now, lease_token = :token,"
        " lease_until = clock_timestamp() + CAST(:lease AS interval)"
        " WHERE tenant_id = :tenant_id AND id = ANY(CAST(:turns AS uuid[]))"
    ),
)


def hold(work: UnitOfWork, due: Sequence[DueTurn], *, token: UUID, seconds: float, now: datetime) -> None:
    """Lease turns and their conversations, which are locked.

    Args:
        work: the unit of work.
        due: which.
        token: whose lease it is.
        seconds: how long it lasts.
        now: when they began.
    """
    values = {
        "tenant_id": work.tenant_id,
        "token": token,
        "lease": timedelta(seconds=seconds),
        "now": now,
        "conversations": [item.conversation.id for item in due],
        "turns": [item.turn.id for item in due],
    }
    for statement in _HOLD if due else ():
        work.session.connection().execute(statement, values)


def list_histories(work: UnitOfWork, messages: Sequence[Message], *, limit: int) -> Mapping[UUID, Sequence[Message]]:
    """Return, by message, what was said in its conversation before, oldest first; in one statement.

    Args:
        work: the unit of work.
        messages: of different conversations.
        limit: most messages before each.
    """
    given, before = aliased(Message), aliased(Message)
    last = (
        select(before)
        .where(
            col(before.tenant_id) == work.tenant_id,
            col(before.conversation_id) == col(given.conversation_id),
            col(before.id) < col(given.id),
        )
        .order_by(col(before.id).desc())
        .limit(limit)
        .correlate(given)
        .lateral()
    )
    entity = aliased(Message, last)
    rows = work.session.exec(
        select(col(given.id), entity)
        .select_from(given)
        .join(entity, col(entity.tenant_id) == col(given.tenant_id))
        .where(col(given.tenant_id) == work.tenant_id, among(given.id, [message.id for message in messages]))
        .order_by(col(given.id), col(entity.id))
    ).all()
    found: dict[UUID, list[Message]] = {}
    for message_id, row in rows:
        found.setdefault(message_id, []).append(row)
    return found


def list_names(work: UnitOfWork, contact_ids: Collection[UUID]) -> Mapping[UUID, str]:
    """Return what contacts are called, by id."""
    rows = work.session.exec(
        select(Contact.id, Contact.name).where(col(Contact.tenant_id) == work.tenant_id, among(Contact.id, contact_ids))
    ).all()
    return dict(rows)


def lock_held(
    work: UnitOfWork, held: Mapping[UUID, UUID], *, tokens: Collection[UUID]
) -> Sequence[tuple[Turn, Conversation]]:
    """Return turns whose leases are still ours, with their conversations, all locked.

    Whoever locks several conversations does so by their ids.

    Args:
        work: the unit of work.
        held: turn id → conversation id.
        tokens: those of our leases.
    """
    conversations = work.session.exec(
        select(Conversation)
        .where(
            col(Conversation.tenant_id) == work.tenant_id,
            among(Conversation.id, held.values()),
            among(Conversation.lease_token, tokens),
        )
        .order_by(col(Conversation.id))
        .with_for_update()
    ).all()
    turns = work.session.exec(
        select(Turn)
        .where(col(Turn.tenant_id) == work.tenant_id, among(Turn.id, held), among(Turn.lease_token, tokens))
        .order_by(col(Turn.conversation_id))
        .with_for_update()
    ).all()
    by_id = {row.id: row for row in conversations}
    return [(turn, by_id[turn.conversation_id]) for turn in turns if turn.conversation_id in by_id]


_PUT_BACK = (
    text(
        "UPDATE conversation SET lease_token = NULL, lease_until = NULL"
        " WHERE tenant_id = :tenant_id AND lease_token = :token AND id = ANY(CAST(:conversations AS uuid[]))"
    ),
    text(
        "UPDATE turn SET state = 'due', attempt = attempt - 1, lease_token = NULL, lease_until = NULL"
        " WHERE tenant_id = :tenant_id AND lease_token = :token AND id = ANY(CAST(:turns AS uuid[]))"
    ),
)


def put_back(work: UnitOfWork, held: Mapping[UUID, UUID], *, token: UUID) -> None:
    """Let turns go as if they had not been taken; they are given as turn id → conversation id."""
    values = {"tenant_id": work.tenant_id, "token": token, "turns": list(held), "conversations": list(held.values())}
    for statement in _PUT_BACK:
        work.session.connection().execute(statement, values)


def list_providers(work: UnitOfWork, connection_ids: Collection[UUID]) -> Mapping[UUID, str]:
    """Return the providers of connections, by id."""
    rows = work.session.exec(
        select(Connection.id, Connection.provider).where(
            col(Connection.tenant_id) == work.tenant_id, among(Connection.id, connection_ids)
        )
    ).all()
    return dict(rows)
