"""What pages and the API see of conversations."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationView:
    """One conversation in a list or at the head of a thread."""

    id: UUID
    agent_id: UUID
    agent_name: str
    contact_name: str
    contact_address: str
    channel_kind: str
    channel_label: str
    """Where it takes place, in words: "Slack #general", "SMS"."""
    state: str
    state_reason: str
    last_message_text: str
    last_message_author: str
    last_message_at: datetime
    unread_count: int
    message_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageView:
    """One message of a thread."""

    id: UUID
    direction: str
    author: str
    author_label: str
    text: str
    state: str
    error_text: str
    created_at: datetime
    segments: int | None
    trace_id: UUID
    runner: str
    """Who answered: ``playbook``, ``model``, or empty."""
    why: str
    """Why the agent answered so, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadView:
    """A conversation with its latest messages, oldest first."""

    conversation: ConversationView
    messages: tuple[MessageView, ...]
    has_more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StateCounts:
    """How many conversations there are, for the filters."""

    open: int
    waiting: int
    all: int
