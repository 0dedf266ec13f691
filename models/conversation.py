"""Contacts, conversations and messages of all channels."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Column, Computed, Index, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlmodel import Field

from models.base import TenantRow, WorkRow, enum_column, reference, time_column


class Contact(TenantRow, table=True):
    """A person outside."""

    name: str
    created_at: datetime = Field(sa_column=time_column("created_at"))


class ContactIdentity(TenantRow, table=True):
    """A contact's handle at one provider."""

    __tablename__ = "contact_identity"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        reference("contact_id", "contact"),
        Index("uq_contact_identity_external", "tenant_id", "provider", "scope", "external_id", unique=True),
    )

    contact_id: UUID
    provider: str
    scope: str = ""
    """What makes ``external_id`` unique, such as a Slack workspace; empty if it is already."""
    external_id: str
    created_at: datetime = Field(sa_column=time_column("created_at"))


class ConversationState(StrEnum):
    """Who is in charge of a conversation."""

    AGENT = "agent"
    WAITING = "waiting"
    """Handed over; waits for a person."""
    HUMAN = "human"
    CLOSED = "closed"
    ARCHIVED = "archived"


class Conversation(TenantRow, table=True):
    """An ordered exchange with a contact in a channel. Its lease allows one turn at a time."""

    __table_args__ = (
        reference("agent_id", "agent"),
        reference("connection_id", "connection"),
        reference("contact_id", "contact"),
        Index("uq_conversation_key", "tenant_id", "connection_id", "external_key", unique=True),
        Index("ix_conversation_list", "tenant_id", "agent_id", text("last_message_at DESC"), "id"),
        Index("ix_conversation_channel", "tenant_id", "connection_id", "channel_id"),
    )

    agent_id: UUID
    connection_id: UUID
    contact_id: UUID
    contact_address: str
    """The contact's id at the provider, where answers go: Slack user id, phone number."""
    channel_kind: str
    channel_id: str
    channel_name: str = ""
    subject: str = ""
    """What an e-mail thread is about; empty elsewhere."""
    external_key: str
    """What holds the exchange together at the provider."""
    state: ConversationState = Field(sa_column=enum_column(ConversationState, "state"))
    state_reason: str = ""
    state_changed_at: datetime = Field(sa_column=time_column("state_changed_at"))
    last_message_at: datetime = Field(sa_column=time_column("last_message_at"))
    last_message_text: str = ""
    last_message_author: str = ""
    message_count: int = 0
    unread_count: int = 0
    lease_until: datetime | None = Field(default=None, sa_column=time_column("lease_until", nullable=True))
    lease_token: UUID | None = None
    created_at: datetime = Field(sa_column=time_column("created_at"))


class Direction(StrEnum):
    """Which way a message went."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class Author(StrEnum):
    """Who wrote a message."""

    CONTACT = "contact"
    AGENT = "agent"
    USER = "user"


class MessageState(StrEnum):
    """Where a message stands."""

    RECEIVED = "received"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """An attempt was cut off and the provider cannot say whether it accepted it; never sent again by itself."""


class Message(WorkRow, table=True):
    """One item of a conversation. Outbound rows are the outbox."""

    __table_args__ = (
        reference("conversation_id", "conversation"),
        reference("connection_id", "connection"),
        Index("ix_message_thread", "tenant_id", "conversation_id", "id"),
        Index("ix_message_trace", "tenant_id", "trace_id"),
        Index(
            "uq_message_idempotency_key",
            "tenant_id",
            "conversation_id",
            "idempotency_key",
            unique=True,
            postgresql_where=text("idempotency_key <> ''"),
        ),
        Index(
            "uq_message_external",
            "tenant_id",
            "connection_id",
            "direction",
            "external_id",
            unique=True,
            postgresql_where=text("external_id <> ''"),
        ),
        Index(
            "ix_message_trouble",
            "tenant_id",
            "connection_id",
            "created_at",
            postgresql_where=text("state IN ('failed', 'unknown')"),
        ),
        Index(
            "ix_message_counted",
            "tenant_id",
            "counted_at",
            postgresql_where=text("counted_at IS NOT NULL"),
        ),
        Index(
            "ix_message_answer",
            "tenant_id",
            "id",
            postgresql_include=["state", "sent_at"],
            postgresql_where=text("direction = 'outbound'"),
        ),
        Index(
            "ix_message_open", "tenant_id", "next_attempt_at", postgresql_where=text("state IN ('queued', 'sending')")
        ),
    )

    conversation_id: UUID
    connection_id: UUID
    direction: Direction = Field(sa_column=enum_column(Direction, "direction"))
    author: Author = Field(sa_column=enum_column(Author, "author"))
    author_label: str
    text: str
    state: MessageState = Field(sa_column=enum_column(MessageState, "state"))
    error_code: str = ""
    error_text: str = ""
    external_id: str = ""
    recipient: str = ""
    """The contact's id at the provider; outbound only."""
    reply_to: str = ""
    """Where the answer goes, such as a Slack thread."""
    idempotency_key: str = ""
    """The caller's promise that the same key is the same message; a person's replies have one."""
    resends: int = 0
    """How often a person had it sent again although the provider had accepted it before."""
    segments: int | None = None
    trace_id: UUID
    created_at: datetime = Field(sa_column=time_column("created_at"))
    attempted_at: datetime | None = Field(default=None, sa_column=time_column("attempted_at", nullable=True))
    counted_at: datetime | None = Field(default=None, sa_column=time_column("counted_at", nullable=True))
    """When it was let through by the agent's limits; later attempts at it do not count again."""
    sent_at: datetime | None = Field(default=None, sa_column=time_column("sent_at", nullable=True))
    delivered_at: datetime | None = Field(default=None, sa_column=time_column("delivered_at", nullable=True))


# Not a field: nothing reads the words back, and every message that is read would bring them along.
_MESSAGES = Message.metadata.tables["message"]
_MESSAGES.append_column(
    Column(
        "search",
        TSVECTOR,
        # With a token of the tenant: an index over words alone would have a small tenant read through all others'.
        Computed(
            "to_tsvector('simple', left(text, 20000)) || array_to_tsvector(ARRAY['@' || tenant_id::text])",
            persisted=True,
        ),
    )
)
Index(
    "ix_message_search",
    _MESSAGES.c.search,
    postgresql_using="gin",
    postgresql_with={"gin_pending_list_limit": "512"},
)
