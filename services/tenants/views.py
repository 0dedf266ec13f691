"""What the tenants' services take and give."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from models import Role
from services.kernel.secret import Secret
from services.tenants.actor import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupForm:
    """What the first person tells about themselves and their company."""

    tenant_name: str
    name: str
    email: str
    password: Secret = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A browser that has signed in; the token goes into its cookie and nowhere else."""

    actor: Actor
    session_token: Secret = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiKey:
    """A new API key; the only time its value is given out."""

    id: UUID
    name: str
    role: Role
    prefix: str
    key: Secret = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BootstrapResult:
    """A new tenant for scripts: its ids, a key for the API, and a link to sign in with."""

    tenant_id: UUID
    user_id: UUID
    api_key: Secret = field(repr=False)
    sign_in_link: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantView:
    """A tenant and what it has."""

    id: UUID
    name: str
    created_at: datetime
    agent_count: int
    connection_count: int
    waiting_count: int
    """Conversations that wait for a person."""
