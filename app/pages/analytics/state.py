"""Analytics: span and filters in the address; counted again each minute while somebody looks."""

from dataclasses import dataclass, replace

import reflex as rx

from app.pages.analytics.charts import charts_of
from app.pages.analytics.look import Look, read_look
from app.pages.analytics.shapes import AgentChoice, Chart, Figure, Moment, Part, Pill
from app.pages.analytics.view import (
    agent_parts,
    channel_parts,
    channel_pills,
    dead_letters,
    figures,
    moments,
    sheet_of,
    span_pills,
    zone_note,
)
from app.session.guard import current_actor, guarded
from app.session.kernel import get_kernel, in_thread
from app.session.state import Steps, complain, query_value
from services.agents import list_agents
from services.analytics import AnalyticsView, get_analytics
from services.kernel.errors import PatchbayError
from services.tenants import Actor, Permission

_MINUTE = 60_000
_OFTEN = ("24h", "7d")
"""Spans that change while one looks at them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What one look at the database found."""

    view: AnalyticsView
    agents: tuple[AgentChoice, ...]


class AnalyticsState(rx.State):
    """A period's numbers, charts and tables."""

    spans: rx.Field[list[Pill]] = rx.field(default_factory=list)
    channels: rx.Field[list[Pill]] = rx.field(default_factory=list)
    agents: rx.Field[list[AgentChoice]] = rx.field(default_factory=list)
    look: Look = Look()
    figures: rx.Field[list[Figure]] = rx.field(default_factory=list)
    charts: rx.Field[list[Chart]] = rx.field(default_factory=list)
    moments: rx.Field[list[Moment]] = rx.field(default_factory=list)
    by_channel: rx.Field[list[Part]] = rx.field(default_factory=list)
    by_agent: rx.Field[list[Part]] = rx.field(default_factory=list)
    dead: str = ""
    dead_log: str = ""
    zone_note: str = ""
    as_of: str = ""
    every: int = _MINUTE
    """Milliseconds after which it is counted again."""
    has_any: bool = False
    """Whether something came in."""
    is_narrowed: bool = False
    is_busy: bool = False
    phase: str = "loading"
    trouble: str = ""

    @rx.event
    @guarded(Permission.CONVERSATIONS_VIEW)
    async def load(self) -> Steps:
        """Count what the address asks for; what is shown stays until that is done."""
        self.look = read_look(*(query_value(self, name) for name in ("span", "agent", "channel")))
        self.spans, self.channels = span_pills(self.look), channel_pills(self.look)
        self.is_busy, self.is_narrowed = True, self.look.is_narrowed
        yield
        await self._read()

    @rx.event
    @guarded(Permission.CONVERSATIONS_VIEW)
    async def refresh(self) -> None:
        """Count again."""
        await self._read()

    @rx.event
    @guarded(Permission.CONVERSATIONS_VIEW)
    async def choose_agent(self, agent_id: str) -> rx.event.EventSpec:
        """Count one agent alone, or all."""
        return rx.redirect(replace(self.look, agent=agent_id).path())

    @rx.event
    @guarded(Permission.CONVERSATIONS_VIEW)
    async def download(self, table: str) -> rx.event.EventSpec | None:
        """Save a table as a file for spreadsheets."""
        try:
            found = await in_thread(_load, current_actor(), replace(self.look))
        except PatchbayError as error:
            return complain(error)
        text = sheet_of(table, found.view)
        return None if text is None else rx.download(data=text, filename=f"analytics-{table}-{self.look.span}.csv")

    async def _read(self) -> None:
        look = replace(self.look)
        try:
            found = await in_thread(_load, current_actor(), look)
        except PatchbayError as error:
            self.phase, self.trouble, self.is_busy = "failed", error.message, False
            return
        self._show(found, look)

    def _show(self, found: _Found, look: Look) -> None:
        view = found.view
        self.agents = list(found.agents)
        self.figures, self.moments = list(figures(view)), list(moments(view))
        self.charts = list(charts_of(view, look))
        self.by_channel, self.by_agent = list(channel_parts(view, look)), list(agent_parts(view, look))
        self.dead, self.dead_log = dead_letters(view)
        self.zone_note, self.as_of = zone_note(view), view.as_of.isoformat()
        self.every = _MINUTE if look.span in _OFTEN else 10 * _MINUTE
        self.has_any = view.total.numbers.inbound > 0
        self.is_busy, self.phase = False, "ready"


def _load(actor: Actor, look: Look) -> _Found:
    kernel = get_kernel()
    return _Found(
        view=get_analytics(kernel, actor=actor, span=look.span, agent_id=look.agent_id, channel=look.channel),
        agents=tuple(AgentChoice(id=str(agent.id), name=agent.name) for agent in list_agents(kernel, actor=actor)),
    )
