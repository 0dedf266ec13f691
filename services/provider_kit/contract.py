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
``inbox.py``         ``Capability.INBOX``                  :class:`InboxModule`
``calendar.py``      ``Capability.CALENDAR``               :class:`CalendarModule`
``shared.py``        ``Capability.SHARED``                 :class:`SharedModule`
``domains.py``       ``Capability.DOMAINS``                :class:`DomainsModule`
``actions.py``       ``Capability.ACTIONS``                :class:`ActionsModule`
``reconcile.py``     ``Capability.RECONCILE``              :class:`ReconcileModule`
``oauth.py``         an ``OAuth2`` auth scheme             :class:`OAuthModule`, and
                                                           :class:`RefreshModule` if tokens
                                                           are renewed
===================  ====================================  =================================
"""

from collections.abc import Callable, Collection, Mapping, Sequence
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
    INBOX = "inbox"
    CALENDAR = "calendar"
    SHARED = "shared"
    DOMAINS = "domains"
    ACTIONS = "actions"
    RECONCILE = "reconcile"


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
    """True if ``/api/ai-agents/webhooks/<slug>/<name>`` also exists, one address for all tenants."""
    default: bool = False
    """True if the shared address is written without the kind: ``/api/ai-agents/webhooks/<slug>``."""
    kept_headers: tuple[str, ...] = ()
    """Headers that ``parse`` needs and that prove nothing, in lower case; they are stored with the delivery."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast a provider takes messages: ``burst`` at once, then ``count`` in ``seconds``."""

    per: Literal["connection", "channel"]
    """What is counted together: all of a connection's, or each channel's (``OutboundMessage.channel_id``)."""
    count: int
    seconds: float = 1.0
    burst: int
    unit: str = "message"
    """What is counted, in words."""
    unit_characters: int = 0
    """How long a unit is, if a message may be several: 153 for a text message's segment; 0 if it never is."""


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
    paces: tuple[Pace, ...] = ()
    """How fast it takes messages; what comes faster waits here instead of being refused there."""
    slow_down_means: Literal["account", "method", "call"] = "account"
    """What a request to slow down is about: every call of the account, every call of that method, or that call only."""
    disconnect_effects: tuple[str, ...] = ()
    answers: tuple[tuple[str, str], ...] = ()
    """Where the agent answers, and what it does there, for the card: ("direct messages", "answered")."""
    aliases: tuple[str, ...] = ()
    """Other names in the addresses of connecting by consent: ``google`` for Google Calendar."""
    webhook_proof: Literal["secret", "subscription"] = "secret"
    """What proves a webhook: a secret of the connection or its app, or the token of one of our subscriptions."""
    is_core: bool = False
    """True for the services that each agent's page offers at once; the others are found in the catalogue."""
    needs_agent: bool = False
    """True if an account is connected for one agent and never for the whole tenant, such as an agent's calendar."""

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

    account: ExternalAccount | None
    """None if the answer does not say whose it is; ``verify_credentials`` asks then."""
    scopes: tuple[str, ...] = ()
    """What was granted, if ``account`` is None; empty if the answer does not say."""
    secrets: Mapping[str, Secret]
    expires_at: datetime | None = None
    expires_in: timedelta | None = None
    """The other way providers say it, counted from the request; None if the token lives until it is revoked."""
    ends_in: timedelta | None = None
    """When all of it ends although tokens are renewed, as while an app is in testing; None if nothing says so."""


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
class IncomingFile:
    """A file that came with a letter."""

    name: str
    content_type: str
    size_bytes: int
    content: bytes | None = field(default=None, repr=False)
    left_out: str = ""
    """Why there is no content, in words: larger than is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingEmail:
    """What only a letter has. Addresses are in lower case; message ids lack their angle brackets (RFC 5322 §3.6.4)."""

    internet_message_id: str
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    """Oldest first."""
    subject: str = ""
    from_address: str
    from_name: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    reply_to: str = ""
    html: str = ""
    automatic: str = ""
    """Why it is taken for a machine's letter, in words; empty for a person's (RFC 3834)."""
    files: tuple[IncomingFile, ...] = ()


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
    in_shared_channel: bool = False
    """True if several people share the channel; its policy then decides, and ``addressed`` means a mention."""
    email: IncomingEmail | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageAnnounced:
    """A contact wrote to us, and the message itself is still to be fetched (:class:`InboxModule`)."""

    type: Literal["message.announced"] = "message.announced"
    external_id: str
    """The provider's id to fetch it by."""
    addresses: tuple[str, ...] = ()
    """Our own addresses it is for, in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarChanged:
    """Something in a calendar changed; what, a sync finds out."""

    type: Literal["calendar.changed"] = "calendar.changed"
    subscription_id: str
    """The id that we gave the subscription."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageStatusChanged:
    """A delivery receipt for a message of ours."""

    type: Literal["message.status_changed"] = "message.status_changed"
    external_id: str
    status: Literal["sent", "delivered", "failed", "bounced", "complained"]
    """``bounced`` and ``complained`` may follow a delivery; ``failed`` never does."""
    error_code: str = ""
    error_text: str = ""
    internet_message_id: str = ""
    """The ``Message-ID`` that a letter really left with, bare; some mail services put another in place of ours."""


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


InboundEvent = (
    MessageReceived
    | MessageAnnounced
    | MessageStatusChanged
    | ConsentChanged
    | CalendarChanged
    | ConnectionRevoked
    | Ignored
)


class WebhooksModule(Protocol):
    """``webhooks.py``: pure functions over bytes."""

    def authenticate(self, request: WebhookRequest, *, secrets: Mapping[str, Secret], now: datetime) -> None:
        """Prove that the provider sent the request, on the raw bytes, before anything is parsed.

        Args:
            secrets: the connection's own, or its app's. With ``Capability.CALENDAR`` each subscription is among them:
                its id → its resource id, a space, its token (the resource id may still be empty).

        Raises:
            Unauthenticated: with code ``missing_signature``, ``bad_signature``, ``stale`` or ``no_secret``.
        """
        ...

    def handshake(self, request: WebhookRequest) -> Answer | None:
        """Return the answer to a set-up challenge, or None if the request is none. Reads no secret."""
        ...

    def account_ids(self, request: WebhookRequest) -> Sequence[str]:
        """Return what the (still untrusted) request names, for shared addresses.

        External account ids; ids of our own subscriptions, where the provider names only those.
        """
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
class OutgoingEmail:
    """What only a letter of ours has. Message ids lack their angle brackets."""

    internet_message_id: str
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    subject: str
    from_address: str
    from_name: str = ""
    reply_to: str = ""
    to: tuple[str, ...]
    cc: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Further ones: ``X-Agent-ID``, ``Auto-Submitted``."""


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
    email: OutgoingEmail | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """The provider accepted a message."""

    external_id: str
    segments: int | None = None
    status: Literal["sent", "delivered"] = "sent"
    receipt: Mapping[str, str] = field(default_factory=dict[str, str])
    """What the provider said, for the trace: ids and states only."""
    pause: timedelta | None = None
    """How long it takes no more from this account, if its answer says that nothing is left of its rate."""


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


class InboxModule(Protocol):
    """``inbox.py``: fetches messages that a webhook only announced."""

    def fetch_message(self, client: Any, announced: MessageAnnounced) -> MessageReceived | Ignored:
        """Return the whole message, with its files within the limits.

        Raises:
            NeedsReauth, RetryLater, Refused
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedRequest:
    """A webhook as the provider would have posted it: the same body, and so the same dedupe key."""

    kind: str
    """One of the manifest's webhook kinds."""
    at: datetime
    """When the provider first had it for us."""
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Those of them that the provider's own module reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedPage:
    """A page of what the provider had for us, the latest first; ``next_cursor`` is empty on the last one."""

    requests: tuple[MissedRequest, ...]
    next_cursor: str = ""


class ReconcileModule(Protocol):
    """``reconcile.py``: for a provider that never sends again what did not arrive, lists what it had for us."""

    def list_missed(self, client: Any, *, since: datetime, addresses: Collection[str], cursor: str = "") -> MissedPage:
        """Return a page of what came since a time, the latest first, whether or not it was delivered.

        Args:
            client: as ``build_client`` made it.
            since: nothing from before is asked for.
            addresses: our numbers that are in use there; only what is for them. Empty for a provider without any.
            cursor: of the page before.

        Raises:
            NeedsReauth, RetryLater, Refused
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedChannel:
    """A channel of several people, as the provider lists it."""

    id: str
    name: str
    is_private: bool = False
    is_member: bool = False
    people_count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedChannelPage:
    """A page of channels; ``next_cursor`` is empty on the last one."""

    channels: tuple[SharedChannel, ...]
    next_cursor: str = ""


class SharedModule(Protocol):
    """``shared.py``: the channels of several people, in which a policy decides what the agent answers."""

    def list_page(self, client: Any, *, cursor: str) -> SharedChannelPage:
        """Return one page, the first for an empty cursor.

        Raises:
            NeedsReauth, RetryLater, Refused
        """
        ...

    def get_channel(self, client: Any, channel_id: str) -> SharedChannel:
        """Return one channel by its id.

        Raises:
            NeedsReauth, RetryLater
            Refused: there is no such channel, or it is out of reach.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsRecord:
    """A DNS record that a domain needs."""

    type: str
    name: str
    value: str
    purpose: str
    status: str
    """The provider's own word."""
    priority: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingDomain:
    """A domain of the external account."""

    id: str
    name: str
    status: str
    """The provider's own word; ``verified`` where it may be sent from."""
    can_receive: bool = False
    records: tuple[DnsRecord, ...] = ()


class DomainsModule(Protocol):
    """``domains.py``: the domains that letters may be sent from."""

    def list_domains(self, client: Any) -> Sequence[SendingDomain]:
        """Return the account's domains with their DNS records.

        Raises:
            NeedsReauth, RetryLater, Refused
        """
        ...

    def check_domain(self, client: Any, domain_id: str) -> None:
        """Ask the provider to look at a domain's DNS records again.

        Raises:
            NeedsReauth, RetryLater, Refused
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendee:
    """Somebody who is invited to a meeting."""

    email: str
    response: Literal["needs_action", "declined", "tentative", "accepted"] = "needs_action"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalEvent:
    """One meeting, as the provider has it. A removed one has only its id and ``is_removed``."""

    id: str
    is_removed: bool = False
    """Gone from the calendar."""
    series_id: str = ""
    title: str = ""
    description: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    """Exclusive, as RFC 5545 has it."""
    is_all_day: bool = False
    time_zone: str = ""
    location: str = ""
    meet_url: str = ""
    conference_type: str = ""
    html_url: str = ""
    organizer_email: str = ""
    attendees: tuple[Attendee, ...] = ()
    status: Literal["confirmed", "tentative", "cancelled"] = "confirmed"
    is_invited: bool = False
    """Whether the connected account is among the attendees."""
    is_booked_by_us: bool = False
    etag: str = ""
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """A page of a calendar, or of what changed in it."""

    events: tuple[ExternalEvent, ...]
    next_page: str = ""
    next_cursor: str = ""
    """On the last page only: where the next list of changes begins."""
    calendar_name: str = ""
    time_zone: str = ""


class CursorExpired(Exception):
    """The provider does not know the cursor any more: everything is to be read anew, and what is gone removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRequest:
    """What the provider is to call us for."""

    id: str
    """Ours, unique."""
    token: Secret
    """The provider repeats it with each notification."""
    url: str
    calendar_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionGrant:
    """What the provider answered."""

    resource_id: str
    expires_at: datetime


class CalendarModule(Protocol):
    """``calendar.py``: what a calendar holds, what changed in it, and being told of changes."""

    def read_page(
        self, client: Any, *, calendar_id: str, cursor: str, page: str, begins_at: datetime, ends_at: datetime
    ) -> EventPage:
        """Return one page of all single dates between two times, or of what changed since a cursor.

        Args:
            client: from ``build_client``.
            calendar_id: the provider's id, or ``primary``.
            cursor: ``next_cursor`` of the last sync; empty to read everything.
            page: ``next_page`` of the page before; empty for the first.
            begins_at: nothing that ends before is read, if the cursor is empty.
            ends_at: nothing that begins after is read, if the cursor is empty.

        Raises:
            CursorExpired, NeedsReauth, RetryLater, Refused
        """
        ...

    def subscribe(self, client: Any, request: SubscriptionRequest) -> SubscriptionGrant:
        """Ask to be called when the calendar changes.

        Raises:
            NeedsReauth, RetryLater, Refused
        """
        ...

    def unsubscribe(self, client: Any, *, subscription_id: str, resource_id: str) -> None:
        """End a subscription; one that is gone already is no error.

        Raises:
            NeedsReauth, RetryLater, Refused
        """
        ...


class ActionRisk(StrEnum):
    """What an action can do; decides whether a person is asked unless the grant says otherwise."""

    READS = "reads"
    """Changes nothing."""
    WRITES = "writes"
    """Changes something, or somebody outside sees it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionContext:
    """What an action run knows beside its input."""

    run_id: str
    """Ours; serves as idempotency key and marker."""
    agent_id: str
    agent_name: str
    now: datetime
    time_zone: str
    """The tenant's, IANA name."""
    senders: tuple[str, ...] = ()
    """The addresses or numbers of the connection that the agent may send from, the first being its own."""
    attempted_at: datetime | None = None
    """When an earlier attempt began that was cut off; None for the first one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionResult:
    """What an action came to."""

    output: Mapping[str, object]
    """JSON; the agent reads it, and the log keeps it."""
    said: str
    """In words, for the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A typed operation that an agent may run through a connection."""

    name: str
    """verb_noun: ``create_event``"""
    label: str
    description: str
    """For the agent: what it does, and when to use it."""
    risk: ActionRisk
    input: type[Any]
    """A pydantic model; its JSON schema tells the agent what to give."""
    describe: Callable[[Any], str]
    """Input → one line for the person who approves."""
    run: Callable[[Any, Any, ActionContext], ActionResult]
    """(client, input, context) → result.

    Raises:
        RetryLater: with ``ambiguous=True`` if it may have happened.
        NeedsReauth, Refused
    """
    find: Callable[[Any, Any, ActionContext], ActionResult | None] | None = None
    """Looks an ambiguous run up; None as its result means it surely did not happen.

    Without it a run that was cut off is never repeated, unless it only reads.
    """
    recipients: Callable[[Any], Sequence[str]] | None = None
    """Input → whom outside it writes to, by address or number; nobody who opted out is written to.

    An agent that may run it unasked may do so for the contact it talks with; for anybody else a person is asked.
    """
    tell: Callable[[Mapping[str, object]], str] | None = None
    """Output → what the contact is told if it is carried out after the agent's answer; a plain "done" without it."""


class ActionsModule(Protocol):
    """``actions.py``: what an agent may do through the connection."""

    ACTIONS: tuple[Action, ...]
