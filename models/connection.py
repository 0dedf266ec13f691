"""Connections to providers: the link, its secrets, how it came about, and its checks."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Column, Index, LargeBinary
from sqlmodel import Field

from models.base import TenantRow, enum_column, json_column, reference, time_column


class ConnectionStatus(StrEnum):
    """Where a connection stands."""

    PENDING = "pending"
    ACTIVE = "active"
    NEEDS_REAUTH = "needs_reauth"
    DISABLED = "disabled"
    REVOKED = "revoked"


class Connection(TenantRow, table=True):
    """A tenant's authorised link to one external account of one provider."""

    __table_args__ = (
        reference("agent_id", "agent"),
        Index("ix_connection_agent", "tenant_id", "agent_id"),
        Index("ix_connection_account", "provider", "external_account_id"),
    )

    provider: str
    agent_id: UUID | None = None
    """The agent it belongs to; none for the whole tenant."""
    status: ConnectionStatus = Field(sa_column=enum_column(ConnectionStatus, "status"))
    auth_scheme: str
    """Id of the auth scheme it was connected with."""
    uses_operator_app: bool = False
    """Whether webhooks are signed with the operator's app's secret."""
    external_account_id: str = ""
    external_account_name: str = ""
    scopes: list[str] = Field(default_factory=list, sa_column=json_column("scopes"))
    settings: dict[str, str] = Field(default_factory=dict, sa_column=json_column("settings"))
    """Values that are not secret, and facts about the account such as ``bot_user_id``."""
    connected_by: str = ""
    """Label of the actor who connected it."""
    connected_at: datetime | None = Field(default=None, sa_column=time_column("connected_at", nullable=True))
    last_event_at: datetime | None = Field(default=None, sa_column=time_column("last_event_at", nullable=True))
    last_error_at: datetime | None = Field(default=None, sa_column=time_column("last_error_at", nullable=True))
    last_error: str = ""
    error_count: int = 0
    created_at: datetime = Field(sa_column=time_column("created_at"))
    updated_at: datetime = Field(sa_column=time_column("updated_at"))


class Credential(TenantRow, table=True):
    """One secret of a connection, sealed in the vault."""

    __table_args__ = (
        reference("connection_id", "connection"),
        Index("uq_credential_name", "tenant_id", "connection_id", "name", unique=True),
    )

    connection_id: UUID
    name: str
    sealed: bytes = Field(sa_column=Column("sealed", LargeBinary, nullable=False))
    hint: str = ""
    """What may be shown of it."""
    updated_at: datetime = Field(sa_column=time_column("updated_at"))


class DataKey(TenantRow, table=True):
    """A tenant's data key, wrapped by the key-encryption key. Its id is the key id in every sealed value."""

    __tablename__ = "data_key"  # pyright: ignore[reportAssignmentType]

    wrapped: bytes = Field(sa_column=Column("wrapped", LargeBinary, nullable=False))
    kek_id: str
    is_primary: bool = True
    created_at: datetime = Field(sa_column=time_column("created_at"))


class OAuthAttempt(TenantRow, table=True):
    """One walk to a provider's consent page and back. Single use, ten minutes, bound to a browser session."""

    __tablename__ = "oauth_attempt"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (reference("agent_id", "agent"), reference("session_id", "web_session"))

    state_hash: str = Field(unique=True)
    session_id: UUID
    provider: str
    agent_id: UUID | None = None
    scopes: list[str] = Field(default_factory=list, sa_column=json_column("scopes"))
    redirect_uri: str
    sealed_verifier: bytes = Field(sa_column=Column("sealed_verifier", LargeBinary, nullable=False))
    """PKCE code verifier, sealed in the vault."""
    created_at: datetime = Field(sa_column=time_column("created_at"))
    expires_at: datetime = Field(sa_column=time_column("expires_at"))
    used_at: datetime | None = Field(default=None, sa_column=time_column("used_at", nullable=True))
    outcome: str = ""


class ConnectionCheck(TenantRow, table=True):
    """One test of a connection: what was tried, and what came of it."""

    __tablename__ = "connection_check"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        reference("connection_id", "connection"),
        Index("ix_connection_check_connection", "tenant_id", "connection_id", "id"),
    )

    connection_id: UUID
    succeeded: bool
    summary: str
    duration_ms: int
    created_at: datetime = Field(sa_column=time_column("created_at"))


class PhoneNumber(TenantRow, table=True):
    """One of a connection's own numbers, and the agent that answers there."""

    __tablename__ = "phone_number"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        reference("connection_id", "connection"),
        reference("agent_id", "agent"),
        Index("uq_phone_number_number", "tenant_id", "connection_id", "number", unique=True),
    )

    connection_id: UUID
    agent_id: UUID | None = None
    external_id: str
    number: str
    """E.164."""
    label: str = ""
    updated_at: datetime = Field(sa_column=time_column("updated_at"))


class OptOut(TenantRow, table=True):
    """A contact who wants no messages from one of our senders."""

    __tablename__ = "opt_out"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        reference("connection_id", "connection"),
        Index("uq_opt_out_pair", "tenant_id", "connection_id", "sender", "contact", unique=True),
    )

    connection_id: UUID
    sender: str
    contact: str
    keyword: str
    created_at: datetime = Field(sa_column=time_column("created_at"))
