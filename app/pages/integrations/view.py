"""What the cards of an agent's integrations show, computed from the services' views."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from uuid import UUID

from app import routes
from app.desk.view import (
    Finding,
    account_of,
    addresses_of,
    consent_of,
    finding_of,
    title_of,
)
from app.desk.words import ended_by, history, status_chip
from app.pages.integrations.card import Card, Fact, Notice, Rule, Way
from app.pages.integrations.extras import Extras, calendar_facts, channel_rules, letter_facts
from services.connections import ConnectionView, ProviderCardView, SchemeView, TransitionView
from services.health import FindingView

EVENTS_SHOWN = 5

SLOTS = ("messaging", "calendar", "email", "phone", "other")
"""The order of the cards."""


def build_cards(
    *,
    agent_id: UUID,
    agent_name: str,
    providers: Sequence[ProviderCardView],
    connections: Sequence[ConnectionView],
    findings: Sequence[FindingView] = (),
    histories: Mapping[UUID, Sequence[TransitionView]] = MappingProxyType({}),
    extras: Extras | None = None,
) -> tuple[Card, ...]:
    """Return the cards: one per connection that concerns the agent, one per service without any, in fixed order.

    Args:
        agent_id: whose page it is.
        agent_name: its name.
        providers: what there is to connect.
        connections: all of the tenant's.
        findings: what needs a person.
        histories: changes of state by connection, the latest first.
        extras: what only some services show.
    """
    cards: list[Card] = []
    desk = _Desk(
        agent_id=agent_id,
        agent_name=agent_name,
        findings=findings,
        histories=histories,
        extras=extras or Extras(),
    )
    for slot in SLOTS:
        offered = [provider for provider in providers if provider.category == slot]
        for provider in sorted(offered, key=lambda item: item.name):
            found = [item for item in connections if item.provider == provider.slug and concerns(item, agent_id)]
            open_ones = [item for item in found if item.status != "disconnected"]
            if open_ones:
                cards += [_connected(provider, item, desk) for item in open_ones]
            elif provider.is_core or found:
                cards.append(_unconnected(provider, found, desk))
    return tuple(cards)


def needs_of(findings: Sequence[FindingView]) -> tuple[Finding, ...]:
    """Return what a person must do, the worst first; what is as a person wished is no need."""
    return tuple(finding_of(view) for view in findings if view.severity != "note")


def concerns(connection: ConnectionView, agent_id: UUID) -> bool:
    """Return whether an agent works through a connection: it is the agent's, everybody's, or has its number."""
    answers_there = any(number.agent_id == agent_id for number in connection.numbers)
    return connection.agent_id in (agent_id, None) or answers_there


@dataclass(frozen=True, slots=True, kw_only=True)
class _Desk:
    """What all cards of a page are drawn from."""

    agent_id: UUID
    agent_name: str
    findings: Sequence[FindingView]
    histories: Mapping[UUID, Sequence[TransitionView]]
    extras: Extras


def _connected(provider: ProviderCardView, connection: ConnectionView, desk: _Desk) -> Card:
    chip, kind = status_chip(connection.status, connection.cause)
    is_phone = provider.category == "phone"
    is_named_by_use = title_of(provider.category, provider.name) != provider.name
    mine = [number for number in connection.numbers if number.agent_id == desk.agent_id]
    needs_number = is_phone and not mine
    if needs_number and connection.status == "active":
        chip, kind = "Setup unfinished", "soon"
    account = account_of(connection)
    forecast = needs_of([item for item in desk.findings if item.connection_id == connection.id])
    card = Card(
        key=f"{provider.slug}:{connection.id}",
        title=title_of(provider.category, provider.name),
        subtitle=f"{provider.name} · {account}" if is_named_by_use else account,
        logo=f"/providers/{provider.slug}.svg",
        monogram=provider.name[:1],
        chip=chip,
        chip_kind=kind,
        connection_id=str(connection.id),
        facts=_facts(connection, [number.number for number in mine], is_phone=is_phone),
        rules=tuple(Rule(place=place, what=what) for place, what in provider.answers),
        notices=() if forecast else _notices(connection),
        hints=tuple(Fact(label=hint.label, text=hint.hint) for hint in connection.credential_hints),
        addresses=addresses_of(connection),
        scopes=_scopes(provider, connection),
        ways=_ways(provider, desk.agent_id),
        is_connected=True,
        is_paused=connection.status == "paused",
        needs_reauth=connection.status == "needs_reauth",
        consent=consent_of(connection, [provider]),
        provider_name=provider.name,
        has_numbers=is_phone,
        needs_number=needs_number,
        forecast=forecast,
        events=history(desk.histories.get(connection.id, ())[:EVENTS_SHOWN]),
        provider=provider.slug,
    )
    return _with_extras(card, connection, desk)


def _with_extras(card: Card, connection: ConnectionView, desk: _Desk) -> Card:
    """Add what only some services show."""
    extras = desk.extras
    if calendar := extras.calendars.get(connection.id):
        facts = (*calendar_facts(calendar), *card.facts)
        card = replace(card, facts=facts, calendar=routes.agent_calendar(desk.agent_id))
    if letters := extras.letters.get(connection.id):
        card = replace(card, facts=(*letter_facts(letters), *card.facts), configures="email")
        if card.chip_kind == "ok":
            chip, kind = ("Configured", "ok") if letters.sender else ("Setup unfinished", "soon")
            card = replace(card, chip=chip, chip_kind=kind)
    if (heard := extras.channels.get(connection.id)) is not None:
        rules = (*card.rules, *channel_rules(heard, agent_name=desk.agent_name))
        card = replace(card, rules=rules, configures="channels")
    return card


def _facts(connection: ConnectionView, numbers: Sequence[str], *, is_phone: bool) -> tuple[Fact, ...]:
    facts: list[Fact] = []
    if bot := connection.settings.get("bot_name"):
        facts.append(Fact(label="Bot user", text=f"@{bot}"))
    if connection.provider_app_name:
        facts.append(Fact(label="App", text=f"{connection.provider_app_name}, your own"))
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


def _notices(connection: ConnectionView) -> tuple[Notice, ...]:
    check = connection.last_check
    if check and not check.succeeded:
        return (Notice(kind="broken", text=f"Test failed: {check.summary}", at=check.created_at.isoformat()),)
    if connection.missing_scopes:
        names = ", ".join(scope.name for scope in connection.missing_scopes)
        return (Notice(kind="soon", text=f"Not granted yet: {names}. Reconnect and accept everything it asks."),)
    return ()


def _scopes(provider: ProviderCardView, connection: ConnectionView) -> tuple[Fact, ...]:
    reasons = {scope.name: scope.reason for scope in provider.scopes}
    return tuple(Fact(label=name, text=reasons.get(name, "")) for name in connection.scopes)


def _unconnected(provider: ProviderCardView, earlier: Sequence[ConnectionView], desk: _Desk) -> Card:
    ends = [(end, item) for item in earlier if (end := ended_by(desk.histories.get(item.id, ())))]
    end, last = max(ends, key=lambda pair: pair[0].created_at, default=(None, None))
    empty = [] if last else [_invitation(provider, desk.agent_name)]
    empty += [_missing_words(scheme, provider) for scheme in provider.schemes if scheme.missing]
    account = account_of(last) if last else ""
    title = title_of(provider.category, provider.name)
    return Card(
        key=provider.slug,
        title=title,
        subtitle=" · ".join(part for part in (provider.name if title != provider.name else "", account) if part),
        logo=f"/providers/{provider.slug}.svg",
        monogram=provider.name[:1],
        chip="Disconnected" if earlier else "Not connected",
        chip_kind="off",
        connection_id=str(last.id) if last else "",
        notices=(Notice(kind="soon", text=last.last_error),) if last and last.last_error else (),
        empty=tuple(empty),
        ways=_ways(provider, desk.agent_id, is_first_choice=last is None),
        provider=provider.slug,
        may_use_own_app=any(scheme.is_oauth for scheme in provider.schemes),
        consent=consent_of(last, [provider]) if last else "",
        provider_name=provider.name,
        ended_by=f"Disconnected by {end.actor_label}, " if end and end.actor_label else "Disconnected ",
        ended_at=end.created_at.isoformat() if end else "",
        events=history(desk.histories.get(last.id, ())[:EVENTS_SHOWN]) if last else (),
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


def _ways(provider: ProviderCardView, agent_id: UUID, *, is_first_choice: bool = True) -> tuple[Way, ...]:
    ready = [scheme for scheme in provider.schemes if not scheme.missing]
    return tuple(
        Way(
            scheme_id=scheme.id,
            label="Connect phone number" if provider.category == "phone" else scheme.label,
            provider=provider.slug,
            provider_name=provider.name,
            link=routes.oauth_start(provider.slug, agent_id) if scheme.is_oauth else "",
            kind="primary" if scheme is ready[0] and is_first_choice else "",
        )
        for scheme in ready
    )
