"""What pages and the API see of conversations."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.conversations.excerpts import PartView


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidView:
    """The latest message of a conversation in which what was searched for was said."""

    message_id: UUID
    author: str
    """Who wrote it on our side; empty for the contact."""
    excerpt: tuple[PartView, ...]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationView:
    """One conversation in a list or at the head of a thread."""

    id: UUID
    agent_id: UUID
    agent_name: str
    connection_id: UUID
    contact_name: str
    contact_address: str
    channel_kind: str
    channel_label: str
    """Where it takes place, in words: "Slack #general", "SMS"."""
    channel_address: str
    """Our own side of it: the number, the mailbox, the channel's id."""
    subject: str
    """Of an e-mail thread; empty elsewhere."""
    state: str
    state_reason: str
    last_message_text: str
    last_message_author: str
    last_message_at: datetime
    unread_count: int
    message_count: int
    said: SaidView | None = None
    """What a search has found in it; null everywhere else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageView:
    """One message of a thread."""

    id: UUID
    direction: str
    author: str
    author_label: str
    text: str
    state: str
    error_code: str
    """What went wrong, as a stable word: ``bounced``, ``complained``, ``opted_out`` and so on; empty if nothing did."""
    error_text: str
    created_at: datetime
    segments: int | None
    trace_id: UUID
    runner: str
    """Who answered: ``playbook``, ``model``, or empty."""
    why: str
    """Why the agent answered so, in words."""
    subject: str
    """Of a letter; empty elsewhere."""
    has_letter: bool
    """Whether there is more to see of it: headers, HTML, files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadView:
    """A conversation with its latest messages, oldest first."""

    conversation: ConversationView
    messages: tuple[MessageView, ...]
    has_more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceView:
    """One of our own ends of conversations: a number, a mailbox, a channel; and how many there are in each state.

    Direct messages are one place, as each of them has a channel of its own.
    """

    channel: str
    """The filter that shows it: ``slack``, ``email``, ``sms`` or ``chat``."""
    address: str
    """Empty for direct messages."""
    label: str
    open: int
    waiting: int
    closed: int
