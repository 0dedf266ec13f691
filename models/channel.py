"""Channels of several people, such as Slack's: what is listed of them, and what the agent does there."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field

from models.base import TenantRow, WorkRow, enum_column, reference, time_column


class ChannelMode(StrEnum):
    """What the agent answers in a channel of several people."""

    ALL = "all"
    MENTIONS = "mentions"
    OFF = "off"


class ChannelPolicy(TenantRow, table=True):
    """One shared channel of a connection, as the provider lists it, and what the agent does there.

    The row without ``external_id`` is the default for all channels without a mode of their own.
    """

    __tablename__ = "channel_policy"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        reference("connection_id", "connection"),
        reference("agent_id", "agent"),
        Index("uq_channel_policy_external", "tenant_id", "connection_id", "external_id", unique=True),
        Index("ix_channel_policy_name", "tenant_id", "connection_id", text("lower(name)")),
    )

    connection_id: UUID
    external_id: str = ""
    name: str = ""
    is_private: bool = False
    is_member: bool = False
    """Whether the agent is in the channel; it hears nothing elsewhere."""
    people_count: int | None = None
    mode: ChannelMode | None = Field(default=None, sa_column=enum_column(ChannelMode, "mode", nullable=True))
    """None: as the default row says."""
    agent_id: UUID | None = None
    """Who answers there; None: the agent of the default row, else the connection's."""
    listed_at: datetime | None = Field(default=None, sa_column=time_column("listed_at", nullable=True))
    """When the provider last listed it; none for the default row and for an id that a person typed."""
    updated_at: datetime = Field(sa_column=time_column("updated_at"))


class ChannelListing(WorkRow, table=True):
    """How far the list of a connection's channels is read; one row a connection, gone through page by page."""

    __tablename__ = "channel_listing"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        reference("connection_id", "connection"),
        Index("uq_channel_listing_connection", "tenant_id", "connection_id", unique=True),
        Index("ix_channel_listing_due", "next_attempt_at"),
    )

    connection_id: UUID
    cursor: str = ""
    """The provider's mark of the next page; empty if a new round begins."""
    began_at: datetime | None = Field(default=None, sa_column=time_column("began_at", nullable=True))
    """When the round under way began; none between rounds."""
    finished_at: datetime | None = Field(default=None, sa_column=time_column("finished_at", nullable=True))
    """When the last whole round ended."""
    listed_count: int = 0
    """Channels of the round so far, or of the last one."""
    error_text: str = ""
    """Why the last page could not be read, in words."""
    created_at: datetime = Field(sa_column=time_column("created_at"))
