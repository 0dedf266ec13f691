"""What the cards of an agent's integrations show, computed from the services' views."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

from app import routes
from services.connections import ConnectionView, ProviderCardView, SchemeView

SLOTS = ("messaging", "calendar", "email", "phone", "other")
"""The order of the cards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A label with its value: text, a time, or both."""

    label: str
    text: str = ""
    at: str = ""
    mode: str = "ago"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Where the agent answers, and how."""

    place: str
    what: str


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
class Way:
    """One way to connect: a link to the provider's consent page, or a form for keys."""

    scheme_id: str
    label: str
    provider: str
    provider_name: str
    link: str
    """Where consent begins; empty for keys."""
    action: str
    """Where the form for keys goes."""
    fields: tuple[FormField, ...]
    kind: str
    """``primary`` for the recommended way, else empty."""


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
    agent_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A sentence on the card, coloured by what it means."""

    kind: str
    text: str
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One service: whose account it is, what is true now, and what can be done."""

    key: str
    title: str
    subtitle: str
    logo: str
    monogram: str
    chip: str
    chip_kind: str
    connection_id: str = ""
    facts: tuple[Fact, ...] = ()
    rules: tuple[Rule, ...] = ()
    notices: tuple[Notice, ...] = ()
    hints: tuple[Fact, ...] = ()
    """That secrets are stored, and how they end."""
    addresses: tuple[Address, ...] = ()
    scopes: tuple[Fact, ...] = ()
    ways: tuple[Way, ...] = ()
    empty: tuple[str, ...] = ()
    """What a card without a connection says."""
    is_connected: bool = False
    needs_reauth: bool = False
    has_numbers: bool = False
    needs_number: bool = False
    numbers: tuple[Number, ...] = ()
    effects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something a person must do: what happened, what stops because of it, and the way out."""

    kind: str
    title: str
    text: str
    card: str
    act: str
    """``numbers``, ``reconnect`` or empty."""
    act_label: str


_CHIPS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "active": ("Connected", "ok"),
        "pending": ("Setup unfinished", "soon"),
        "needs_reauth": ("Reconnect needed", "broken"),
        "disabled": ("Paused", "off"),
        "revoked": ("Not connected", "off"),
    }
)
_RULES: Mapping[str, tuple[Rule, ...]] = MappingProxyType(
    {
        "slack": (
            Rule(place="direct messages", what="answered"),
            Rule(place="mentions in channels", what="answered in the thread"),
            Rule(place="everything else", what="off"),
        ),
        "twilio": (
            Rule(place="text messages", what="answered"),
            Rule(place="STOP and START", what="honoured, per number"),
            Rule(place="calls", what="off"),
        ),
    }
)
_REFUSALS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "missing_signature": (
            "unsigned",
            "Whoever sent them is not {name}. If messages are missing, check the secret.",
        ),
        "bad_signature": (
            "wrongly signed",
            "Either somebody forges requests, or the stored secret is not the one {name} signs with.",
        ),
        "stale": ("too old", "They were sent again later by somebody, or a clock is wrong."),
        "no_secret": ("not checkable", "There is no secret to check them with. Connect again."),
        "other_account": ("for another account", "They were signed, but for an account that is not connected here."),
    }
)
_MISSING: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "calendar": (
            "Google Calendar",
            "31",
            "This Patchbay has no Google Calendar provider yet, so {agent} cannot see or book meetings. Nothing needs"
            " to be set up; the card comes alive when the server brings the provider.",
        ),
        "email": (
            "E-mail",
            "✉",
            "This Patchbay has no e-mail provider yet, so {agent} can neither send nor receive mail. Nothing needs to"
            " be set up; the card comes alive when the server brings the provider.",
        ),
    }
)


def build_cards(
    *,
    agent_id: UUID,
    agent_name: str,
    providers: Sequence[ProviderCardView],
    connections: Sequence[ConnectionView],
) -> tuple[Card, ...]:
    """Return the cards: one per connection that concerns the agent, one per service without any, in fixed order."""
    cards: list[Card] = []
    for slot in SLOTS:
        offered = [provider for provider in providers if provider.category == slot]
        for provider in sorted(offered, key=lambda item: item.name):
            found = [item for item in connections if item.provider == provider.slug and _concerns(item, agent_id)]
            open_ones = [item for item in found if item.status != "disconnected"]
            if open_ones:
                cards += [_connected(provider, item, agent_id=agent_id, agent_name=agent_name) for item in open_ones]
            else:
                cards.append(_unconnected(provider, found, agent_id=agent_id, agent_name=agent_name))
        if not offered and slot in _MISSING:
            cards.append(_not_built(slot, agent_name))
    return tuple(cards)


def find_needs(cards: Sequence[Card], connections: Sequence[ConnectionView], *, agent_name: str) -> tuple[Finding, ...]:
    """Return what a person must do about the shown connections, the broken first."""
    shown = {card.connection_id: card for card in cards if card.connection_id}
    findings: list[Finding] = []
    for connection in connections:
        card = shown.get(str(connection.id))
        if card:
            findings += _needs_of(card, connection, agent_name)
    return tuple(sorted(findings, key=lambda finding: finding.kind != "broken"))


def _needs_of(card: Card, connection: ConnectionView, agent_name: str) -> list[Finding]:
    findings: list[Finding] = []
    if card.needs_reauth:
        findings.append(
            Finding(
                kind="broken",
                title=f"{connection.provider_name} refused our credential",
                text=f"{agent_name} neither receives nor answers there until you reconnect.",
                card=card.key,
                act="reconnect",
                act_label=f"Reconnect {connection.provider_name}",
            )
        )
    elif connection.error_count:
        findings.append(
            Finding(
                kind="soon",
                title=f"{_times(connection.error_count)} {connection.provider_name} did not do what we asked",
                text=connection.last_error,
                card=card.key,
                act="",
                act_label="",
            )
        )
    if card.needs_number:
        findings.append(
            Finding(
                kind="soon",
                title="No number leads to this agent",
                text=f"Until you assign one, no text message reaches {agent_name}.",
                card=card.key,
                act="numbers",
                act_label="Assign a number",
            )
        )
    for refusal in connection.refusals:
        word, meaning = _REFUSALS.get(refusal.reason, ("not acceptable", "They were not what {name} documents."))
        findings.append(
            Finding(
                kind="broken",
                title=f"{refusal.count} {word} {'request' if refusal.count == 1 else 'requests'} refused",
                text=f"Within a day, on the {connection.provider_name} address. "
                + meaning.format(name=connection.provider_name),
                card=card.key,
                act="",
                act_label="",
            )
        )
    return findings


def _times(count: int) -> str:
    return "Once" if count == 1 else f"{count} times"


def _concerns(connection: ConnectionView, agent_id: UUID) -> bool:
    answers_there = any(number.agent_id == agent_id for number in connection.numbers)
    return connection.agent_id in (agent_id, None) or answers_there


def _title(provider: ProviderCardView) -> str:
    return "SMS" if provider.category == "phone" else provider.name


def _connected(provider: ProviderCardView, connection: ConnectionView, *, agent_id: UUID, agent_name: str) -> Card:
    chip, kind = _CHIPS.get(connection.status, (connection.status, "off"))
    is_phone = provider.category == "phone"
    mine = [number for number in connection.numbers if number.agent_id == agent_id]
    needs_number = is_phone and not mine
    if needs_number and connection.status == "active":
        chip, kind = "Setup unfinished", "soon"
    account = connection.external_account_name or connection.external_account_id
    return Card(
        key=f"{provider.slug}:{connection.id}",
        title=_title(provider),
        subtitle=f"{provider.name} · {account}" if is_phone else account,
        logo=f"/providers/{provider.slug}.svg",
        monogram=provider.name[:1],
        chip=chip,
        chip_kind=kind,
        connection_id=str(connection.id),
        facts=_facts(connection, [number.number for number in mine], is_phone=is_phone),
        rules=_RULES.get(provider.slug, ()),
        notices=_notices(connection, agent_name=agent_name),
        hints=tuple(Fact(label=hint.label, text=hint.hint) for hint in connection.credential_hints),
        addresses=()
        if connection.uses_operator_app
        else tuple(
            Address(label=f"{item.label} address", url=item.url, help=f"Goes into {item.pasted_into}.")
            for item in connection.webhook_urls
        ),
        scopes=_scopes(provider, connection),
        ways=_ways(provider, agent_id),
        is_connected=True,
        needs_reauth=connection.status == "needs_reauth",
        has_numbers=is_phone,
        needs_number=needs_number,
        numbers=tuple(
            Number(
                id=str(number.id),
                number=number.number,
                label=number.label if number.label != number.number else "",
                agent_id=str(number.agent_id or ""),
                agent_name=number.agent_name,
            )
            for number in connection.numbers
        ),
        effects=provider.disconnect_effects,
    )


def _facts(connection: ConnectionView, numbers: Sequence[str], *, is_phone: bool) -> tuple[Fact, ...]:
    facts: list[Fact] = []
    if bot := connection.settings.get("bot_name"):
        facts.append(Fact(label="Bot user", text=f"@{bot}"))
    if is_phone:
        facts.append(Fact(label="Number", text=", ".join(numbers) or "none assigned to this agent"))
    if connection.connected_at:
        by = f" by {connection.connected_by}" if connection.connected_by else ""
        facts.append(Fact(label="Connected", at=connection.connected_at.isoformat(), mode="date", text=by))
    if connection.last_event_at:
        facts.append(Fact(label="Last event", at=connection.last_event_at.isoformat()))
    else:
        facts.append(Fact(label="Last event", text="none yet"))
    check = connection.last_check
    if check and check.succeeded:
        facts.append(Fact(label="Test passed", text=f": {check.summary}", at=check.created_at.isoformat()))
    return tuple(facts)


def _notices(connection: ConnectionView, *, agent_name: str) -> tuple[Notice, ...]:
    check = connection.last_check
    if connection.status == "needs_reauth":
        stopped = f"{agent_name} neither receives nor answers here until you reconnect."
        return (Notice(kind="broken", text=f"{connection.last_error} {stopped}".strip()),)
    if check and not check.succeeded:
        return (Notice(kind="broken", text=f"Test failed: {check.summary}", at=check.created_at.isoformat()),)
    if connection.error_count and connection.last_error:
        return (Notice(kind="soon", text=connection.last_error),)
    return ()


def _scopes(provider: ProviderCardView, connection: ConnectionView) -> tuple[Fact, ...]:
    reasons = {scope.name: scope.reason for scope in provider.scopes}
    return tuple(Fact(label=name, text=reasons.get(name, "")) for name in connection.scopes)


def _unconnected(
    provider: ProviderCardView, earlier: Sequence[ConnectionView], *, agent_id: UUID, agent_name: str
) -> Card:
    empty = [_invitation(provider, agent_name)]
    empty += [_missing_words(scheme, provider) for scheme in provider.schemes if scheme.missing]
    last = earlier[-1] if earlier else None
    return Card(
        key=provider.slug,
        title=_title(provider),
        subtitle=provider.name if provider.category == "phone" else "",
        logo=f"/providers/{provider.slug}.svg",
        monogram=provider.name[:1],
        chip="Disconnected" if last else "Not connected",
        chip_kind="off",
        notices=(Notice(kind="soon", text=last.last_error),) if last and last.last_error else (),
        empty=tuple(empty),
        ways=_ways(provider, agent_id),
    )


def _invitation(provider: ProviderCardView, agent_name: str) -> str:
    if provider.category == "phone":
        return (
            f"Connect a phone number and {agent_name} answers text messages. Takes about two minutes; you need your"
            f" {provider.name} account SID and token."
        )
    return f"Connect your {provider.account_noun} and {agent_name} can work there. {provider.summary}"


def _missing_words(scheme: SchemeView, provider: ProviderCardView) -> str:
    return (
        f"“{scheme.label}” is not set up on this server: {scheme.missing}. The person who runs Patchbay registers an"
        f" app at {provider.name} once, for everybody."
    )


def _ways(provider: ProviderCardView, agent_id: UUID) -> tuple[Way, ...]:
    ready = [scheme for scheme in provider.schemes if not scheme.missing]
    return tuple(
        Way(
            scheme_id=scheme.id,
            label="Connect phone number" if provider.category == "phone" else scheme.label,
            provider=provider.slug,
            provider_name=provider.name,
            link=routes.oauth_start(provider.slug, agent_id) if scheme.is_oauth else "",
            action=routes.keys_form(provider.slug),
            fields=tuple(
                FormField(
                    name=field.name,
                    label=field.label,
                    help=field.help,
                    placeholder=field.placeholder,
                    required=field.required,
                    secret=field.kind == "secret",
                )
                for field in scheme.fields
            ),
            kind="primary" if scheme is ready[0] else "",
        )
        for scheme in ready
    )


def _not_built(slot: str, agent_name: str) -> Card:
    title, monogram, words = _MISSING[slot]
    return Card(
        key=slot,
        title=title,
        subtitle="",
        logo="",
        monogram=monogram,
        chip="Not available",
        chip_kind="off",
        empty=(words.format(agent=agent_name),),
    )
