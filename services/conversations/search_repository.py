"""Finds conversations by what was said in them."""

import typing
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnClause, ColumnElement, cast, exists, func, literal_column
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.orm import aliased
from sqlmodel import col, select
from sqlmodel.sql.expression import Select

from models import Agent, Contact, Conversation, ConversationState, Direction, Message
from services.kernel.db import UnitOfWork

_SEARCHED_CHARACTERS = 20_000
"""How much of a message the index holds."""
_Row = tuple[UUID, Conversation, str, str, str, str, Direction, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A conversation, and the newest of its messages that hold the words."""

    conversation: Conversation
    contact_name: str
    agent_name: str
    message_id: UUID
    text: str
    author: str
    """Who wrote it on our side; empty for the contact."""
    at: datetime


def list_matching(
    work: UnitOfWork,
    words: str,
    *,
    agent_id: UUID | None,
    states: Sequence[ConversationState],
    channel_kinds: Sequence[str],
    channel_id: str,
    before: UUID | None,
    limit: int,
) -> list[Found]:
    """Return conversations in which the words were said, those where it was last first, each once.

    Args:
        work: the unit of work.
        words: as one types them into a search engine: all of them, "a phrase", -without.
        agent_id: only this agent's.
        states: only those in one of these.
        channel_kinds: only in these kinds of channel; all if empty.
        channel_id: only at this number, mailbox or channel of ours.
        before: only where it was said before this message.
        limit: most.
    """
    statement = (
        _columns()
        .join(Conversation, _same(Message, Conversation, "conversation_id"))
        .join(Contact, _same(Conversation, Contact, "contact_id"))
        .join(Agent, _same(Conversation, Agent, "agent_id"))
        .where(
            col(Message.tenant_id) == work.tenant_id,
            _holds("message", work.tenant_id, words),
            ~_said_again(work.tenant_id, words),
            col(Conversation.state).in_(states),
        )
        .order_by(col(Message.id).desc())
        .limit(limit)
    )
    if agent_id:
        statement = statement.where(col(Conversation.agent_id) == agent_id)
    if channel_kinds:
        statement = statement.where(col(Conversation.channel_kind).in_(channel_kinds))
    if channel_id:
        statement = statement.where(col(Conversation.channel_id) == channel_id)
    if before:
        statement = statement.where(col(Message.id) < before)
    rows = typing.cast("Sequence[_Row]", work.session.exec(statement).all())
    return [_found(*row) for row in rows]


def _columns() -> Select[Any]:
    columns = select(Message.id, Conversation, Contact.name, Agent.name).add_columns(
        func.left(col(Message.text), _SEARCHED_CHARACTERS),
        col(Message.author_label),
        col(Message.direction),
        col(Message.created_at),
    )
    return typing.cast("Select[Any]", columns)  # SQLModel's own types end at four columns


def _found(
    message_id: UUID,
    conversation: Conversation,
    contact_name: str,
    agent_name: str,
    text: str,
    author: str,
    direction: Direction,
    at: datetime,
) -> Found:
    return Found(
        conversation=conversation,
        contact_name=contact_name,
        agent_name=agent_name,
        message_id=message_id,
        text=text,
        author=author if direction is Direction.OUTBOUND else "",
        at=at,
    )


def _said_again(tenant_id: UUID, words: str) -> ColumnElement[bool]:
    later = aliased(Message, name="later")
    return exists().where(
        col(later.tenant_id) == col(Message.tenant_id),
        col(later.conversation_id) == col(Message.conversation_id),
        col(later.id) > col(Message.id),
        _holds("later", tenant_id, words),
    )


def _holds(alias: str, tenant_id: UUID, words: str) -> ColumnElement[bool]:
    said: ColumnClause[Any] = literal_column(f"{alias}.search")
    own = cast(f"'@{tenant_id}'", TSQUERY)
    return said.op("@@", is_comparison=True)(own.op("&&")(func.websearch_to_tsquery("simple", words)))


def _same(row: Any, other: Any, reference: str) -> ColumnElement[bool]:
    return (col(other.tenant_id) == col(row.tenant_id)) & (col(other.id) == getattr(row, reference))
