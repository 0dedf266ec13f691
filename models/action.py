"""Actions: what an agent may do through a connection, and what it did."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field

from models.base import TenantRow, WorkRow, enum_column, json_column, reference, time_column


class GrantMode(StrEnum):
    """How far an agent may go with an action."""

    ALLOWED = "allowed"
    APPROVAL = "approval"
    """A person decides on each run."""


class ActionGrant(TenantRow, table=True):
    """That an agent may use one action of one connection. Without it, the agent does not even know of the action."""

    __tablename__ = "action_grant"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        reference("agent_id", "agent"),
        reference("connection_id", "connection"),
        Index("uq_action_grant_action", "tenant_id", "agent_id", "connection_id", "action", unique=True),
    )

    agent_id: UUID
    connection_id: UUID
    action: str
    """The action's name within the connection's provider: ``create_event``."""
    mode: GrantMode = Field(sa_column=enum_column(GrantMode, "mode"))
    granted_by: str
    """Label of the actor."""
    updated_at: datetime = Field(sa_column=time_column("updated_at"))


class ActionRunState(StrEnum):
    """Where an action run stands."""

    AWAITING_APPROVAL = "awaiting_approval"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    """Could not be carried out any more when its time came: the connection or the grant was gone."""
    UNKNOWN = "unknown"
    """An attempt was cut off and the provider cannot say what became of it; never repeated by itself."""


class ActionRun(WorkRow, table=True):
    """One execution of an action: asked for by an agent, decided on by a person where that is needed."""

    __tablename__ = "action_run"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        reference("agent_id", "agent"),
        reference("connection_id", "connection"),
        reference("conversation_id", "conversation"),
        reference("turn_id", "turn"),
        Index("uq_action_run_call", "tenant_id", "turn_id", "call_key", unique=True),
        Index("ix_action_run_agent", "tenant_id", "agent_id", "id"),
        Index("ix_action_run_conversation", "tenant_id", "conversation_id", "id"),
        Index("ix_action_run_trace", "tenant_id", "trace_id"),
        Index(
            "ix_action_run_open",
            "next_attempt_at",
            postgresql_where=text("state IN ('awaiting_approval', 'queued', 'running')"),
        ),
        Index(
            "ix_action_run_counted",
            "tenant_id",
            "counted_at",
            postgresql_where=text("counted_at IS NOT NULL"),
        ),
        Index(
            "ix_action_run_waiting",
            "tenant_id",
            "agent_id",
            postgresql_where=text("state = 'awaiting_approval'"),
        ),
    )

    agent_id: UUID
    connection_id: UUID
    conversation_id: UUID | None = None
    turn_id: UUID | None = None
    call_key: str
    """What makes a call the same one within its turn, so that a repeated turn runs nothing twice."""
    action: str
    description: str
    """In words: "Create the meeting “Kick-off” on 3 March, 15:00"."""
    input: dict[str, object] = Field(default_factory=dict, sa_column=json_column("input"))
    output: dict[str, object] = Field(default_factory=dict, sa_column=json_column("output"))
    said: str = ""
    """What it came to, in the provider's words; empty until it succeeded."""
    state: ActionRunState = Field(sa_column=enum_column(ActionRunState, "state"))
    decided_by: str = ""
    decided_at: datetime | None = Field(default=None, sa_column=time_column("decided_at", nullable=True))
    decision_note: str = ""
    error_code: str = ""
    error_text: str = ""
    trace_id: UUID
    created_at: datetime = Field(sa_column=time_column("created_at"))
    counted_at: datetime | None = Field(default=None, sa_column=time_column("counted_at", nullable=True))
    """When it was let through by the agent's limits; later attempts at it do not count again."""
    started_at: datetime | None = Field(default=None, sa_column=time_column("started_at", nullable=True))
    finished_at: datetime | None = Field(default=None, sa_column=time_column("finished_at", nullable=True))
