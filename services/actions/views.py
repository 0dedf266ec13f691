"""What pages and the API see of actions and their runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AvailableActionView:
    """An action that an agent could use, and how far it may."""

    connection_id: UUID
    connection_name: str
    """The tenant's own name of the connection, or the external account's."""
    provider: str
    provider_name: str
    action: str
    label: str
    description: str
    risk: str
    """``reads`` or ``writes``."""
    mode: str
    """``allowed``, ``approval``, or empty: the agent does not know of the action."""
    granted_by: str
    granted_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRunView:
    """One execution of an action."""

    id: UUID
    agent_id: UUID
    agent_name: str
    connection_id: UUID
    connection_name: str
    provider: str
    provider_name: str
    conversation_id: UUID | None
    contact_name: str
    """Empty outside conversations."""
    action: str
    label: str
    description: str
    """What is to be done, in words, for the person who decides."""
    input: Mapping[str, object]
    output: Mapping[str, object]
    said: str
    """What came of it, in words."""
    state: str
    decided_by: str
    decided_at: datetime | None
    decision_note: str
    error_code: str
    attempt: int
    trace_id: UUID
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
