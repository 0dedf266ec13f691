"""Contacts, conversations and messages of all channels."""

from services.conversations.service import (
    Received,
    add_reply,
    change_state,
    channel_label,
    close,
    count_conversations,
    get_conversation,
    get_thread,
    give_back,
    list_conversations,
    mark_read,
    name_contact,
    receive_message,
    take_over,
)
from services.conversations.views import ConversationView, MessageView, StateCounts, ThreadView

__all__ = [
    "ConversationView",
    "MessageView",
    "Received",
    "StateCounts",
    "ThreadView",
    "add_reply",
    "change_state",
    "channel_label",
    "close",
    "count_conversations",
    "get_conversation",
    "get_thread",
    "give_back",
    "list_conversations",
    "mark_read",
    "name_contact",
    "receive_message",
    "take_over",
]
