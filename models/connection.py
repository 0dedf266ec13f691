"""Connections to providers: the link, its secrets, how it came about, and its checks."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Column, Index, LargeBinary, text
from sqlmodel import Field

from models.base import TenantRow, enum_column, json_column, reference, time_column


class ConnectionStatus(StrEnum):
    """Where a connection stands."""

    PENDING = "pending"
    ACTIVE = "active"
    DEGRADED = "degraded"
    """Works, but not as it should: the last calls failed for a cause that may pass, or a right is missing."""
    NEEDS_REAUTH = "needs_reauth"
    PAUSED = "paused"
    DISCONNECTED = "disconnected"


class CauseClass(StrEnum):
    """What kind of trouble a connection has; decides who can repair it and how."""

    NONE = "none"
    AUTHORISATION = "authorisation"
    PERMISSION = "permission"
    PROVIDER_DOWN = "provider_down"
    RATE_LIMIT = "rate_limit"
    CONFIGURATION = "configuration"


class Ending(StrEnum):
    """What a disconnect that is under way still has to do; the sweeper finishes one that was cut off."""

    NONE = "none"
    KEEP_HISTORY = "keep_history"
    DELETE_HISTORY = "delete_history"
    DELETE_ALL = "delete_all"
    """The connection's own row too."""


class Connection(TenantRow, table=True):
    """A tenant's authorised link to one external account of one provider."""

    __table_args__ = (
        reference("agent_id", "agent"),
        reference("provider_app_id", "provider_app"),
        Index("ix_connection_agent", "tenant_id", "agent_id"),
        Index(
            "ix_connection_refresh_due",
            "refresh_due_at",
            postgresql_where=text("refresh_due_at IS NOT NULL AND status IN ('active', 'degraded', 'paused')"),
        ),
        Index("ix_connection_check_due", "next_check_at"),
        Index("ix_connection_health_due", "health_due_at"),
        Index("ix_connection_ending", "id", postgresql_where=text("ending <> 'none'")),
        Index("ix_connection_account", "provider", "external_account_id"),
    )

    provider: str
    name: str = ""
    """The tenant's own name for it; empty if the external account's name says enough."""
    agent_id: UUID | None = None
    """The agent it belongs to; none for the whole tenant."""
    status: ConnectionStatus = Field(sa_column=enum_column(ConnectionStatus, "status"))
    cause: CauseClass = Field(default=CauseClass.NONE, sa_column=enum_column(CauseClass, "cause"))
    """Why it is not simply active."""
    auth_scheme: str
    """Id of the auth scheme it was connected with."""
    uses_operator_app: bool = False
    """Whether webhooks are signed with the operator's app's secret."""
    provider_app_id: UUID | None = None
    """The tenant's own app it was connected through, if any."""
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
    circuit_failures: int = 0
    """Calls in a row that the provider did not answer, or answered with a failure of its own."""
    circuit_opened_at: datetime | None = Field(default=None, sa_column=time_column("circuit_opened_at", nullable=True))
    """Since when no calls are made but probes; none while they are."""
    circuit_next_at: datetime | None = Field(default=None, sa_column=time_column("circuit_next_at", nullable=True))
    """When the next probe may be made."""
    circuit_reason: str = ""
    """What failed last, in words."""
    held_until: datetime | None = Field(default=None, sa_column=time_column("held_until", nullable=True))
    """Before when the provider wants no more calls."""
    holds_sends_only: bool = False
    """Whether it wants other calls meanwhile."""
    token_expires_at: datetime | None = Field(default=None, sa_column=time_column("token_expires_at", nullable=True))
    """When the access token ends; none if it does not."""
    refresh_due_at: datetime | None = Field(default=None, sa_column=time_column("refresh_due_at", nullable=True))
    """When it is to be refreshed, well before it ends; none if there is nothing to refresh."""
    refreshed_at: datetime | None = Field(default=None, sa_column=time_column("refreshed_at", nullable=True))
    next_check_at: datetime | None = Field(default=None, sa_column=time_column("next_check_at", nullable=True))
    """When the hourly check is due."""
    health_due_at: datetime | None = Field(default=None, sa_column=time_column("health_due_at", nullable=True))
    """When it is to be looked at for findings again; none if it never was."""
    lease_until: datetime | None = Field(default=None, sa_column=time_column("lease_until", nullable=True))
    """Held by whoever refreshes or disconnects: one at a time."""
    lease_token: UUID | None = None
    ending: Ending = Field(default=Ending.NONE, sa_column=enum_column(Ending, "ending"))
    created_at: datetime = Field(sa_column=time_column("created_at"))
    updated_at: datetime = Field(sa_column=time_column("updated_at"))


class ConnectionTransition(TenantRow, table=True):
    """One change of a connection's status: who or what caused it, and why."""

    __tablename__ = "connection_transition"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        reference("connection_id", "connection"),
        Index("ix_connection_transition_connection", "tenant_id", "connection_id", "id"),
    )

    connection_id: UUID
    from_status: str
    to_status: str
    cause: str
    reason: str
    """In words, for the history of the connection."""
    actor_kind: str
    actor_label: str
    created_at: datetime = Field(sa_column=time_column("created_at"))


class ProviderApp(TenantRow, table=True):
    """An app that the tenant registered at a provider itself: its own client id and secrets."""

    __tablename__ = "provider_app"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("uq_provider_app_client", "tenant_id", "provider", "client_id", unique=True),)

    provider: str
    name: str
    client_id: str
    sealed_client_secret: bytes = Field(sa_column=Column("sealed_client_secret", LargeBinary, nullable=False))
    sealed_signing_secret: bytes | None = Field(
        default=None, sa_column=Column("sealed_signing_secret", LargeBinary, nullable=True)
    )
    manifest_version: int = 0
    """Version of the app manifest it was created from; 0 if by hand."""
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


class DataKeyState(StrEnum):
    """Where a data key stands in its rotation."""

    PENDING = "pending"
    """Opens; seals nothing yet, until every process knows it."""
    PRIMARY = "primary"
    DECRYPT_ONLY = "decrypt_only"
    RETIRED = "retired"
    """Opens nothing any more; kept for the way back, and for backups."""
    DESTROYED = "destroyed"


class DataKey(TenantRow, table=True):
    """A tenant's data key, wrapped by the key-encryption key. Its id is the key id in every sealed value."""

    __tablename__ = "data_key"  # pyright: ignore[reportAssignmentType]

    wrapped: bytes = Field(sa_column=Column("wrapped", LargeBinary, nullable=False))
    """Empty once destroyed."""
    kek_id: str
    state: DataKeyState = Field(default=DataKeyState.PRIMARY, sa_column=enum_column(DataKeyState, "state"))
    created_at: datetime = Field(sa_column=time_column("created_at"))
    promoted_at: datetime | None = Field(default=None, sa_column=time_column("promoted_at", nullable=True))
    retired_at: datetime | None = Field(default=None, sa_column=time_column("retired_at", nullable=True))
    destroyed_at: datetime | None = Field(default=None, sa_column=time_column("destroyed_at", nullable=True))


class OAuthAttempt(TenantRow, table=True):
    """One walk to a provider's consent page and back. Single use, ten minutes, bound to a browser session."""

    __tablename__ = "oauth_attempt"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        reference("agent_id", "agent"),
        reference("session_id", "web_session"),
        reference("connection_id", "connection"),
        reference("provider_app_id", "provider_app"),
    )

    state_hash: str = Field(unique=True)
    session_id: UUID
    provider: str
    agent_id: UUID | None = None
    scopes: list[str] = Field(default_factory=list, sa_column=json_column("scopes"))
    redirect_uri: str
    connection_id: UUID | None = None
    """The connection to repair; none for a new one."""
    provider_app_id: UUID | None = None
    """The tenant's own app, if consent is asked for it."""
    is_popup: bool = False
    """Whether the consent page was opened in a window of its own."""
    sealed_verifier: bytes = Field(sa_column=Column("sealed_verifier", LargeBinary, nullable=False))
    """PKCE code verifier, sealed in the vault."""
    created_at: datetime = Field(sa_column=time_column("created_at"))
    expires_at: datetime = Field(sa_column=time_column("expires_at"))
    used_at: datetime | None = Field(default=None, sa_column=time_column("used_at", nullable=True))
    outcome: str = ""
    outcome_message: str = ""
    """Why it was refused, in words, where that says more than the code's own sentence."""


class CheckOrigin(StrEnum):
    """What a test was made for."""

    CONNECT = "connect"
    PERSON = "person"
    SCHEDULE = "schedule"


class ConnectionCheck(TenantRow, table=True):
    """One test of a connection: what was tried, and what came of it."""

    __tablename__ = "connection_check"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        reference("connection_id", "connection"),
        Index("ix_connection_check_connection", "tenant_id", "connection_id", "id"),
    )

    connection_id: UUID
    origin: CheckOrigin = Field(default=CheckOrigin.CONNECT, sa_column=enum_column(CheckOrigin, "origin"))
    succeeded: bool
    cause: CauseClass = Field(default=CauseClass.NONE, sa_column=enum_column(CauseClass, "cause"))
    summary: str
    duration_ms: int | None = None
    """None while it runs, and for good if it was cut off."""
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
