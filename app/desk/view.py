"""What the dialogs about one connection show, computed from the services' views."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from app import routes
from app.components.words import counted
from services.connections import ConnectionView, Consequences, FieldView, ProviderCardView, RevocationView, SchemeView
from services.health import FindingView
from services.webhooks import DeliveryView


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One input of the form for keys; its name is the schema's."""

    name: str
    label: str
    help: str
    placeholder: str
    required: bool
    secret: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysForm:
    """A form for a provider's keys: where it goes, and what is sent beside the keys."""

    heading: str
    provider_name: str
    action: str
    payload: dict[str, str]
    fields: tuple[FormField, ...]
    submit_label: str
    warning: str
    """What to know before keys are replaced; empty for a new connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One of our addresses to paste at the provider."""

    label: str
    url: str
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A phone number, and who answers there."""

    id: str
    number: str
    label: str
    agent_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One delivery, or some refused requests."""

    what: str
    outcome: str
    kind: str
    at: str
    path: str
    """Where its trace is; empty if there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """The connection that lies on the desk."""

    id: str
    title: str
    provider: str
    provider_name: str
    account: str
    consent: str
    """Where consent begins again; empty if it was connected by keys."""
    numbers: tuple[Number, ...]
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something a person must do: what happened, what stops because of it, and the one way out."""

    kind: str
    title: str
    text: str
    place: str
    """Service and account."""
    at: str
    """When it gets worse, or since when it is so."""
    at_label: str
    connection_id: str
    act: str
    act_label: str


NO_ITEM = Item(id="", title="", provider="", provider_name="", account="", consent="", numbers=(), addresses=())
NO_FORM = KeysForm(heading="", provider_name="", action="", payload={}, fields=(), submit_label="Connect", warning="")

_KINDS: Mapping[str, str] = MappingProxyType({"error": "broken", "warning": "soon", "note": "off"})
_OUTCOMES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "received": ("waits", "off"),
        "processing": ("at work", "off"),
        "processed": ("done", "ok"),
        "ignored": ("ignored", "off"),
        "failed": ("failed, is tried again", "soon"),
        "dead": ("failed, waits for a person", "broken"),
    }
)
_REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "missing_signature": "without a signature",
        "bad_signature": "with a wrong signature",
        "stale": "too old",
        "no_secret": "not checkable, as there is no secret",
        "other_account": "for another account",
    }
)


_TITLES: Mapping[str, str] = MappingProxyType({"phone": "SMS", "email": "E-mail"})


def title_of(category: str, provider_name: str) -> str:
    """Return what a service is called on a card: by what it is for, where people know that better than the name."""
    return _TITLES.get(category, provider_name)


def account_of(connection: ConnectionView) -> str:
    """Return the tenant's own name for a connection, else the account's."""
    return connection.name or connection.external_account_name or connection.external_account_id


def consent_of(connection: ConnectionView, providers: Sequence[ProviderCardView]) -> str:
    """Return where consent for this connection begins again; empty if it was connected by keys."""
    scheme = scheme_of(connection, providers)
    return routes.oauth_again(connection.provider, connection.id) if scheme and scheme.is_oauth else ""


def scheme_of(connection: ConnectionView, providers: Sequence[ProviderCardView]) -> SchemeView | None:
    """Return the way a connection was made."""
    schemes = (scheme for item in providers if item.slug == connection.provider for scheme in item.schemes)
    return next((scheme for scheme in schemes if scheme.id == connection.auth_scheme), None)


def build_item(connection: ConnectionView, providers: Sequence[ProviderCardView]) -> Item:
    """Return the connection as it lies on the desk."""
    return Item(
        id=str(connection.id),
        title=title_of(connection.category, connection.provider_name),
        provider=connection.provider,
        provider_name=connection.provider_name,
        account=account_of(connection),
        consent=consent_of(connection, providers),
        numbers=tuple(
            Number(
                id=str(number.id),
                number=number.number,
                label=number.label if number.label != number.number else "",
                agent_id=str(number.agent_id or ""),
            )
            for number in connection.numbers
        ),
        addresses=addresses_of(connection),
    )


def finding_of(view: FindingView) -> Finding:
    """Return a finding as pages show it."""
    at = view.worsens_at or view.since
    return Finding(
        kind=_KINDS.get(view.severity, "off"),
        title=view.what,
        text=view.stops,
        place=f"{view.provider_name} · {view.account_name}",
        at=at.isoformat(),
        at_label="until " if view.worsens_at else "since ",
        connection_id=str(view.connection_id),
        act=view.repair.act,
        act_label=view.repair.label,
    )


def addresses_of(connection: ConnectionView) -> tuple[Address, ...]:
    """Return our addresses that a person pastes at the provider; none where the operator's app has them."""
    if connection.uses_operator_app:
        return ()
    return tuple(
        Address(label=f"{item.label} address", url=item.url, help=f"Goes into {item.pasted_into}.")
        for item in connection.webhook_urls
    )


def form_for(provider: ProviderCardView, scheme_id: str, *, agent_id: str) -> KeysForm | None:
    """Return the form that connects an account by keys; None if there is no such way."""
    scheme = next((item for item in provider.schemes if item.id == scheme_id and not item.is_oauth), None)
    if scheme is None:
        return None
    return KeysForm(
        heading=f"Connect {provider.name}",
        provider_name=provider.name,
        action=routes.keys_form(provider.slug),
        payload={"scheme_id": scheme.id, **({"agent_id": agent_id} if agent_id else {})},
        fields=fields_of(scheme.fields),
        submit_label="Connect",
        warning="",
    )


def form_again(connection: ConnectionView, providers: Sequence[ProviderCardView]) -> KeysForm | None:
    """Return the form that replaces a connection's keys; None if it was not connected by keys."""
    scheme = scheme_of(connection, providers)
    if scheme is None or scheme.is_oauth:
        return None
    return KeysForm(
        heading=f"Reconnect {connection.provider_name}",
        provider_name=connection.provider_name,
        action=routes.keys_form(connection.provider),
        payload={"scheme_id": scheme.id, "connection_id": str(connection.id)},
        fields=fields_of(scheme.fields),
        submit_label="Replace keys",
        warning=f"Only the keys of “{connection.external_account_name}” are accepted. Settings, numbers and history"
        " stay as they are.",
    )


def log_lines(connection: ConnectionView, deliveries: Sequence[DeliveryView]) -> tuple[LogLine, ...]:
    """Return what came in: refused requests of the last day by reason, then the latest deliveries."""
    refused = [
        LogLine(
            what=f"{counted(item.count, 'request')} {_REFUSED.get(item.reason, item.reason.replace('_', ' '))}",
            outcome="refused",
            kind="broken",
            at=item.last_at.isoformat(),
            path="",
        )
        for item in connection.refusals
    ]
    return (*refused, *(_delivery(item) for item in deliveries))


def counted_consequences(consequences: Consequences) -> list[str]:
    """Return what a disconnect would do, in sentences."""
    return list(consequences.sentences)


def ending_words(title: str, revocation: RevocationView | None) -> tuple[str, str]:
    """Return what came of a disconnect, and whether it is ``ok`` or calls for a look (``soon``)."""
    if revocation is None:
        return f"{title} is disconnected. Its keys are deleted here.", "ok"
    return f"{title} is disconnected. {revocation.said}", "ok" if revocation.done else "soon"


def _delivery(item: DeliveryView) -> LogLine:
    outcome, kind = _OUTCOMES.get(item.state, (item.state, "off"))
    twice = f", came {item.duplicates + 1} times" if item.duplicates else ""
    return LogLine(
        what=(item.event_type or item.kind) + (f": {item.reason.replace('_', ' ')}" if item.reason else ""),
        outcome=outcome + twice,
        kind=kind,
        at=item.received_at.isoformat(),
        path=routes.trace(item.trace_id),
    )


def fields_of(views: Sequence[FieldView]) -> tuple[FormField, ...]:
    """Return the inputs of a form for keys."""
    return tuple(
        FormField(
            name=field.name,
            label=field.label,
            help=field.help,
            placeholder=field.placeholder,
            required=field.required,
            secret=field.kind == "secret",
        )
        for field in views
    )
