"""What is special to e-mail: domains, senders, the letter around a message, attachments."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, Index, LargeBinary, text
from sqlmodel import Field

from models.base import TenantRow, json_column, reference, time_column


class EmailDomain(TenantRow, table=True):
    """A domain of a connection, and whether the provider may send from it."""

    __tablename__ = "email_domain"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        reference("connection_id", "connection"),
        Index("uq_email_domain_name", "tenant_id", "connection_id", "name", unique=True),
    )

    connection_id: UUID
    external_id: str
    name: str
    """In lower case."""
    status: str
    """The provider's own word: ``verified``, ``pending``, ``failed``."""
    can_receive: bool = False
    records: list[dict[str, str]] = Field(default_factory=list, sa_column=json_column("records"))
    """DNS records to set, each with ``type``, ``name``, ``value``, ``priority``, ``status`` and ``purpose``."""
    checked_at: datetime = Field(sa_column=time_column("checked_at"))


class EmailSender(TenantRow, table=True):
    """An address that an agent writes from, and that letters to it arrive at."""

    __tablename__ = "email_sender"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        reference("connection_id", "connection"),
        reference("agent_id", "agent"),
        Index("uq_email_sender_address", "tenant_id", "connection_id", "address", unique=True),
        Index("ix_email_sender_agent", "tenant_id", "agent_id"),
    )

    connection_id: UUID
    agent_id: UUID
    address: str
    """In lower case."""
    display_name: str = ""
    """Empty for the agent's name."""
    reply_to: str = ""
    """Where contacts' answers go; empty for ``address``."""
    created_at: datetime = Field(sa_column=time_column("created_at"))
    updated_at: datetime = Field(sa_column=time_column("updated_at"))


class EmailEnvelope(TenantRow, table=True):
    """The letter around one message, in or out. Its id is the message's."""

    __tablename__ = "email_envelope"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        reference("id", "message"),
        reference("connection_id", "connection"),
        reference("conversation_id", "conversation"),
        Index("ix_email_envelope_message_id", "tenant_id", "connection_id", "internet_message_id"),
        Index(
            "ix_email_envelope_sent_as",
            "tenant_id",
            "connection_id",
            "sent_as",
            postgresql_where=text("sent_as <> ''"),
        ),
        Index(
            "ix_email_envelope_in_reply_to",
            "tenant_id",
            "connection_id",
            "in_reply_to",
            postgresql_where=text("in_reply_to <> ''"),
        ),
        Index("ix_email_envelope_conversation", "tenant_id", "conversation_id"),
    )

    connection_id: UUID
    conversation_id: UUID
    internet_message_id: str
    """``Message-ID`` without its angle brackets (RFC 5322 §3.6.4)."""
    sent_as: str = ""
    """The ``Message-ID`` that the provider put in place of ours, if it did; answers name that one."""
    in_reply_to: str = ""
    references: list[str] = Field(default_factory=list, sa_column=json_column("references"))
    """Oldest first, without angle brackets."""
    subject: str = ""
    from_address: str
    from_name: str = ""
    to: list[str] = Field(default_factory=list, sa_column=json_column("to"))
    cc: list[str] = Field(default_factory=list, sa_column=json_column("cc"))
    reply_to: str = ""
    """Where the sender wants answers, as the letter says."""
    html: str = ""
    """As it came; never shown unsanitised."""
    original_text: str = ""
    """The whole text as it came, quotes and signature included."""
    thread_reason: str = ""
    """Why it belongs to its conversation, in words."""
    automatic: str = ""
    """Why it is taken for a machine's letter, in words; empty for a person's."""
    created_at: datetime = Field(sa_column=time_column("created_at"))


class Attachment(TenantRow, table=True):
    """A file that came with a message."""

    __table_args__ = (
        reference("message_id", "message"),
        Index("ix_attachment_message", "tenant_id", "message_id"),
    )

    message_id: UUID
    name: str
    content_type: str
    size_bytes: int
    content: bytes | None = Field(default=None, sa_column=Column("content", LargeBinary, nullable=True))
    left_out: str = ""
    """Why the content was not kept, in words."""
    created_at: datetime = Field(sa_column=time_column("created_at"))
