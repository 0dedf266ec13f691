"""An agent's connections: load, connect, test, assign numbers, disconnect."""

from dataclasses import dataclass

import reflex as rx

from app import routes
from app.pages.integrations.view import Card, Finding, Way, build_cards, find_needs
from app.session.guard import current_actor, guarded
from app.session.kernel import get_kernel, in_thread
from app.session.state import AgentState, Steps, complain, parse_id, query_value, route_id
from services.agents import get_agent, list_agents
from services.connections import (
    assign_number,
    available_providers,
    disconnect,
    list_connections,
    refusal_message,
    sync_numbers,
    test_connection,
)
from services.kernel.errors import PatchbayError
from services.tenants import Actor, Permission

NO_CARD = Card(key="", title="", subtitle="", logo="", monogram="", chip="", chip_kind="off")
NO_WAY = Way(scheme_id="", label="", provider="", provider_name="", link="", action="", fields=(), kind="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An agent to choose from."""

    id: str
    name: str


class IntegrationsState(rx.State):
    """The cards, what needs a person, and the dialog that is open."""

    cards: rx.Field[list[Card]] = rx.field(default_factory=list)
    findings: rx.Field[list[Finding]] = rx.field(default_factory=list)
    agents: rx.Field[list[Choice]] = rx.field(default_factory=list)
    phase: str = "loading"
    trouble: str = ""
    agent_id: str = ""
    agent_name: str = ""
    dialog: str = ""
    """``keys``, ``paste``, ``numbers``, ``disconnect`` or empty."""
    card: Card = NO_CARD
    way: Way = NO_WAY
    busy: str = ""
    """Id of the connection or number that is being worked on."""
    dialog_error: str = ""
    banner_kind: str = ""
    banner_text: str = ""

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def load(self) -> None:
        """Read everything for the agent in the address; say how a walk to a consent page ended."""
        self.dialog, self.busy, self.dialog_error = "", "", ""
        self.banner_kind = self.banner_text = ""
        try:
            agent_id = str(route_id(self, "agent_id"))
            if agent_id != self.agent_id:
                self.phase, self.cards, self.findings = "loading", [], []
            self.agent_id = agent_id
            await self._read()
        except PatchbayError as error:
            self.phase, self.trouble = "failed", error.message
        else:
            self._show_outcome()

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def on_live(self, row_id: str) -> None:
        """Read again: a connection of the tenant has changed."""
        if self.phase == "ready" and row_id:
            await self._read_again()

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def open_keys(self, key: str, scheme_id: str) -> None:
        """Show the form for a provider's keys."""
        card = self._find(key)
        way = next((way for way in card.ways if way.scheme_id == scheme_id and not way.link), None)
        if way:
            self.card, self.way, self.dialog, self.dialog_error = card, way, "keys", ""

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def on_connected(self, connection_id: str) -> Steps:
        """Go on after the server accepted the keys: addresses to paste, or numbers to assign."""
        self.dialog = ""
        await self._read_again()
        yield AgentState.load()
        card = next((card for card in self.cards if card.connection_id == connection_id), None)
        if card is None:
            return
        self.card = card
        if card.has_numbers:
            self.dialog = "numbers"
        elif card.addresses:
            self.dialog = "paste"
        yield rx.toast.success(f"{card.title} is connected: {card.subtitle}.")

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def open_numbers(self, key: str) -> Steps:
        """Show the account's numbers; fetch them if there are none yet."""
        self.card, self.dialog, self.dialog_error = self._find(key), "numbers", ""
        if self.card.connection_id and not self.card.numbers:
            async for event in self._fetch_numbers():
                yield event

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def fetch_numbers(self) -> Steps:
        """Ask the provider for the account's numbers again."""
        async for event in self._fetch_numbers():
            yield event

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def assign(self, number_id: str, agent_id: str) -> Steps:
        """Let an agent, or nobody, answer on a number."""
        self.busy, self.dialog_error = number_id, ""
        yield
        try:
            await in_thread(
                assign_number,
                get_kernel(),
                actor=current_actor(),
                connection_id=parse_id(self.card.connection_id),
                number_id=parse_id(number_id),
                agent_id=parse_id(agent_id) if agent_id else None,
            )
            await self._read()
        except PatchbayError as error:
            self.dialog_error = error.message
        finally:
            self.busy = ""
            self.card = self._find(self.card.key)

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def test(self, connection_id: str) -> Steps:
        """Make the cheapest call that proves the credential; the result stands on the card."""
        self.busy = connection_id
        yield
        try:
            await in_thread(test_connection, get_kernel(), actor=current_actor(), connection_id=parse_id(connection_id))
            await self._read()
        except PatchbayError as error:
            yield complain(error)
        finally:
            self.busy = ""

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def ask_disconnect(self, key: str) -> None:
        """Ask before disconnecting, with the consequences."""
        self.card, self.dialog = self._find(key), "disconnect"

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def disconnect(self) -> Steps:
        """Forget the connection's secrets; conversations stay."""
        self.busy = self.card.connection_id
        yield
        try:
            await in_thread(
                disconnect, get_kernel(), actor=current_actor(), connection_id=parse_id(self.card.connection_id)
            )
            self.dialog = ""
            await self._read()
            yield rx.toast.success(f"{self.card.title} is disconnected.")
            yield AgentState.load()
        except PatchbayError as error:
            yield complain(error)
        finally:
            self.busy = ""

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def reconnect(self, key: str) -> rx.event.EventSpec | None:
        """Begin the recommended way to connect the same account again."""
        card = self._find(key)
        way = card.ways[0] if card.ways else None
        if way is None:
            return rx.toast.error("There is no way to connect this service on this server.")
        if way.link:
            return rx.call_script(f"window.location.assign({way.link!r})")
        self.card, self.way, self.dialog, self.dialog_error = card, way, "keys", ""
        return None

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def close(self) -> None:
        """Put the dialog away."""
        self.dialog, self.dialog_error = "", ""

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def dismiss_banner(self) -> rx.event.EventSpec:
        """Put the notice away, also from the address."""
        self.banner_kind = self.banner_text = ""
        return rx.redirect(routes.agent_integrations(self.agent_id), replace=True)

    def _find(self, key: str) -> Card:
        return next((card for card in self.cards if card.key == key), NO_CARD)

    def _show_outcome(self) -> None:
        """Say how a walk to a consent page ended; the address carries a code, never a sentence."""
        connected = next((card for card in self.cards if card.connection_id == query_value(self, "connected")), None)
        if connected and connected.connection_id:
            self.banner_kind = "ok"
            self.banner_text = f"{connected.title} is connected: {connected.subtitle}. Write to the agent there next."
        elif refused := query_value(self, "refused"):
            self.banner_kind = "broken"
            self.banner_text = refusal_message(refused, provider=query_value(self, "provider"))

    async def _fetch_numbers(self) -> Steps:
        self.busy, self.dialog_error = self.card.connection_id, ""
        yield
        try:
            await in_thread(
                sync_numbers, get_kernel(), actor=current_actor(), connection_id=parse_id(self.card.connection_id)
            )
            await self._read()
        except PatchbayError as error:
            self.dialog_error = error.message
        finally:
            self.busy = ""
            self.card = self._find(self.card.key)

    async def _read_again(self) -> None:
        """Read after the page has loaded; what it is about may be gone meanwhile, or never have been there."""
        try:
            await self._read()
        except PatchbayError as error:
            self.phase, self.trouble = "failed", error.message

    async def _read(self) -> None:
        loaded = await in_thread(_load, current_actor(), self.agent_id)
        self.cards, self.findings = list(loaded.cards), list(loaded.findings)
        self.agents, self.agent_name = list(loaded.agents), loaded.agent_name
        self.phase = "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    """What one look at the database found."""

    agent_name: str
    agents: tuple[Choice, ...]
    cards: tuple[Card, ...]
    findings: tuple[Finding, ...]


def _load(actor: Actor, agent_id: str) -> _Loaded:
    kernel, wanted = get_kernel(), parse_id(agent_id)
    agent = get_agent(kernel, actor=actor, agent_id=wanted)
    connections = list_connections(kernel, actor=actor)
    cards = build_cards(
        agent_id=wanted,
        agent_name=agent.name,
        providers=available_providers(kernel, actor=actor, agent_id=wanted),
        connections=connections,
    )
    return _Loaded(
        agent_name=agent.name,
        agents=tuple(Choice(id=str(item.id), name=item.name) for item in list_agents(kernel, actor=actor)),
        cards=cards,
        findings=find_needs(cards, connections, agent_name=agent.name),
    )
