"""What the pages and the API show of connections. Nothing here can hold a secret."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialHint:
    """That a secret is stored, and how it ends."""

    name: str
    label: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    """One test of a connection."""

    succeeded: bool
    summary: str
    duration_ms: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookUrlView:
    """One of our addresses, and where it is pasted at the provider."""

    kind: str
    label: str
    url: str
    pasted_into: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneNumberView:
    """One of a connection's numbers, and the agent that answers there."""

    id: UUID
    number: str
    label: str
    agent_id: UUID | None
    agent_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalView:
    """How many webhooks were refused for one reason within the last day."""

    reason: str
    count: int
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionView:
    """A connection as shown."""

    id: UUID
    provider: str
    provider_name: str
    category: str
    agent_id: UUID | None
    agent_name: str
    status: str
    auth_scheme: str
    uses_operator_app: bool
    external_account_id: str
    external_account_name: str
    account_noun: str
    scopes: tuple[str, ...]
    settings: dict[str, str]
    """Values that are not secret, and facts about the account."""
    credential_hints: tuple[CredentialHint, ...]
    connected_at: datetime | None
    connected_by: str
    last_event_at: datetime | None
    last_error: str
    last_error_at: datetime | None
    error_count: int
    last_check: CheckView | None
    webhook_urls: tuple[WebhookUrlView, ...]
    numbers: tuple[PhoneNumberView, ...]
    refusals: tuple[RefusalView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldView:
    """One value to type when connecting; draws the form's input."""

    name: str
    label: str
    kind: str
    help: str
    placeholder: str
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeView:
    """A right that is asked for, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemeView:
    """One way to connect. ``missing`` says what the operator must set first; empty if it is ready."""

    id: str
    label: str
    is_oauth: bool
    fields: tuple[FieldView, ...]
    missing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCardView:
    """A provider in the catalogue. ``missing`` is set if there is no way to connect yet."""

    slug: str
    name: str
    category: str
    summary: str
    docs_url: str
    account_noun: str
    schemes: tuple[SchemeView, ...]
    scopes: tuple[ScopeView, ...]
    has_operator_app: bool
    setup_guide: str
    """Markdown."""
    disconnect_effects: tuple[str, ...]
    connection_count: int
    """Connections in force: for the agent asked about, else for the whole tenant."""
    missing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthOutcome:
    """How a walk to a provider's consent page ended.

    ``agent_id`` is None if the attempt is not known, or not this tenant's.
    """

    ok: bool
    code: str
    message: str
    agent_id: UUID | None = field(default=None)
    connection_id: UUID | None = field(default=None)
