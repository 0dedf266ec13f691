"""What pages and the API see of a trace."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceStepView:
    """One step of a message's way."""

    at: datetime
    offset_ms: int
    """Time since the first step."""
    took_ms: int | None
    """How long the step itself took or waited; None for what is but a moment."""
    title: str
    detail: str
    """The reason, in words."""
    status: str
    """``ok``, ``failed``, ``waiting`` or ``info``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceView:
    """A message's whole way."""

    id: UUID
    steps: tuple[TraceStepView, ...]
    agent_id: UUID | None
    agent_name: str
    conversation_id: UUID | None
    contact_name: str
    channel_label: str
    is_finished: bool
    """Whether nothing more is to come, apart from delivery receipts."""
