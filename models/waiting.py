"""That a message had to wait: for which limit, pace or provider, and since when."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field

from models.base import TenantRow, reference, time_column


class MessageWait(TenantRow, table=True):
    """One reason for which a message did not leave at once. It ended when the message was tried, or with another."""

    __tablename__ = "message_wait"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        reference("message_id", "message"),
        Index("ix_message_wait_trace", "tenant_id", "trace_id"),
        Index("ix_message_wait_message", "tenant_id", "message_id"),
    )

    message_id: UUID
    trace_id: UUID
    code: str
    """Of the message while it waits, such as ``waits_for_limit``."""
    words: str
    """Which one it is, in words."""
    began_at: datetime = Field(sa_column=time_column("began_at"))
