"""The catalogue: search and category, and the service whose drawer is open, all of it in the address."""

from dataclasses import dataclass

import reflex as rx

from app import routes
from app.pages.catalogue.view import Detail, Pill, Row, Search, detail, pills, row
from app.session.guard import current_actor, guarded
from app.session.kernel import get_kernel, in_thread
from app.session.live_page import LivePage
from app.session.state import query_value
from services.agents import list_agents
from services.catalogue import CatalogueView, list_catalogue
from services.tenants import Actor, Permission

NONE_OPEN = Detail()
_LONGEST_QUERY = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An agent to choose from."""

    id: str
    name: str


class CatalogueState(LivePage, rx.State):
    """What fits the search, and the open drawer."""

    rows: rx.Field[list[Row]] = rx.field(default_factory=list)
    pills: rx.Field[list[Pill]] = rx.field(default_factory=list)
    agents: rx.Field[list[Choice]] = rx.field(default_factory=list)
    agent_id: str = ""
    """The agent chosen to connect a service for."""
    agent_name: str = ""
    query: str = ""
    category: str = ""
    revision: int = 0
    """Grows when the address brings another search than the one that was typed."""
    total: int = 0
    found: str = ""
    detail: Detail = NONE_OPEN
    unknown: str = ""
    """What the address calls a service that the catalogue does not have."""
    _asked: str = ""
    """The service whose drawer is to be open."""

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def load(self) -> None:
        """Read what the address asks for."""
        query = query_value(self, "q")[:_LONGEST_QUERY]
        if query != self.query:
            self.query, self.revision = query, self.revision + 1
        self.category, self._asked = query_value(self, "category"), query_value(self, "provider")
        await self._read_again()

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def on_live(self, row_id: str) -> None:
        """Read again: a connection of the tenant has changed."""
        await self._follow(row_id)

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def search(self, text: str) -> rx.event.EventSpec:
        """Put what was typed into the address, which then is read."""
        self.query = text.strip()[:_LONGEST_QUERY]
        return rx.redirect(routes.catalogue(query=self.query, category=self.category), replace=True)

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def close(self) -> rx.event.EventSpec:
        """Put the drawer away."""
        self.detail, self._asked = NONE_OPEN, ""
        return rx.redirect(routes.catalogue(query=self.query, category=self.category))

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def choose_agent(self, agent_id: str) -> None:
        """Choose the agent to connect the service for."""
        chosen = next((agent for agent in self.agents if agent.id == agent_id), None)
        if chosen:
            self.agent_id, self.agent_name = chosen.id, chosen.name

    async def _read(self) -> None:
        provider = self._asked
        search = Search(query=self.query, category=self.category)
        loaded = await in_thread(_load, current_actor(), search, provider)
        view, entries = loaded.view, loaded.view.entries
        self.rows, self.pills = [row(entry, search) for entry in entries], pills(view, search)
        self.total, self.detail = view.total, loaded.detail
        self.found = "1 service" if len(entries) == 1 else f"{len(entries)} services"
        self.unknown = provider[:60] if provider and not loaded.detail.slug else ""
        self.agents = list(loaded.agents)
        if self.agent_id not in {agent.id for agent in self.agents}:
            first = next(iter(self.agents), Choice(id="", name=""))
            self.agent_id, self.agent_name = first.id, first.name
        self.phase = "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    view: CatalogueView
    detail: Detail
    agents: tuple[Choice, ...]


def _load(actor: Actor, search: Search, provider: str) -> _Loaded:
    kernel = get_kernel()
    # The drawer's service need not fit the search: its address may come from elsewhere.
    everything = list_catalogue(kernel, actor=actor).entries if provider else ()
    return _Loaded(
        view=list_catalogue(kernel, actor=actor, query=search.query, category=search.category),
        detail=next((detail(entry) for entry in everything if entry.slug == provider), NONE_OPEN),
        agents=tuple(Choice(id=str(agent.id), name=agent.name) for agent in list_agents(kernel, actor=actor)),
    )
