"""Counts the conversations of an agent by where they take place."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import case, func, select
from sqlmodel import col

from models import Conversation, ConversationState
from services.kernel.db import UnitOfWork


@dataclass(frozen=True, slots=True)
class PlaceCount:
    """How many of an agent's conversations are in one place and one state."""

    channel_kind: str
    channel_id: str
    channel_name: str
    state: ConversationState
    count: int


def count_by_place(
    work: UnitOfWork, agent_id: UUID, *, without_address: Sequence[str], among_latest: int
) -> list[PlaceCount]:
    """Return how many conversations an agent has in each place and state.

    Args:
        work: the unit of work.
        agent_id: whose.
        without_address: kinds of channel whose conversations each have an address of their own; they count together.
        among_latest: of how many; a page counts each time it is loaded, and an agent may have millions.
    """
    kind = col(Conversation.channel_kind)
    place = case((kind.in_(without_address), ""), else_=col(Conversation.channel_id)).label("place")
    latest = (
        select(kind, place, col(Conversation.channel_name), col(Conversation.state))
        .where(col(Conversation.tenant_id) == work.tenant_id, col(Conversation.agent_id) == agent_id)
        .order_by(col(Conversation.last_message_at).desc())
        .limit(among_latest)
        .subquery("latest")
    )
    columns = latest.c
    statement = select(
        columns.channel_kind, columns.place, func.max(columns.channel_name), columns.state, func.count()
    ).group_by(columns.channel_kind, columns.place, columns.state)
    return [PlaceCount(*row) for row in work.session.connection().execute(statement)]
