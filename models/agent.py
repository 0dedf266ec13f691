"""AI agents and what they know by heart."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Computed, Index
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlmodel import Field

from models.base import TenantRow, enum_column, reference, time_column


class AgentStatus(StrEnum):
    """Whether the agent answers."""

    ACTIVE = "active"
    PAUSED = "paused"


class Agent(TenantRow, table=True):
    """An AI agent that belongs to a tenant."""

    __table_args__ = (Index("uq_agent_tenant_id_name", "tenant_id", "name", unique=True),)

    name: str
    purpose: str = ""
    """One line for people: what the agent is for."""
    instructions: str = ""
    """What the agent is told before each turn."""
    model: str = ""
    """Model to use instead of the installation's; empty for that one."""
    status: AgentStatus = Field(sa_column=enum_column(AgentStatus, "status"))
    created_at: datetime = Field(sa_column=time_column("created_at"))
    updated_at: datetime = Field(sa_column=time_column("updated_at"))


class PlaybookEntry(TenantRow, table=True):
    """A question the agent can answer by itself, and the answer."""

    __tablename__ = "playbook_entry"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        reference("agent_id", "agent"),
        Index("ix_playbook_entry_agent", "tenant_id", "agent_id", "position"),
    )

    agent_id: UUID
    position: int
    question: str
    answer: str
    search: Any = Field(
        default=None,
        exclude=True,
        sa_column=Column(
            "search",
            TSVECTOR,
            Computed(
                "setweight(to_tsvector('english', question), 'A')"
                " || setweight(to_tsvector('simple', question), 'B')"
                " || setweight(to_tsvector('english', answer), 'C')",
                persisted=True,
            ),
        ),
    )
    """Stems of the question (A), its words as written (B), stems of the answer (C).

    Not indexed: a search reads the entries of one agent, 200 at most; a text index would first collect every
    tenant's entries that share a word.
    """
    created_at: datetime = Field(sa_column=time_column("created_at"))
