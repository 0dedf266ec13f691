"""Rotation of keys: who knows which, and how far a rotation has come."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field

from models.base import Base, TenantRow, enum_column, time_column


class KeyRing(Base, table=True):
    """How often a data key was added for a rotation, all tenants together: one row.

    Whoever adds one counts up in the same transaction and so waits for others who do: a process that reads a version
    sees every key that was added up to it.
    """

    __tablename__ = "key_ring"  # pyright: ignore[reportAssignmentType]

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    version: int = 0


class KeyHolder(Base, table=True):
    """A running process and the newest keys it has seen; a rotation waits until all have seen the new one."""

    __tablename__ = "key_holder"  # pyright: ignore[reportAssignmentType]

    id: UUID = Field(primary_key=True)
    process: str
    ring_version: int
    """The newest version of the ring of which the process has opened every key that is about to be used."""
    kek_ids: str
    """Ids of the key-encryption keys it can unwrap with, comma-separated."""
    seen_at: datetime = Field(sa_column=time_column("seen_at"))


class RotationState(StrEnum):
    """Where a rotation stands; each step can be taken again after a crash."""

    ADDED = "added"
    """The new key is there; processes are to see it before anything is sealed with it."""
    PROMOTED = "promoted"
    """New secrets are sealed with it; the old ones are being re-encrypted."""
    REENCRYPTED = "reencrypted"
    RETIRED = "retired"
    """The old key opens nothing any more; it is kept for the way back."""
    DONE = "done"
    """The old key is destroyed."""
    REVERTING = "reverting"
    """On the way back: the old key seals again, what the new one sealed is being re-encrypted."""
    REVERTED = "reverted"


class KeyRotation(TenantRow, table=True):
    """One rotation of a tenant's data key."""

    __tablename__ = "key_rotation"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index(
            "uq_key_rotation_under_way",
            "tenant_id",
            unique=True,
            postgresql_where=text("state IN ('added', 'promoted', 'reencrypted', 'reverting')"),
        ),
        Index("ix_key_rotation_due", "next_step_at", postgresql_where=text("finished_at IS NULL")),
    )

    old_key_id: UUID
    new_key_id: UUID
    state: RotationState = Field(sa_column=enum_column(RotationState, "state"))
    ring_version: int
    """The version of the ring that brought the new key."""
    rows_total: int = 0
    rows_done: int = 0
    problem: str = ""
    """What keeps it from going on, in words."""
    started_by: str
    started_at: datetime = Field(sa_column=time_column("started_at"))
    updated_at: datetime = Field(sa_column=time_column("updated_at"))
    next_step_at: datetime = Field(sa_column=time_column("next_step_at"))
    """When the next step is due."""
    finished_at: datetime | None = Field(default=None, sa_column=time_column("finished_at", nullable=True))
