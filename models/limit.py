"""How much agents may send and do, and the alarms about it."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field

from models.base import TenantRow, enum_column, reference, time_column


class LimitGroup(StrEnum):
    """What is counted together."""

    SLACK = "slack"
    EMAIL = "email"
    SMS = "sms"
    CHAT = "chat"
    ACTIONS = "actions"
    ALL = "all"
    """All that the tenant's agents send and do, together; only in the row without an agent."""


class Excess(StrEnum):
    """What happens to what is over a limit."""

    WAIT = "wait"
    HAND_OVER = "hand_over"
    DROP = "drop"


class LimitSpan(StrEnum):
    """How long a window is; windows begin at full minutes, full hours and midnight, in UTC."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


class AgentLimit(TenantRow, table=True):
    """What somebody set for an agent in one group, or for all agents together; without a row the defaults hold."""

    __tablename__ = "agent_limit"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        reference("agent_id", "agent"),
        Index(
            "uq_agent_limit_group",
            "tenant_id",
            "agent_id",
            "channel_group",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
    )

    agent_id: UUID | None = None
    channel_group: LimitGroup = Field(sa_column=enum_column(LimitGroup, "channel_group"))
    per_minute: int | None = None
    """None: no limit."""
    per_hour: int | None = None
    per_day: int | None = None
    excess: Excess = Field(sa_column=enum_column(Excess, "excess"))
    updated_by: str
    updated_at: datetime = Field(sa_column=time_column("updated_at"))


class LimitAlarm(TenantRow, table=True):
    """The last time a window was used to four fifths or wholly; over when the window is."""

    __tablename__ = "limit_alarm"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        reference("agent_id", "agent"),
        reference("connection_id", "connection"),
        Index(
            "uq_limit_alarm_window",
            "tenant_id",
            "agent_id",
            "channel_group",
            "span",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_limit_alarm_connection", "tenant_id", "connection_id"),
    )

    agent_id: UUID | None = None
    """None: all agents together."""
    connection_id: UUID
    """What went through it when the alarm was raised."""
    channel_group: LimitGroup = Field(sa_column=enum_column(LimitGroup, "channel_group"))
    span: LimitSpan = Field(sa_column=enum_column(LimitSpan, "span"))
    used: int
    most: int
    """The limit."""
    excess: Excess = Field(sa_column=enum_column(Excess, "excess"))
    raised_at: datetime = Field(sa_column=time_column("raised_at"))
    resets_at: datetime = Field(sa_column=time_column("resets_at"))
