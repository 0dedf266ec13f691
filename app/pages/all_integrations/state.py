"""All connections of the company: the list with its filters, what needs a person, and where owners are told."""

from collections.abc import Mapping
from dataclasses import dataclass

import reflex as rx

from app import routes
from app.pages.all_integrations.view import (
    FILTERS,
    Finding,
    Option,
    Row,
    StateFilter,
    Target,
    agent_options,
    keep_agent,
    needs_of,
    options,
    rows_of,
    senders,
    state_filters,
    summary_words,
    targets_of,
)
from app.session.guard import current_actor, guarded
from app.session.kernel import get_kernel, in_thread
from app.session.live_page import LivePage
from app.session.outcome import read_outcome
from app.session.state import Steps, complain, parse_id, query_value
from services.agents import list_agents
from services.connections import list_connections
from services.health import (
    add_notice_target,
    delete_notice_target,
    list_notice_targets,
    list_overview,
    send_test_notice,
)
from services.kernel.errors import InvalidInput, PatchbayError
from services.kernel.kernel import Kernel
from services.tenants import Actor, Permission


class OverviewState(LivePage, rx.State):
    """The list as filtered by the address."""

    rows: rx.Field[list[Row]] = rx.field(default_factory=list)
    findings: rx.Field[list[Finding]] = rx.field(default_factory=list)
    states: rx.Field[list[StateFilter]] = rx.field(default_factory=list)
    providers: rx.Field[list[Option]] = rx.field(default_factory=list)
    causes: rx.Field[list[Option]] = rx.field(default_factory=list)
    agents: rx.Field[list[Option]] = rx.field(default_factory=list)
    senders: rx.Field[list[Option]] = rx.field(default_factory=list)
    targets: rx.Field[list[Target]] = rx.field(default_factory=list)
    summary: str = ""
    next_at: str = ""
    total: int = 0
    filters: rx.Field[dict[str, str]] = rx.field(default_factory=lambda: dict.fromkeys(FILTERS, ""))
    is_filtered: bool = False
    banner_kind: str = ""
    banner_text: str = ""
    wrong_field: str = ""
    wrong_text: str = ""
    busy: str = ""
    """Id of the place that a test goes to, or ``new``."""

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def load(self) -> None:
        """Read what the address asks for; say how a walk to a consent page ended."""
        # A walk that ended here names its provider too, and means nothing to be filtered.
        is_walk = bool(query_value(self, "refused"))
        self.filters = {name: "" if is_walk else query_value(self, name)[:200] for name in FILTERS}
        self.is_filtered = any(self.filters.values())
        self.wrong_field = self.wrong_text = self.busy = ""
        await self._read_again()

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def on_live(self, row_id: str) -> None:
        """Read again: a connection of the tenant has changed."""
        await self._follow(row_id)

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def show_only(self, name: str, value: str) -> rx.event.EventSpec | None:
        """Change one filter; it goes into the address."""
        if name not in FILTERS:
            return None
        return rx.redirect(routes.all_integrations(**{**self.filters, name: value}))

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def search(self, form: dict[str, str]) -> rx.event.EventSpec:
        """Look for words in provider, account, name and agent."""
        return rx.redirect(routes.all_integrations(**{**self.filters, "q": str(form.get("q", "")).strip()[:200]}))

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def dismiss_banner(self) -> rx.event.EventSpec:
        """Put the notice away, also from the address."""
        self.banner_kind = self.banner_text = ""
        return rx.redirect(routes.all_integrations(**self.filters), replace=True)

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def add_target(self, form: dict[str, str]) -> Steps:
        """Have owners told at one more place."""
        self.busy, self.wrong_field, self.wrong_text = "new", "", ""
        yield
        try:
            connection_id = str(form.get("connection_id", ""))
            if not connection_id:
                raise InvalidInput("Choose what the notices go through.", field="connection_id")
            await in_thread(
                add_notice_target,
                get_kernel(),
                actor=current_actor(),
                connection_id=parse_id(connection_id),
                channel_id=str(form.get("channel_id", "")),
                label=str(form.get("label", "")),
            )
            await self._read()
            yield rx.toast.success("Owners are told there from now on. Send a test to see it arrive.")
        except InvalidInput as error:
            self.wrong_field, self.wrong_text = error.field, error.message
        except PatchbayError as error:
            yield complain(error)
        finally:
            self.busy = ""

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def delete_target(self, target_id: str) -> Steps:
        """Have owners no longer told at a place."""
        try:
            await in_thread(delete_notice_target, get_kernel(), actor=current_actor(), target_id=parse_id(target_id))
            await self._read()
        except PatchbayError as error:
            yield complain(error)

    @rx.event
    @guarded(Permission.CONNECTIONS_EDIT)
    async def send_test(self, target_id: str) -> Steps:
        """Send a notice that says that it is a test, and say what came of it."""
        self.busy = target_id
        yield
        try:
            outcome = await in_thread(
                send_test_notice, get_kernel(), actor=current_actor(), target_id=parse_id(target_id)
            )
            if outcome.sent:
                yield rx.toast.success(outcome.message)
            else:
                yield rx.toast.error(outcome.message, duration=8000)
        except PatchbayError as error:
            yield complain(error)
        finally:
            self.busy = ""

    async def _read(self) -> None:
        found = await in_thread(_load, get_kernel(), current_actor(), dict(self.filters))
        self.rows, self.findings, self.states = list(found.rows), list(found.findings), list(found.states)
        self.providers, self.causes = list(found.providers), list(found.causes)
        self.agents, self.senders, self.targets = list(found.agents), list(found.senders), list(found.targets)
        self.summary, self.next_at, self.total = found.summary, found.next_at, found.total
        # What came of a walk is said as long as it is so.
        self.banner_kind, self.banner_text = await in_thread(
            read_outcome, get_kernel(), current_actor(), self.router.url.query_parameters
        )
        self.phase = "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    states: tuple[StateFilter, ...]
    providers: tuple[Option, ...]
    causes: tuple[Option, ...]
    agents: tuple[Option, ...]
    senders: tuple[Option, ...]
    targets: tuple[Target, ...]
    summary: str
    next_at: str
    total: int


def _load(kernel: Kernel, actor: Actor, filters: Mapping[str, str]) -> _Found:
    agents = [(agent.id, agent.name) for agent in list_agents(kernel, actor=actor)]
    overview = list_overview(
        kernel,
        actor=actor,
        provider=filters["provider"],
        status=filters["status"],
        cause=filters["cause"],
        query=filters["q"],
    )
    # What needs a person is shown whatever is filtered.
    everything = overview if not any(filters.values()) else list_overview(kernel, actor=actor)
    next_at = overview.summary.next_at
    return _Found(
        rows=rows_of(keep_agent(overview.rows, filters["agent"]), fallback_agent=agents[0][0] if agents else None),
        findings=needs_of(everything.rows),
        states=state_filters(overview, filters),
        providers=options(overview.providers),
        causes=options(overview.causes),
        agents=agent_options(agents),
        senders=senders(list_connections(kernel, actor=actor)),
        targets=targets_of(list_notice_targets(kernel, actor=actor)),
        summary=summary_words(overview.summary),
        next_at=next_at.isoformat() if next_at else "",
        total=overview.total,
    )
