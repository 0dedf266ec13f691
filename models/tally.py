"""What became of messages, counted hour by hour, so that a look at three months reads no messages.

Turns and answers are the record. An hour that was counted and whose rows changed since is named in ``tally_change``,
by triggers on those tables, and is read from the rows until it is counted anew.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, Index, LargeBinary
from sqlmodel import Field

from models.base import TenantRow, reference, time_column


class Tally(TenantRow, table=True):
    """The messages that came in during one hour (in UTC) for one agent by one kind of channel."""

    __table_args__ = (
        reference("agent_id", "agent"),
        Index("ix_tally_hour", "tenant_id", "begins_at"),
    )

    begins_at: datetime = Field(sa_column=time_column("begins_at"))
    agent_id: UUID
    channel_kind: str
    inbound: int
    asked: int
    answered: int
    failed: int
    handed_over: int
    took: bytes = Field(sa_column=Column("took", LargeBinary, nullable=False))
    """How long each answer took: two bytes, big-endian, the step of a scale on which each step is 2 % longer."""


class TallyProgress(TenantRow, table=True):
    """How far a tenant's hours are counted."""

    __tablename__ = "tally_progress"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("uq_tally_progress_tenant", "tenant_id", unique=True),)

    counted_since: datetime = Field(sa_column=time_column("counted_since"))
    counted_until: datetime = Field(sa_column=time_column("counted_until"))
    watched_until: datetime = Field(sa_column=time_column("watched_until"))
    """Changes of hours before that are written down; those up to here are counted next."""
    watched_from: int | None = Field(default=None, sa_column=Column("watched_from", BigInteger, nullable=True))
    """All transactions of which PostgreSQL numbers at least this high know of ``watched_until``."""


class TallyChange(TenantRow, table=True):
    """A change of rows that belong to an hour which is counted already, or is about to be."""

    __tablename__ = "tally_change"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("ix_tally_change_hour", "tenant_id", "begins_at"),)

    begins_at: datetime = Field(sa_column=time_column("begins_at"))
