"""What the rest of the product sees of agents and their playbooks."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models import AgentStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentForm:
    """What a person may set of an agent."""

    name: str
    purpose: str = ""
    instructions: str = ""
    model: str = ""
    """Model to use instead of the installation's; empty for that one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentView:
    """An agent, with what lists and cards say about it."""

    id: UUID
    name: str
    purpose: str
    instructions: str
    model: str
    status: AgentStatus
    connection_count: int
    """Connections of its own that were not disconnected."""
    conversation_count: int
    playbook_count: int
    last_answer_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybookDraft:
    """A playbook entry as typed."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybookEntryView:
    """A question the agent can answer by itself, and the answer."""

    id: UUID
    question: str
    answer: str
    position: int
