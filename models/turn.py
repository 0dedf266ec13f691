"""Turns: one run of an agent, for one inbound message."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field

from models.base import TenantRow, WorkRow, enum_column, json_column, reference, time_column


class TurnState(StrEnum):
    """Where a turn stands."""

    DUE = "due"
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    """A person is in charge, or the agent is paused."""
    DEAD = "dead"
    """Used up its attempts; handed over to a person."""


class Turn(WorkRow, table=True):
    """One run of an agent: what it was asked, who answered, and why so."""

    __table_args__ = (
        reference("conversation_id", "conversation"),
        reference("agent_id", "agent"),
        reference("message_id", "message"),
        Index("uq_turn_message", "tenant_id", "message_id", unique=True),
        Index("ix_turn_conversation", "tenant_id", "conversation_id", "id"),
        Index("ix_turn_trace", "tenant_id", "trace_id"),
        Index(
            "ix_turn_agent_answered",
            "tenant_id",
            "agent_id",
            "finished_at",
            postgresql_where=text("reply_id IS NOT NULL"),
        ),
        Index("ix_turn_open", "tenant_id", "next_attempt_at", postgresql_where=text("state IN ('due', 'running')")),
    )

    conversation_id: UUID
    agent_id: UUID
    message_id: UUID
    """The inbound message it answers."""
    reply_id: UUID | None = None
    """The outbound message it wrote."""
    state: TurnState = Field(sa_column=enum_column(TurnState, "state"))
    runner: str = ""
    """Who answered: ``playbook`` or ``model``."""
    model: str = ""
    reason: str = ""
    """Why it answered so, in words."""
    input_tokens: int = 0
    output_tokens: int = 0
    handed_over: bool = False
    """Whether it put the conversation into a person's hands: by the answer, an action, a limit, or having none."""
    trace_id: UUID
    created_at: datetime = Field(sa_column=time_column("created_at"))
    started_at: datetime | None = Field(default=None, sa_column=time_column("started_at", nullable=True))
    finished_at: datetime | None = Field(default=None, sa_column=time_column("finished_at", nullable=True))


class RehearsalState(StrEnum):
    """Where a rehearsal stands."""

    DUE = "due"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    """The agent could not answer."""


class Rehearsal(WorkRow, table=True):
    """A turn run again by today's rules, into a draft that nobody is sent. No action is carried out."""

    __table_args__ = (
        reference("turn_id", "turn"),
        Index("ix_rehearsal_trace", "tenant_id", "trace_id"),
        Index(
            "uq_rehearsal_open",
            "tenant_id",
            "turn_id",
            unique=True,
            postgresql_where=text("state IN ('due', 'running')"),
        ),
        Index("ix_rehearsal_due", "next_attempt_at", postgresql_where=text("state IN ('due', 'running')")),
    )

    turn_id: UUID
    state: RehearsalState = Field(sa_column=enum_column(RehearsalState, "state"))
    asked_by: str
    """Label of the actor."""
    text: str = ""
    """What the agent would have written."""
    actions: list[str] = Field(default_factory=list[str], sa_column=json_column("actions"))
    """Names of the actions it would have taken, in order."""
    would_hand_over: bool = False
    runner: str = ""
    """Who answered: ``playbook`` or ``model``."""
    model: str = ""
    reason: str = ""
    """Why it answered so, or why it could not, in words."""
    input_tokens: int = 0
    output_tokens: int = 0
    trace_id: UUID
    created_at: datetime = Field(sa_column=time_column("created_at"))
    started_at: datetime | None = Field(default=None, sa_column=time_column("started_at", nullable=True))
    finished_at: datetime | None = Field(default=None, sa_column=time_column("finished_at", nullable=True))


class FailedAttempt(TenantRow, table=True):
    """An attempt at a delivery, turn, message or action that failed. Kept although its transaction was rolled back."""

    __tablename__ = "failed_attempt"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("ix_failed_attempt_trace", "tenant_id", "trace_id"),)

    trace_id: UUID
    subject: str
    """``delivery``, ``turn``, ``message``, ``action`` or ``rehearsal``."""
    subject_id: UUID
    attempt: int
    error: str
    """Class of the error."""
    code: str = ""
    """Its stable word; empty for a crash."""
    provider: str = ""
    """Slug of the provider that caused it, if one did."""
    message: str
    """What may be shown of it."""
    next_attempt_at: datetime | None = Field(default=None, sa_column=time_column("next_attempt_at", nullable=True))
    created_at: datetime = Field(sa_column=time_column("created_at"))
