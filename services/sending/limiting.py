"""Keeps messages to the limits: the agent's, all agents' together, and the pace that the provider asks for."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType

from models import Author, Connection, Conversation, ConversationState, Excess, Message, MessageState
from services import limits
from services.conversations import hand_over
from services.kernel.db import UnitOfWork
from services.kernel.kernel import Kernel
from services.kernel.leases import in_seconds
from services.sending.waits import note_wait

_MARGIN = timedelta(milliseconds=50)
"""Rather a little late than once more for nothing: Redis' clock decides, and the database's wakes."""


def counts(message: Message) -> bool:
    """Return whether a message counts for its agent: once, however often it is tried, and not if a person wrote it."""
    return message.author is Author.AGENT and message.counted_at is None


def leaving_of(message: Message, *, conversation: Conversation, connection: Connection) -> limits.Leaving:
    """Return a message as the limits look at it."""
    return limits.Leaving(
        connection=connection,
        agent_id=conversation.agent_id if counts(message) else None,
        agent_name=message.author_label,
        group=limits.GROUPS[conversation.channel_kind],
        channel_id=conversation.channel_id,
        characters=len(message.text),
    )


def settle_held(
    kernel: Kernel, work: UnitOfWork, message: Message, conversation: Conversation, held: limits.Held
) -> None:
    """Do with a message that may not leave now what was chosen: let it wait, hand it over, or drop it."""
    _SETTLE[held.excess](kernel, work, message, conversation, held)
    work.notify("conversation", message.conversation_id)


def _wait(kernel: Kernel, work: UnitOfWork, message: Message, _conversation: Conversation, held: limits.Held) -> None:
    seconds = (held.wait + _MARGIN).total_seconds()
    message.next_attempt_at = in_seconds(seconds)
    code = limits.WAITS_FOR_PACE if held.is_pace else limits.WAITS_FOR_LIMIT
    note_wait(work, message, code=code, words=held.words, now=kernel.clock.now())
    message.error_code = code
    message.error_text = f"Waits for {'' if held.is_pace else 'the limit: '}{held.words}."
    work.wake_in(seconds + _MARGIN.total_seconds(), "send_message", work.tenant_id)


def _hand_over(
    kernel: Kernel, work: UnitOfWork, message: Message, conversation: Conversation, held: limits.Held
) -> None:
    _end(message, "limit_handed_over", f"Not sent, but handed over. The limit: {held.words}.")
    work.session.refresh(conversation, with_for_update=True)
    if conversation.state is ConversationState.AGENT:
        reason = f"Handed over: the agent's limit is used up ({held.words})"
        hand_over(work, conversation, reason, kernel.clock.now(), trace_id=message.trace_id)


def _drop(_kernel: Kernel, _work: UnitOfWork, message: Message, _conversation: Conversation, held: limits.Held) -> None:
    _end(message, "limit_dropped", f"Not sent. The limit: {held.words}.")


_SETTLE: Mapping[Excess, Callable[[Kernel, UnitOfWork, Message, Conversation, limits.Held], None]] = MappingProxyType(
    {Excess.WAIT: _wait, Excess.HAND_OVER: _hand_over, Excess.DROP: _drop}
)


def _end(message: Message, code: str, words: str) -> None:
    message.state = MessageState.FAILED
    message.error_code, message.error_text = code, words
