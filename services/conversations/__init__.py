"""Contacts, conversations and messages of all channels."""

from services.conversations.changing import change_state, hand_over
from services.conversations.charge import close, give_back, mark_read, take_over
from services.conversations.excerpts import PartView, mark
from services.conversations.known import Known, learn
from services.conversations.naming import name_contact
from services.conversations.places import COUNTED_MOST, list_places
from services.conversations.reading import (
    channel_label,
    get_conversation,
    get_thread,
    list_conversations,
    search_conversations,
)
from services.conversations.receiving import Received, receive_message
from services.conversations.replying import add_reply, reply, store_replies
from services.conversations.views import ConversationView, MessageView, PlaceView, SaidView, ThreadView

__all__ = [
    "COUNTED_MOST",
    "ConversationView",
    "Known",
    "MessageView",
    "PartView",
    "PlaceView",
    "Received",
    "SaidView",
    "ThreadView",
    "add_reply",
    "change_state",
    "channel_label",
    "close",
    "get_conversation",
    "get_thread",
    "give_back",
    "hand_over",
    "learn",
    "list_conversations",
    "list_places",
    "mark",
    "mark_read",
    "name_contact",
    "receive_message",
    "reply",
    "search_conversations",
    "store_replies",
    "take_over",
]
