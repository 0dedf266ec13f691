"""What needs a person: findings that were seen, and whom to tell."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field

from models.base import TenantRow, reference, time_column


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
    told_at: datetime | None = Field(default=None, sa_column=time_column("told_at", nullable=True))
    """When the owners were told that it began."""
    resolved_at: datetime | None = Field(default=None, sa_column=time_column("resolved_at", nullable=True))
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
    """Slack channel or user id; phone number."""
    label: str
    created_at: datetime = Field(sa_column=time_column("created_at"))
