"""Notes which messages an agent is to answer, and what it may know about them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from models import Agent, Author, Conversation, Message, Turn, TurnState
from services.agents import HistoryItem, Speaker, TurnRequest
from services.kernel.db import UnitOfWork
from services.kernel.ids import new_id
from services.kernel.leases import in_seconds
from services.turns import repository
from services.turns.machine import why_silent

HISTORY_MESSAGES = 20
AUTHORS: Mapping[Author, Speaker] = MappingProxyType(
    {Author.CONTACT: "contact", Author.AGENT: "agent", Author.USER: "user"}
)


def add_turn(
    work: UnitOfWork,
    *,
    conversation: Conversation,
    agent: Agent,
    message: Message,
    now: datetime,
    silent: str = "",
    due_at: datetime | None = None,
    together: list[Turn] | None = None,
) -> Turn:
    """Note that a message is to be answered, or why it is not: a person is in charge, or the agent is paused.

    Args:
        work: the unit of work.
        conversation: where it belongs.
        agent: who is to answer.
        message: what is to be answered.
        now: the time.
        silent: why this very message gets no answer, in words; empty if it gets one.
        due_at: the database's time, if the caller has asked for it.
        together: takes the turn, for the caller to store with others by :func:`store_turns`.
    """
    silent = why_silent(conversation.state, agent.status, agent.name) or silent
    make = Turn if together is None else Turn.model_construct
    turn = make(
        tenant_id=work.tenant_id,
        id=new_id(),
        conversation_id=conversation.id,
        agent_id=agent.id,
        message_id=message.id,
        state=TurnState.SKIPPED if silent else TurnState.DUE,
        reason=silent,
        trace_id=message.trace_id,
        created_at=now,
        next_attempt_at=due_at or in_seconds(0),
        finished_at=now if silent else None,
    )
    if together is None:
        work.session.add(turn)
    else:
        together.append(turn)
    if not silent:
        work.wake("run_turn", conversation.id)
    return turn


def store_turns(work: UnitOfWork, turns: Sequence[Turn]) -> None:
    """Store turns that :func:`add_turn` has put together, all at once; their messages are stored."""
    repository.add_turns(work, turns)


def request_for(work: UnitOfWork, agent: Agent, conversation: Conversation, message: Message) -> TurnRequest:
    """Return what an agent is to answer, with what it may know."""
    history = repository.list_messages_before(work, message, limit=HISTORY_MESSAGES)
    return TurnRequest(
        tenant_id=work.tenant_id,
        agent_id=agent.id,
        agent_name=agent.name,
        instructions=agent.instructions,
        model=agent.model,
        text=message.text,
        history=tuple(HistoryItem(author=AUTHORS[item.author], text=item.text) for item in history),
        channel_kind=conversation.channel_kind,
        contact_name=repository.get_contact(work, conversation.contact_id).name,
    )
