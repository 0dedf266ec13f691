"""Rotation of keys: who knows which, and how far a rotation has come."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlmodel import Field

from models.base import Base, TenantRow, enum_column, time_column


class KeyHolder(Base, table=True):
    """A running process and the newest keys it has seen; a rotation waits until all have seen the new one."""

    __tablename__ = "key_holder"  # pyright: ignore[reportAssignmentType]

    id: UUID = Field(primary_key=True)
    process: str
    ring_version: int
    """How many data keys the process knew when it last looked."""
    kek_ids: str
    """Ids of the key-encryption keys it can unwrap with, comma-separated."""
    seen_at: datetime = Field(sa_column=time_column("seen_at"))


class RotationState(StrEnum):
    """Where a rotation stands; each step can be taken again after a crash."""

    ADDED = "added"
    PROMOTED = "promoted"
    REENCRYPTED = "reencrypted"
    RETIRED = "retired"
    DONE = "done"
    REVERTED = "reverted"


class KeyRotation(TenantRow, table=True):
    """One rotation of a tenant's data key."""

    __tablename__ = "key_rotation"  # pyright: ignore[reportAssignmentType]

    old_key_id: UUID
    new_key_id: UUID
    state: RotationState = Field(sa_column=enum_column(RotationState, "state"))
    rows_total: int = 0
    rows_done: int = 0
    started_by: str
    started_at: datetime = Field(sa_column=time_column("started_at"))
    updated_at: datetime = Field(sa_column=time_column("updated_at"))
    finished_at: datetime | None = Field(default=None, sa_column=time_column("finished_at", nullable=True))
