"""Tenants, the people in them, and what proves who they are."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field

from models.base import Base, TenantRow, enum_column, reference, time_column


class Role(StrEnum):
    """What a person may do in a tenant; the permission table says what exactly."""

    OWNER = "owner"
    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"


class Tenant(Base, table=True):
    """The customer boundary that owns everything."""

    id: UUID = Field(primary_key=True)
    name: str
    time_zone: str = "UTC"
    """IANA name; pages show times in it."""
    created_at: datetime = Field(sa_column=time_column("created_at"))
    deletion_started_at: datetime | None = Field(
        default=None, sa_column=time_column("deletion_started_at", nullable=True)
    )
    """From then on nobody belongs to it any more, and what is left of it is being deleted."""
    deliveries_pruned_until: datetime | None = Field(
        default=None, sa_column=time_column("deliveries_pruned_until", nullable=True)
    )
    """Deliveries from before that time have lost their content for their age."""


class User(Base, table=True):
    """A human who signs in; belongs to tenants through memberships."""

    __tablename__ = "user_account"  # pyright: ignore[reportAssignmentType]

    id: UUID = Field(primary_key=True)
    email: str = Field(unique=True)
    """In lower case."""
    name: str
    password_hash: str = ""
    """Argon2id; empty until a password is set."""
    created_at: datetime = Field(sa_column=time_column("created_at"))


class Membership(TenantRow, table=True):
    """A user's place in a tenant."""

    __table_args__ = (Index("uq_membership_tenant_id_user_id", "tenant_id", "user_id", unique=True),)

    user_id: UUID = Field(foreign_key="user_account.id", ondelete="CASCADE")
    role: Role = Field(sa_column=enum_column(Role, "role"))
    created_at: datetime = Field(sa_column=time_column("created_at"))


class WebSession(TenantRow, table=True):
    """A signed-in browser. Only the hash of its token is stored."""

    __tablename__ = "web_session"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (reference("membership_id", "membership"),)

    token_hash: str = Field(unique=True)
    membership_id: UUID
    created_at: datetime = Field(sa_column=time_column("created_at"))
    last_seen_at: datetime = Field(sa_column=time_column("last_seen_at"))
    expires_at: datetime = Field(sa_column=time_column("expires_at"))
    revoked_at: datetime | None = Field(default=None, sa_column=time_column("revoked_at", nullable=True))


class LinkPurpose(StrEnum):
    """What a one-time link is for."""

    SETUP = "setup"
    SIGN_IN = "sign_in"


class OneTimeLink(Base, table=True):
    """A link that works once: first set-up, or a scripted sign-in. Only the hash of its token is stored."""

    __tablename__ = "one_time_link"  # pyright: ignore[reportAssignmentType]

    id: UUID = Field(primary_key=True)
    token_hash: str = Field(unique=True)
    purpose: LinkPurpose = Field(sa_column=enum_column(LinkPurpose, "purpose"))
    tenant_id: UUID | None = Field(default=None, foreign_key="tenant.id", ondelete="CASCADE")
    user_id: UUID | None = Field(default=None, foreign_key="user_account.id", ondelete="CASCADE")
    created_at: datetime = Field(sa_column=time_column("created_at"))
    expires_at: datetime = Field(sa_column=time_column("expires_at"))
    used_at: datetime | None = Field(default=None, sa_column=time_column("used_at", nullable=True))


class ApiKey(TenantRow, table=True):
    """A bearer key for the REST API. Only its hash is stored."""

    __tablename__ = "api_key"  # pyright: ignore[reportAssignmentType]

    name: str
    role: Role = Field(sa_column=enum_column(Role, "role"))
    prefix: str
    """The first characters, to recognise it by."""
    token_hash: str = Field(unique=True)
    created_at: datetime = Field(sa_column=time_column("created_at"))
    last_used_at: datetime | None = Field(default=None, sa_column=time_column("last_used_at", nullable=True))
    revoked_at: datetime | None = Field(default=None, sa_column=time_column("revoked_at", nullable=True))
