"""What needs a person: findings that were seen, whom to tell, and what they were told."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field

from models.base import TenantRow, WorkRow, enum_column, reference, time_column


class HealthFinding(TenantRow, table=True):
    """One finding about a connection, from when it was first seen until it was gone: told once down, once up."""

    __tablename__ = "health_finding"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        reference("connection_id", "connection"),
        Index(
            "uq_health_finding_open",
            "tenant_id",
            "connection_id",
            "code",
            unique=True,
            postgresql_where=text("resolved_at IS NULL"),
        ),
    )

    connection_id: UUID
    code: str
    severity: str
    """``error``: broken now; ``warning``: will break on a named date."""
    since: datetime = Field(sa_column=time_column("since"))
    worsens_at: datetime | None = Field(default=None, sa_column=time_column("worsens_at", nullable=True))
    batch_id: UUID | None = None
    """The notices that say it began; none if there was nobody to tell yet."""
    told_at: datetime | None = Field(default=None, sa_column=time_column("told_at", nullable=True))
    """When the owners were told that it began."""
    untold_reason: str = ""
    """Why nobody could be told, in words."""
    resolved_at: datetime | None = Field(default=None, sa_column=time_column("resolved_at", nullable=True))
    resolution_batch_id: UUID | None = None
    """The notices that say it is over."""
    resolution_told_at: datetime | None = Field(
        default=None, sa_column=time_column("resolution_told_at", nullable=True)
    )


class NoticeTarget(TenantRow, table=True):
    """Where owners want to be told about findings: a channel behind one of their own connections."""

    __tablename__ = "notice_target"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        reference("connection_id", "connection"),
        Index("uq_notice_target_place", "tenant_id", "connection_id", "channel_id", unique=True),
    )

    connection_id: UUID
    channel_id: str
    """Slack channel or user id; phone number; e-mail address."""
    label: str
    created_at: datetime = Field(sa_column=time_column("created_at"))


class NoticeKind(StrEnum):
    """What a notice says."""

    BEGAN = "began"
    OVER = "over"
    TEST = "test"


class NoticeState(StrEnum):
    """Where a notice stands."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    """The provider surely did not accept it."""
    UNKNOWN = "unknown"
    """An attempt was cut off and the provider cannot say whether it accepted it; never sent again by itself."""


class HealthNotice(WorkRow, table=True):
    """One notice to one target: a row of the outbox, sent once."""

    __tablename__ = "health_notice"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        reference("connection_id", "connection"),
        reference("target_id", "notice_target"),
        Index("uq_health_notice_batch", "tenant_id", "batch_id", "target_id", unique=True),
        Index("ix_health_notice_open", "next_attempt_at", postgresql_where=text("state IN ('queued', 'sending')")),
    )

    connection_id: UUID
    """What it is about; not what it goes through."""
    target_id: UUID
    batch_id: UUID
    """Equal for all targets that are told the same."""
    kind: NoticeKind = Field(sa_column=enum_column(NoticeKind, "kind"))
    text: str
    state: NoticeState = Field(sa_column=enum_column(NoticeState, "state"))
    error_text: str = ""
    external_id: str = ""
    created_at: datetime = Field(sa_column=time_column("created_at"))
    attempted_at: datetime | None = Field(default=None, sa_column=time_column("attempted_at", nullable=True))
    finished_at: datetime | None = Field(default=None, sa_column=time_column("finished_at", nullable=True))
