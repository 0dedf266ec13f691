"""Finds conversations by what was said in them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnClause, ColumnElement, cast, exists, func, literal_column
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from models import Agent, Contact, Conversation, ConversationState, Message
from services.kernel.db import UnitOfWork

Found = tuple[UUID, Conversation, str, str]
"""The newest message that holds the words, its conversation, and the contact's and the agent's name."""


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
        select(Message.id, Conversation, Contact.name, Agent.name)
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
    return [(row[0], row[1], row[2], row[3]) for row in work.session.exec(statement).all()]


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
