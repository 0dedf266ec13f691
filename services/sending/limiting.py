"""Keeps messages to the limits: the agent's, all agents' together, and the pace that the provider asks for."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType

from models import Author, Connection, Conversation, ConversationState, Excess, Message, MessageState
from services import limits
from services.conversations import change_state
from services.kernel.db import UnitOfWork
from services.kernel.kernel import Kernel
from services.kernel.leases import in_seconds
from services.sending import repository

_MARGIN = timedelta(milliseconds=50)
"""Rather a little late than once more for nothing: Redis' clock decides, and the database's wakes."""


def may_leave(
    kernel: Kernel, work: UnitOfWork, message: Message, *, conversation: Conversation, connection: Connection
) -> bool:
    """Count a message that leaves now; else settle what becomes of it.

    A message counts once for its agent, however often it is tried. What a person wrote counts for no agent.

    Raises:
        RetryLater: nobody can count now; the message stays as it is.
    """
    is_counted = message.author is Author.AGENT and message.counted_at is None
    agent_name = message.author_label
    outcome = limits.let_through(
        kernel,
        work,
        limits.Leaving(
            connection=connection,
            agent_id=conversation.agent_id if is_counted else None,
            agent_name=agent_name,
            group=limits.GROUPS[conversation.channel_kind],
            channel_id=conversation.channel_id,
            characters=len(message.text),
        ),
    )
    if isinstance(outcome, limits.LetThrough):
        if is_counted:
            message.counted_at = outcome.at
        return True
    _SETTLE[outcome.excess](kernel, work, message, conversation, outcome)
    work.notify("conversation", message.conversation_id)
    return False


def end_overtaken(work: UnitOfWork, message: Message, conversation: Conversation) -> bool:
    """End an agent's message that waited for a limit until a person took over: it would come after the person's."""
    waits = message.error_code == limits.WAITS_FOR_LIMIT
    if not waits or conversation.state is not ConversationState.HUMAN:
        return False
    _end(work, message, "limit_overtaken", "Not sent: a person took over while it waited for its limit.")
    work.notify("conversation", message.conversation_id)
    return True


def _wait(_kernel: Kernel, _work: UnitOfWork, message: Message, _conversation: Conversation, held: limits.Held) -> None:
    message.next_attempt_at = in_seconds((held.wait + _MARGIN).total_seconds())
    message.error_code = limits.WAITS_FOR_PACE if held.is_pace else limits.WAITS_FOR_LIMIT
    message.error_text = f"Waits for {'' if held.is_pace else 'the limit: '}{held.words}."


def _hand_over(
    kernel: Kernel, work: UnitOfWork, message: Message, conversation: Conversation, held: limits.Held
) -> None:
    _end(work, message, "limit_handed_over", f"Not sent, but handed over. The limit: {held.words}.")
    work.session.refresh(conversation, with_for_update=True)
    if conversation.state is ConversationState.AGENT:
        reason = f"Handed over: the agent's limit is used up ({held.words})"
        change_state(work, conversation, ConversationState.WAITING, reason, kernel.clock.now())


def _drop(_kernel: Kernel, work: UnitOfWork, message: Message, _conversation: Conversation, held: limits.Held) -> None:
    _end(work, message, "limit_dropped", f"Not sent. The limit: {held.words}.")


_SETTLE: Mapping[Excess, Callable[[Kernel, UnitOfWork, Message, Conversation, limits.Held], None]] = MappingProxyType(
    {Excess.WAIT: _wait, Excess.HAND_OVER: _hand_over, Excess.DROP: _drop}
)


def _end(work: UnitOfWork, message: Message, code: str, words: str) -> None:
    """End a message unsent; what comes after it in the conversation is looked at at once."""
    message.state = MessageState.FAILED
    message.error_code, message.error_text = code, words
    work.session.flush()
    following = repository.find_next_unsent(work, message.conversation_id)
    if following:
        work.wake("send_message", following)
