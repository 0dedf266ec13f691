"""What every change of a conversation has in common: who is in charge, and what lists show of it."""

from datetime import datetime

from models import Conversation, ConversationState, Direction, Message
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


def note_message(conversation: Conversation, message: Message) -> None:
    """Keep what lists show of a conversation up to date."""
    conversation.last_message_at = message.created_at
    conversation.last_message_text = " ".join(message.text.split())[:PREVIEW_CHARACTERS]
    conversation.last_message_author = message.author_label if message.direction is Direction.OUTBOUND else ""
    conversation.message_count += 1
