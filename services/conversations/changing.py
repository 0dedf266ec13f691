"""What every change of a conversation has in common: who is in charge, and what lists show of it."""

from datetime import datetime
from uuid import UUID

from models import Conversation, ConversationState, Direction, Message
from services.conversations import repository
from services.kernel.db import UnitOfWork

PREVIEW_CHARACTERS = 140


def change_state(
    work: UnitOfWork, conversation: Conversation, state: ConversationState, reason: str, now: datetime
) -> None:
    """Put somebody else in charge of a conversation."""
    conversation.state = state
    conversation.state_reason = reason
    conversation.state_changed_at = now
    work.session.add(conversation)
    work.notify("conversation", conversation.id)


def hand_over(work: UnitOfWork, conversation: Conversation, reason: str, now: datetime, *, trace_id: UUID) -> None:
    """Let a conversation wait for a person, and note which message it came of, by its trace."""
    change_state(work, conversation, ConversationState.WAITING, reason, now)
    repository.note_hand_over(work, conversation.id, trace_id)


def note_message(conversation: Conversation, message: Message) -> None:
    """Keep what lists show of a conversation up to date."""
    conversation.last_message_at = message.created_at
    conversation.last_message_text = " ".join(message.text.split())[:PREVIEW_CHARACTERS]
    conversation.last_message_author = message.author_label if message.direction is Direction.OUTBOUND else ""
    conversation.message_count += 1
