"""The provider contract: a manifest as data, and one small protocol per capability.

A provider is a folder ``services/providers/<slug>``. ``manifest.py`` holds ``MANIFEST``; every other file is
a capability, named after it; an absent file is an absent capability:

===================  ====================================  =================================
file                 capability                            what the module must hold
===================  ====================================  =================================
``client.py``        every provider has it                 :class:`ClientModule`
``webhooks.py``      ``Capability.WEBHOOKS``               :class:`WebhooksModule`
``messaging.py``     ``Capability.MESSAGING``              :class:`MessagingModule`
``channels.py``      ``Capability.CHANNELS``               :class:`ChannelsModule`
``directory.py``     ``Capability.DIRECTORY``              :class:`DirectoryModule`
``revoke.py``        ``Capability.REVOKE``                 :class:`RevokeModule`
``app_manifest.py``  ``Capability.APP_MANIFEST``           :class:`AppManifestModule`
``oauth.py``         an ``OAuth2`` auth scheme             :class:`OAuthModule`, and
                                                           :class:`RefreshModule` if tokens
                                                           are renewed
===================  ====================================  =================================
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, Protocol

from services.kernel.http import OutboundClient
from services.kernel.secret import Secret
from services.provider_kit.auth import AuthScheme, OAuth2
from services.provider_kit.fields import Field


class Capability(StrEnum):
    """Something a provider can do; the value is the name of the module that does it."""

    WEBHOOKS = "webhooks"
    MESSAGING = "messaging"
    CHANNELS = "channels"
    DIRECTORY = "directory"
    REVOKE = "revoke"
    APP_MANIFEST = "app_manifest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A right that the provider grants, and why we ask for it."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """One of the provider's addresses; ``PATCHBAY_<SLUG>_<NAME>_URL`` overrides it.

    ``sandbox`` is the path under which the sandbox plays it.
    """

    default: str
    sandbox: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookKind:
    """One kind of webhook a provider calls: the last part of its address, and where to paste it there."""

    name: str
    label: str
    pasted_into: str
    content_types: tuple[str, ...]
    shared: bool = False
    """True if ``/api/ai-agents/webhooks/<slug>/<name>`` also exists, for the operator's app."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderManifest:
    """A provider's description as data."""

    slug: str
    name: str
    category: Literal["messaging", "calendar", "email", "phone", "other"]
    summary: str
    """One sentence for the catalogue: what an agent can do through it."""
    docs_url: str
    capabilities: frozenset[Capability]
    auth: tuple[AuthScheme, ...]
    """The ways to connect, the recommended one first. Their fields draw the form."""
    urls: Mapping[str, Url]
    scopes: tuple[Scope, ...] = ()
    webhooks: tuple[WebhookKind, ...] = ()
    handled_events: Mapping[str, str] = field(default_factory=dict[str, str])
    """Provider event type → one line of intent. Anything else is stored and marked ignored."""
    account_noun: str = "account"
    """What the external account is called there: workspace, number, mailbox."""
    message_limit: int = 4000
    """Longest text, in characters, that one outbound message may have."""
    disconnect_effects: tuple[str, ...] = ()

    @property
    def oauth(self) -> OAuth2 | None:
        """The OAuth scheme, if the provider has one."""
        return next((scheme for scheme in self.auth if isinstance(scheme, OAuth2)), None)

    def fields(self) -> tuple[Field, ...]:
        """Return the fields of all auth schemes."""
        return tuple(item for scheme in self.auth for item in scheme.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalAccount:
    """Who we are on the other side."""

    id: str
    name: str
    details: Mapping[str, str] = field(default_factory=dict[str, str])
    """Facts for the card and for routing, such as ``bot_user_id``; never secret."""
    scopes: tuple[str, ...] = ()
    identity: str = ""
    """Whom the credential signs in as, as people there would write it: ``@bri``; empty if it is the account itself."""
    proof: str = ""
    """The provider's name of the call that proved the credential: ``auth.test``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderContext:
    """What a provider's client is built from; lives for one call."""

    http: OutboundClient
    urls: Mapping[str, str]
    """The manifest's address names with the addresses in force."""
    secrets: Mapping[str, Secret]
    settings: Mapping[str, str]
    """The connection's values that are not secret, ``account.details`` included."""
    public_url: str


class ClientModule(Protocol):
    """``client.py``: typed calls over the provider's API."""

    def build_client(self, context: ProviderContext) -> Any:
        """Return the provider's client, ready to call."""
        ...

    def verify_credentials(self, client: Any) -> ExternalAccount:
        """Make the cheapest call that proves the credential, and say whose it is.

        Raises:
            NeedsReauth, RetryLater, Refused
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenGrant:
    """What a provider handed over at the end of OAuth: account and secrets."""

    account: ExternalAccount
    secrets: Mapping[str, Secret]
    expires_at: datetime | None = None
    expires_in: timedelta | None = None
    """The other way providers say it, counted from the request; None if the token lives until it is revoked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshedToken:
    """What a provider handed over for a refresh token."""

    secrets: Mapping[str, Secret]
    """New values by the credentials' names; a credential that is not named stays as it is (RFC 6749 §6)."""
    expires_in: timedelta | None = None
    scopes: tuple[str, ...] = ()
    """What is granted now; empty if the answer does not say."""


class OAuthModule(Protocol):
    """``oauth.py``: reads the provider's token answer (shapes differ widely)."""

    def read_grant(self, token: Mapping[str, Any]) -> TokenGrant:
        """Turn the decoded token answer into a grant.

        Raises:
            Refused: the answer lacks what we need.
        """
        ...


class RefreshModule(OAuthModule, Protocol):
    """``oauth.py`` of a provider whose tokens are renewed."""

    def read_refresh(self, token: Mapping[str, Any]) -> RefreshedToken:
        """Turn the decoded answer to a refresh token into the next token.

        Refusals with an HTTP error status (RFC 6749 §5.2) never get here; those that come with status 200 do.

        Raises:
            NeedsReauth: the provider does not accept the refresh token any more.
            RetryLater: the provider cannot answer now.
            Refused: the answer lacks what we need, or the app is refused.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AppManifestRequest:
    """What an app at a provider is made for."""

    name: str
    """What people there will call the agent."""
    redirect_url: str
    webhook_urls: Mapping[str, str]
    """Webhook kind → our address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppManifestPart:
    """One thing that an app asks for or listens to, and why."""

    kind: str
    """``scope``, ``event``, ``setting``"""
    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AppManifest:
    """An app's description in the provider's own format."""

    version: int
    document: Mapping[str, Any]
    """What to paste at the provider, as JSON."""
    create_url: str
    """The provider's page for new apps, filled in."""


class AppManifestModule(Protocol):
    """``app_manifest.py``: describes the app that a tenant registers for itself."""

    def build_app_manifest(self, request: AppManifestRequest) -> AppManifest:
        """Return the newest manifest for these addresses."""
        ...

    def list_parts(self, version: int) -> Sequence[AppManifestPart]:
        """Return what the app of a version asks for; nothing for a version that never was."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRequest:
    """One webhook as received."""

    kind: str
    url: str
    """The whole address that was called, query included; its origin is the configured public address and never
    comes from request headers."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    query: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What we send back to the provider's request."""

    status: int = 200
    content_type: str = "application/json"
    body: bytes = b'{"ok":true}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Who wrote, in the provider's terms. ``scope`` makes ``id`` unique (a workspace); empty if it is already."""

    id: str
    scope: str = ""
    name: str = ""
    address: str = ""


class ChannelKind(StrEnum):
    """Where a conversation takes place."""

    SLACK_DM = "slack_dm"
    SLACK_CHANNEL = "slack_channel"
    SMS = "sms"
    EMAIL = "email"
    CHAT = "chat"
    """A conversation in any other messenger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReceived:
    """A contact wrote to us."""

    type: Literal["message.received"] = "message.received"
    external_id: str
    """The provider's id of the message, unique within the connection."""
    contact: Contact
    channel_kind: ChannelKind
    channel_id: str
    """Slack channel id; our own number for SMS."""
    channel_name: str = ""
    conversation_key: str
    """What holds an exchange together within the connection; equal keys are one conversation."""
    reply_to: str = ""
    """Where an answer goes: Slack ``thread_ts``; empty where the channel is enough."""
    text: str
    addressed: bool
    """True if the agent was spoken to: direct message, mention, SMS."""
    why: str
    """How it was addressed, in words: "direct message", "mention in a channel", "text message to +1…"."""
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageStatusChanged:
    """A delivery receipt for a message of ours."""

    type: Literal["message.status_changed"] = "message.status_changed"
    external_id: str
    status: Literal["sent", "delivered", "failed"]
    error_code: str = ""
    error_text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentChanged:
    """A contact opted out of (``allowed`` false), or back into, messages from one of our senders."""

    type: Literal["consent.changed"] = "consent.changed"
    contact: Contact
    sender: str
    allowed: bool
    keyword: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRevoked:
    """The provider tells us that our access ended (uninstalled, tokens revoked)."""

    type: Literal["connection.revoked"] = "connection.revoked"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """Stored, understood, and nothing to do; the reason is shown."""

    type: Literal["ignored"] = "ignored"
    reason: str


InboundEvent = MessageReceived | MessageStatusChanged | ConsentChanged | ConnectionRevoked | Ignored


class WebhooksModule(Protocol):
    """``webhooks.py``: pure functions over bytes."""

    def authenticate(self, request: WebhookRequest, *, secrets: Mapping[str, Secret], now: datetime) -> None:
        """Prove that the provider sent the request, on the raw bytes, before anything is parsed.

        Raises:
            Unauthenticated: with code ``missing_signature``, ``bad_signature``, ``stale`` or ``no_secret``.
        """
        ...

    def handshake(self, request: WebhookRequest) -> Answer | None:
        """Return the answer to a set-up challenge, or None if the request is none. Reads no secret."""
        ...

    def account_ids(self, request: WebhookRequest) -> Sequence[str]:
        """Return the external account ids that the (still untrusted) request names, for shared addresses."""
        ...

    def check_account(self, request: WebhookRequest, *, account_id: str) -> None:
        """Refuse an authenticated request that is about another external account than ``account_id``.

        Raises:
            Unauthenticated: with code ``other_account``.
        """
        ...

    def dedupe_key(self, request: WebhookRequest) -> str:
        """Return the provider's delivery id, or a key composed of the provider's own ids; never a body hash.

        Raises:
            InvalidInput: the body is not what the provider sends (→ 400).
        """
        ...

    def event_type(self, request: WebhookRequest) -> str:
        """Return the provider's own name of the event, for the delivery log."""
        ...

    def answer(self, request: WebhookRequest) -> Answer:
        """Return what the provider expects to read after a stored delivery."""
        ...

    def parse(self, request: WebhookRequest, *, settings: Mapping[str, str]) -> Sequence[InboundEvent]:
        """Turn a stored request into events. ``settings`` are the connection's (bot user id and the like).

        Raises:
            InvalidInput: the body is not what the provider documents.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundMessage:
    """A message to send. ``id`` is ours and serves as idempotency key and marker."""

    id: str
    channel_id: str
    """Slack channel id; our own number (the sender) for SMS."""
    recipient: str
    """The contact's id at the provider: Slack user id, phone number."""
    reply_to: str = ""
    text: str
    status_url: str = ""
    """Where the provider may report delivery; empty if it cannot."""
    attempted_at: datetime | None = None
    """When an earlier, ambiguous attempt began; set for ``find_sent`` only."""
    known_ids: frozenset[str] = frozenset()
    """External ids of our other messages there, which a look-up must not mistake for this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """The provider accepted a message."""

    external_id: str
    segments: int | None = None
    status: Literal["sent", "delivered"] = "sent"
    receipt: Mapping[str, str] = field(default_factory=dict[str, str])
    """What the provider said, for the trace: ids and states only."""


class MessagingModule(Protocol):
    """``messaging.py``: sends text, and finds what an interrupted attempt sent."""

    def send_message(self, client: Any, message: OutboundMessage) -> SentMessage:
        """Send one message.

        Raises:
            RetryLater: with ``ambiguous=True`` if the provider may have accepted it.
            NeedsReauth, Refused
        """
        ...

    def find_sent(self, client: Any, message: OutboundMessage) -> SentMessage | None:
        """Look an ambiguous attempt up at the provider; None means it surely was not accepted.

        Raises:
            RetryLater: the look-up itself failed.
            Refused: the provider offers no sure way to tell.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalChannel:
    """A place inside a connection that can be assigned to an agent, such as a phone number."""

    id: str
    """The provider's id."""
    address: str
    """What contacts see: ``+14155550100``."""
    label: str = ""
    capabilities: tuple[str, ...] = ()


class ChannelsModule(Protocol):
    """``channels.py``: the places of a connection that are assigned to agents one by one."""

    def list_channels(self, client: Any) -> Sequence[ExternalChannel]:
        """Return all of them, paging as needed.

        Raises:
            NeedsReauth, RetryLater, Refused
        """
        ...

    def route_channel(self, client: Any, channel: ExternalChannel, *, webhook_urls: Mapping[str, str]) -> None:
        """Tell the provider to call us for this channel (webhook kind → address).

        Raises:
            NeedsReauth, RetryLater, Refused
        """
        ...


class DirectoryModule(Protocol):
    """``directory.py``: who a contact is, where webhooks bring only an id."""

    def get_contact(self, client: Any, contact_id: str) -> Contact:
        """Return a contact with the name people know it by.

        Raises:
            NeedsReauth, RetryLater, Refused
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeOutcome:
    """What the provider answered when we gave our access back."""

    done: bool
    """Whether the access ended there."""
    said: str
    """Its answer in words, for the person who disconnects."""


class RevokeModule(Protocol):
    """``revoke.py``: ends our access at the provider when a connection is disconnected."""

    def revoke(self, client: Any) -> RevokeOutcome:
        """Give back the access that the client holds. Called once, and the secrets are forgotten whatever comes of it.

        Raises:
            NeedsReauth: the access had ended before.
            RetryLater, Refused
        """
        ...
