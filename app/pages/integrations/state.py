"""An agent's connections: what the cards show, what needs a person, and how a walk to a consent page ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import reflex as rx

from app import routes
from app.desk.view import Finding
from app.pages.integrations.card import Card
from app.pages.integrations.extras import Extras
from app.pages.integrations.view import build_cards, concerns, needs_of
from app.session.guard import current_actor, guarded
from app.session.kernel import get_kernel, in_thread
from app.session.live_page import LivePage
from app.session.outcome import read_outcome
from app.session.state import parse_id, query_value, route_id
from services import calendar, email
from services.agents import get_agent
from services.channels import list_heard
from services.connections import (
    ConnectionView,
    TransitionView,
    available_providers,
    list_connections,
    list_transitions,
)
from services.health import list_findings
from services.kernel.errors import PatchbayError
from services.kernel.kernel import Kernel
from services.provider_kit.contract import Capability
from services.provider_kit.registry import get_manifest
from services.tenants import Actor, Permission

_TRANSITIONS_READ = 10
"""Enough to find who ended a connection behind what the provider said afterwards."""

_GO_TO_CARD = """
(function look(left) {
  const card = document.querySelector('article[data-service="%s"]');
  if (card) { card.scrollIntoView({ block: "center" }); card.focus({ preventScroll: true }); }
  else if (left) requestAnimationFrame(() => look(left - 1));
})(120)
"""
"""Goes to the card of a service as soon as it is drawn; the slug is a card's own, never the address's words."""


class IntegrationsState(LivePage, rx.State):
    """The cards, and what needs a person."""

    cards: rx.Field[list[Card]] = rx.field(default_factory=list)
    findings: rx.Field[list[Finding]] = rx.field(default_factory=list)
    agent_id: str = ""
    banner_kind: str = ""
    banner_text: str = ""

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def load(self) -> rx.event.EventSpec | None:
        """Read everything for the agent in the address; say how a walk to a consent page ended."""
        self.banner_kind = self.banner_text = ""
        try:
            agent_id = str(route_id(self, "agent_id"))
            if agent_id != self.agent_id:
                self.phase, self.cards, self.findings = "loading", [], []
            self.agent_id = agent_id
            await self._read()
        except PatchbayError as error:
            self.phase, self.trouble = "failed", error.message
            return None
        service = query_value(self, "service")
        if not service or all(card.provider != service for card in self.cards):
            return None
        return rx.call_script(_GO_TO_CARD % service)

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def on_live(self, row_id: str) -> None:
        """Read again: a connection of the tenant has changed."""
        await self._follow(row_id)

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def dismiss_banner(self) -> rx.event.EventSpec:
        """Put the notice away, also from the address."""
        self.banner_kind = self.banner_text = ""
        return rx.redirect(routes.agent_integrations(self.agent_id), replace=True)

    async def _read(self) -> None:
        loaded = await in_thread(_load, get_kernel(), current_actor(), parse_id(self.agent_id))
        self.cards, self.findings = list(loaded.cards), list(loaded.findings)
        # What came of a walk is said as long as it is so.
        self.banner_kind, self.banner_text = await in_thread(
            read_outcome, get_kernel(), current_actor(), self.router.url.query_parameters
        )
        self.phase = "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    """What one look at the database found."""

    cards: tuple[Card, ...]
    findings: tuple[Finding, ...]


def _load(kernel: Kernel, actor: Actor, agent_id: UUID) -> _Loaded:
    agent = get_agent(kernel, actor=actor, agent_id=agent_id)
    connections = [item for item in list_connections(kernel, actor=actor) if concerns(item, agent_id)]
    findings = list_findings(kernel, actor=actor, agent_id=agent_id)
    histories = {item.id: _history(kernel, actor, item.id) for item in connections}
    return _Loaded(
        cards=build_cards(
            agent_id=agent_id,
            agent_name=agent.name,
            providers=available_providers(kernel, actor=actor, agent_id=agent_id),
            connections=connections,
            findings=findings,
            histories=histories,
            extras=_extras(kernel, actor, agent_id, connections),
        ),
        findings=needs_of(findings),
    )


def _extras(kernel: Kernel, actor: Actor, agent_id: UUID, connections: Sequence[ConnectionView]) -> Extras:
    """Read what only some services show, by what their providers can do."""
    able = {item.id: get_manifest(item.provider).capabilities for item in connections if item.status != "disconnected"}
    heard = [id for id, capabilities in able.items() if Capability.SHARED in capabilities]
    channels = list_heard(kernel, actor=actor, connection_ids=heard) if heard else ()
    return Extras(
        calendars={
            id: calendar.get_card(kernel, actor=actor, connection_id=id)
            for id, capabilities in able.items()
            if Capability.CALENDAR in capabilities
        },
        letters={
            id: email.get_card(kernel, actor=actor, connection_id=id, agent_id=agent_id)
            for id, capabilities in able.items()
            if Capability.DOMAINS in capabilities
        },
        channels={id: tuple(item for item in channels if item.connection_id == id) for id in heard},
    )


def _history(kernel: Kernel, actor: Actor, connection_id: UUID) -> tuple[TransitionView, ...]:
    page = list_transitions(kernel, actor=actor, connection_id=connection_id, limit=_TRANSITIONS_READ)
    return tuple(page.items)
