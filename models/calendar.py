"""Calendars: what is cached of them, how far they are synced, and what the provider calls us for."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Column, Index, LargeBinary
from sqlmodel import Field

from models.base import TenantRow, WorkRow, enum_column, json_column, reference, time_column


class Calendar(WorkRow, table=True):
    """One calendar of a connection: its cursor, and when to ask for changes again (``next_attempt_at``)."""

    __table_args__ = (
        reference("connection_id", "connection"),
        Index("uq_calendar_connection", "tenant_id", "connection_id", "external_id", unique=True),
        Index("ix_calendar_due", "next_attempt_at"),
        Index("ix_calendar_subscribe_due", "subscribe_due_at"),
    )

    connection_id: UUID
    external_id: str
    """The provider's id; ``primary`` until it told us its own."""
    name: str = ""
    time_zone: str = ""
    """IANA name; empty until the provider told us."""
    cursor: str = ""
    """Where the provider's list of changes goes on; empty if everything is to be read anew."""
    cursor_at: datetime | None = Field(default=None, sa_column=time_column("cursor_at", nullable=True))
    """When everything was read anew last."""
    changed_at: datetime | None = Field(default=None, sa_column=time_column("changed_at", nullable=True))
    """When the provider last said that something changed."""
    synced_at: datetime | None = Field(default=None, sa_column=time_column("synced_at", nullable=True))
    """When the cache was last equal to the source."""
    sync_note: str = ""
    """What the last sync did, in words."""
    subscribe_due_at: datetime | None = Field(default=None, sa_column=time_column("subscribe_due_at", nullable=True))
    """When the subscription is to be renewed; none if the connection is out of use."""
    subscribe_attempt: int = 0
    """Attempts in a row that failed."""
    subscribe_error: str = ""
    """Why the last request for a subscription failed, in words; empty if it was granted."""
    created_at: datetime = Field(sa_column=time_column("created_at"))
    updated_at: datetime = Field(sa_column=time_column("updated_at"))


class SubscriptionState(StrEnum):
    """Where a registration at the provider stands."""

    PENDING = "pending"
    """Stored before it is asked for, so that a notification that comes early is known."""
    ACTIVE = "active"
    STOPPING = "stopping"
    """Its successor works; it is still to be stopped."""


class Subscription(TenantRow, table=True):
    """The registration of our address at the provider for one calendar. Deleted once it is stopped or has expired."""

    __table_args__ = (
        reference("connection_id", "connection"),
        reference("calendar_id", "calendar"),
        Index("uq_subscription_external", "external_id", unique=True),
        Index("ix_subscription_calendar", "tenant_id", "calendar_id"),
    )

    connection_id: UUID
    calendar_id: UUID
    external_id: str
    """The channel id that we gave it; the provider repeats it with each notification."""
    external_resource_id: str = ""
    """The provider's id of what is watched; empty until it answered."""
    sealed_token: bytes = Field(sa_column=Column("sealed_token", LargeBinary, nullable=False))
    """What the provider repeats as a proof that it is the sender."""
    state: SubscriptionState = Field(sa_column=enum_column(SubscriptionState, "state"))
    expires_at: datetime | None = Field(default=None, sa_column=time_column("expires_at", nullable=True))
    """As the provider answered."""
    notified_at: datetime | None = Field(default=None, sa_column=time_column("notified_at", nullable=True))
    created_at: datetime = Field(sa_column=time_column("created_at"))


class EventStatus(StrEnum):
    """Whether a meeting takes place. Cancelled ones are not kept, except single dates of a series."""

    CONFIRMED = "confirmed"
    TENTATIVE = "tentative"
    CANCELLED = "cancelled"


class CalendarEvent(TenantRow, table=True):
    """One meeting, as the provider last told us."""

    __tablename__ = "calendar_event"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        reference("connection_id", "connection"),
        reference("calendar_id", "calendar"),
        Index("uq_calendar_event_external", "tenant_id", "calendar_id", "external_id", unique=True),
        Index("ix_calendar_event_time", "tenant_id", "calendar_id", "starts_at"),
        Index("ix_calendar_event_connection", "tenant_id", "connection_id", "starts_at"),
    )

    connection_id: UUID
    calendar_id: UUID
    external_id: str
    series_id: str = ""
    """The provider's id of the series that it is a date of; empty for a single meeting."""
    title: str = ""
    description: str = ""
    starts_at: datetime = Field(sa_column=time_column("starts_at"))
    ends_at: datetime = Field(sa_column=time_column("ends_at"))
    is_all_day: bool = False
    """Then the times are midnights in the calendar's zone."""
    time_zone: str = ""
    location: str = ""
    meet_url: str = ""
    conference_type: str = ""
    """``hangoutsMeet`` and the like."""
    html_url: str = ""
    organizer_email: str = ""
    attendees: list[dict[str, str]] = Field(default_factory=list, sa_column=json_column("attendees"))
    """Each with ``email`` and ``response``."""
    status: EventStatus = Field(sa_column=enum_column(EventStatus, "status"))
    is_agent_invited: bool = False
    """Whether the connected account is among the attendees."""
    is_agent_booking: bool = False
    """Whether an agent made it."""
    etag: str = ""
    external_updated_at: datetime | None = Field(
        default=None, sa_column=time_column("external_updated_at", nullable=True)
    )
    synced_at: datetime = Field(sa_column=time_column("synced_at"))
    created_at: datetime = Field(sa_column=time_column("created_at"))
