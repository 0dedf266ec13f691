"""What the pages and the API show of connections. Nothing here can hold a secret."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
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
    cause: str
    """What kind of trouble it met: ``authorisation``, ``provider_down`` and so on; ``none`` if it succeeded."""
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
class UsageView:
    """Who works through a connection."""

    agents: tuple[str, ...]
    """Their names."""
    channels: int
    """Numbers with an agent, or channels in which people have written."""
    conversations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeView:
    """A right that is asked for, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionView:
    """A connection as shown."""

    id: UUID
    provider: str
    provider_name: str
    name: str
    """The tenant's own name for it, else the external account's."""
    category: str
    agent_id: UUID | None
    agent_name: str
    status: str
    cause: str
    """What kind of trouble it has: ``authorisation``, ``permission``, ``provider_down``, ``rate_limit``,
    ``configuration``; ``none`` if none."""
    is_ending: bool
    """Disconnected, but its access is still being revoked or its history deleted."""
    used_by: UsageView
    auth_scheme: str
    uses_operator_app: bool
    provider_app_id: UUID | None
    """The tenant's own app, if it came through one."""
    provider_app_name: str
    external_account_id: str
    external_account_name: str
    account_noun: str
    scopes: tuple[str, ...]
    missing_scopes: tuple[ScopeView, ...]
    """Rights that were not granted, or that came later; connecting again asks for them."""
    settings: dict[str, str]
    """Values that are not secret, and facts about the account."""
    credential_hints: tuple[CredentialHint, ...]
    connected_at: datetime | None
    connected_by: str
    last_event_at: datetime | None
    token_expires_at: datetime | None
    next_check_at: datetime | None
    last_error: str
    last_error_at: datetime | None
    error_count: int
    circuit: str = "closed"
    """Whether calls are made: ``closed`` (they are), ``held`` (the provider named a time), ``open`` (it does not
    answer: one call in half a minute), ``half_open`` (the next call tells)."""
    circuit_reason: str = ""
    """What failed last, in words."""
    next_call_at: datetime | None = None
    """When the next call is made, if that is not at once."""
    last_check: CheckView | None
    webhook_urls: tuple[WebhookUrlView, ...]
    numbers: tuple[PhoneNumberView, ...]
    refusals: tuple[RefusalView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionView:
    """One change of a connection's status."""

    id: UUID
    from_status: str
    to_status: str
    cause: str
    reason: str
    actor_kind: str
    """``user``, ``api_key`` or ``system``"""
    actor_label: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequences:
    """What a disconnect would do, counted."""

    agents: tuple[str, ...]
    """Names of the agents that stop answering here."""
    channels: int
    """That fall silent."""
    numbers: tuple[str, ...]
    """That lose their agent."""
    waiting_answers: int
    """Answers, written or about to be written, that are dropped."""
    conversations: int
    messages: int
    can_revoke: bool
    """Whether our access can be ended at the provider by us; otherwise a person does it there."""
    effects: tuple[str, ...]
    """The provider's own."""
    sentences: tuple[str, ...]
    """All of it in words, the counted ones first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationView:
    """What the provider answered when our access was ended there."""

    done: bool
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnected:
    """A disconnect that was carried through."""

    connection: ConnectionView
    revocation: RevocationView | None
    """None if it had been disconnected before, or there was nothing to revoke."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """A connection that is gone."""

    revocation: RevocationView | None
    """As for :class:`Disconnected`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconnectView:
    """How to connect an account again."""

    kind: Literal["consent", "keys"]
    url: str
    """Leads to the provider's consent page in a browser that is signed in here; empty for keys."""
    fields: tuple["FieldView", ...]
    """The keys to type; empty for consent."""


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
    is_core: bool
    """Offered on each agent's page before anything is connected."""
    summary: str
    capabilities: tuple[str, ...]
    tier: str
    """``unrated``, ``bronze``, ``silver`` or ``gold``; what each asks for is in the guide to adding a provider."""
    docs_url: str
    account_noun: str
    schemes: tuple[SchemeView, ...]
    scopes: tuple[ScopeView, ...]
    has_operator_app: bool
    setup_guide: str
    """Markdown."""
    disconnect_effects: tuple[str, ...]
    answers: tuple[tuple[str, str], ...]
    """Where the agent answers, and what it does there."""
    connection_count: int
    """Connections in force: for the agent asked about, else for the whole tenant."""
    missing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AppPartView:
    """One thing that an app at a provider asks for or listens to, and why."""

    kind: str
    """``scope``, ``event`` or ``setting``"""
    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AppManifestView:
    """An app's description, ready to hand to the provider."""

    version: int
    json: str
    """To paste at the provider."""
    create_url: str
    """The provider's page for new apps, filled in."""
    parts: tuple[AppPartView, ...]
    changes: tuple[AppPartView, ...]
    """What is new since the version that was asked about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppGuideView:
    """How to register an app of one's own at a provider."""

    provider: str
    provider_name: str
    redirect_url: str
    redirect_pasted_into: str
    webhook_urls: tuple[WebhookUrlView, ...]
    fields: tuple[FieldView, ...]
    """The keys to copy from there."""
    manifest: AppManifestView | None
    """None if the provider reads no manifests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAppView:
    """An app that the tenant registered at a provider itself."""

    id: UUID
    provider: str
    provider_name: str
    name: str
    client_id: str
    has_signing_secret: bool
    manifest_version: int
    """0 if it was made by hand."""
    changes: tuple[AppPartView, ...]
    """What a newer manifest asks for that this app lacks."""
    connection_count: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthOutcome:
    """How a walk to a provider's consent page ended.

    What it was for is None if the attempt is not known, or not this tenant's.
    """

    ok: bool
    code: str
    message: str
    agent_id: UUID | None = field(default=None)
    connection_id: UUID | None = field(default=None)
    """The new connection, or the one that was to be repaired."""
    attempt_id: UUID | None = field(default=None)
    """Set if the refusal says more than its code's own sentence."""
    is_popup: bool = False
