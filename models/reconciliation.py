"""How far the deliveries of a connection were compared with what its provider says it had for us."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field

from models.base import WorkRow, reference, time_column


class Reconciliation(WorkRow, table=True):
    """One connection of a provider that never sends again what did not arrive (``next_attempt_at``: look again)."""

    __table_args__ = (
        reference("connection_id", "connection"),
        Index("uq_reconciliation_connection", "tenant_id", "connection_id", unique=True),
        Index("ix_reconciliation_due", "next_attempt_at"),
    )

    connection_id: UUID
    complete_until: datetime = Field(sa_column=time_column("complete_until"))
    """Whatever the provider had for us before that time is stored."""
    cursor: str = ""
    """Where the provider's list goes on; empty between two walks through it."""
    walk_until: datetime | None = Field(default=None, sa_column=time_column("walk_until", nullable=True))
    """How far the walk that is under way will have come at its end."""
    found: int = 0
    """How many deliveries were missed and fetched so far."""
    found_at: datetime | None = Field(default=None, sa_column=time_column("found_at", nullable=True))
    """When the last of them was fetched."""
    note: str = ""
    """Why the last look failed, in words; empty if it did not."""
