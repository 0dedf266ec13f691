"""What became of the messages that came in, as conditions on their turns and answers; analytics and the log share them.

The answer is what the agent wrote first: of a long one that was split, its first part.
"""

from collections.abc import Mapping
from types import MappingProxyType
from uuid import UUID

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, or_, true
from sqlmodel import col, select

from models import Conversation, Direction, Message, MessageState, Turn, TurnState
from services.conversations.reading import CHANNELS
from services.kernel.db import UnitOfWork

ARRIVED = (MessageState.SENT, MessageState.DELIVERED)
UNARRIVED = (MessageState.FAILED, MessageState.UNKNOWN)

ASKED = col(Turn.state) != TurnState.SKIPPED
ANSWERED = col(Message.state).in_(ARRIVED)
FAILED = or_(col(Turn.state) == TurnState.DEAD, col(Message.state).in_(UNARRIVED))
HANDED_OVER = col(Turn.handed_over).is_(True)

OUTCOMES: Mapping[str, ColumnElement[bool]] = MappingProxyType(
    {"message": true(), "asked": ASKED, "answered": ANSWERED, "failed": FAILED, "handed_over": HANDED_OVER}
)
"""Word → what it means of a message, its turn and its answer."""

IN_CONVERSATION = and_(
    col(Conversation.tenant_id) == col(Turn.tenant_id), col(Conversation.id) == col(Turn.conversation_id)
)
IS_ANSWER = and_(
    col(Message.tenant_id) == col(Turn.tenant_id),
    col(Message.id) == col(Turn.reply_id),
    col(Message.direction) == Direction.OUTBOUND,
)


def narrowed(work: UnitOfWork, *, agent_id: UUID | None, channel: str) -> list[ColumnElement[bool]]:
    """Return the conditions for the turns of an agent and a channel, the tenant's among them."""
    conditions = [col(Turn.tenant_id) == work.tenant_id]
    if agent_id:
        conditions.append(col(Turn.agent_id) == agent_id)
    if channel:
        conditions.append(col(Conversation.channel_kind).in_(CHANNELS[channel]))
    return conditions


def has_outcome(
    work: UnitOfWork, trace_id: SQLColumnExpression[UUID], *, outcome: str, agent_id: UUID | None, channel: str
) -> ColumnElement[bool]:
    """Return whether a trace holds a message with which this happened.

    Args:
        work: the unit of work.
        trace_id: the trace's id, a column of the statement around it.
        outcome: one of :data:`OUTCOMES`.
        agent_id: only messages for this agent.
        channel: only messages in this channel.
    """
    found = (
        select(col(Turn.id))
        .join(Conversation, IN_CONVERSATION)
        .outerjoin(Message, IS_ANSWER)
        .where(*narrowed(work, agent_id=agent_id, channel=channel), col(Turn.trace_id) == trace_id, OUTCOMES[outcome])
    )
    return found.exists()
