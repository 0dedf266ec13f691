"""The audit log: who did what to what, when."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field

from models.base import TenantRow, json_column, time_column


class AuditEntry(TenantRow, table=True):
    """One administrative act. Rows are only ever added."""

    __tablename__ = "audit_entry"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("ix_audit_entry_object", "tenant_id", "object_kind", "object_id"),)

    actor_kind: str
    actor_id: UUID | None = None
    actor_label: str
    action: str
    object_kind: str
    object_id: UUID | None = None
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=json_column("detail"))
    """Ids and names of what changed; never a secret or a message."""
    created_at: datetime = Field(sa_column=time_column("created_at"))
