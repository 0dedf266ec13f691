"""What every page needs to know: whose house this is, who is here, and what they may do."""

from collections.abc import AsyncIterator, Sequence
from typing import cast
from uuid import UUID

import reflex as rx
from reflex.event import EventCallback, EventSpec

from app.session.guard import current_actor, guarded
from app.session.kernel import get_kernel, in_thread
from app.session.tabs import TABS
from app.session.visits import arrive
from services.agents import AgentView, get_agent
from services.health import FindingView, list_findings, summarise
from services.kernel.errors import InvalidInput, NotFound, PatchbayError
from services.tenants import Permission, get_tenant

Steps = AsyncIterator[EventSpec | EventCallback[*tuple[()]] | None]
"""What a handler yields on its way: nothing for "show what I have so far", or what the browser shall do."""

ROLE_WORDS = {"owner": "Owner", "admin": "Admin", "operator": "Operator", "viewer": "Viewer"}


def route_id(state: rx.State, name: str) -> UUID:
    """Return an id from the page's address, which is the client's input.

    Raises:
        NotFound: it is not an id at all.
    """
    return parse_id(str(cast("dict[str, object]", state.rx_router_page.params).get(name, "")))


def parse_id(value: str) -> UUID:
    """Return an id the client sent.

    Raises:
        NotFound: it is not an id at all.
    """
    try:
        return UUID(value)
    except ValueError as error:
        raise NotFound("There is nothing at this address.") from error


def query_value(state: rx.State, name: str) -> str:
    """Return one value of the address's query, or an empty text."""
    return str(state.router.url.query_parameters.get(name, ""))


def complain(error: PatchbayError) -> rx.event.EventSpec:
    """Return the notice that tells a person what went wrong and what to do."""
    return rx.toast.error(error.message, duration=8000)


class SessionState(rx.State):
    """The signed-in person and their company; loaded first on every page."""

    tenant_name: str = ""
    user_name: str = ""
    role: str = ""
    role_word: str = ""
    agent_count: int = 0
    waiting_count: int = 0
    trouble_count: int = 0
    """Connections that are broken or about to break."""
    is_loaded: bool = False
    may_edit_agents: bool = False
    may_edit_connections: bool = False
    may_reply: bool = False
    may_decide_actions: bool = False
    may_edit_keys: bool = False
    may_replay: bool = False
    may_reveal: bool = False

    @rx.event
    @guarded(Permission.CONNECTIONS_VIEW)
    async def on_live(self, row_id: str) -> None:
        """Count again what needs a person: a connection of the tenant has changed."""
        if self.is_loaded and row_id:
            health = await in_thread(summarise, get_kernel(), actor=current_actor())
            self.trouble_count = health.errors + health.warnings

    @rx.event
    @guarded(Permission.AGENTS_VIEW)
    async def load(self) -> None:
        """Read the tenant and the actor, and join the tenant's live updates."""
        actor = current_actor()
        await arrive(self)
        TABS.join(actor.tenant_id, token=self.router.session.client_token, route=self.router.route_id)
        tenant = await in_thread(get_tenant, get_kernel(), actor=actor)
        health = await in_thread(summarise, get_kernel(), actor=actor)
        self.trouble_count = health.errors + health.warnings
        self.tenant_name = tenant.name
        self.agent_count = tenant.agent_count
        self.waiting_count = tenant.waiting_count
        self.user_name = actor.label
        self.role = actor.role.value
        self.role_word = ROLE_WORDS.get(actor.role.value, actor.role.value)
        self.may_edit_agents = actor.may(Permission.AGENTS_EDIT)
        self.may_edit_connections = actor.may(Permission.CONNECTIONS_EDIT)
        self.may_reply = actor.may(Permission.CONVERSATIONS_REPLY)
        self.may_decide_actions = actor.may(Permission.ACTIONS_DECIDE)
        self.may_edit_keys = actor.may(Permission.KEYS_EDIT)
        self.may_replay = actor.may(Permission.DELIVERIES_REPLAY)
        self.may_reveal = actor.may(Permission.DELIVERIES_REVEAL)
        self.is_loaded = True


class AgentState(rx.State):
    """The agent whose pages are open: what the head and the tabs show."""

    id: str = ""
    name: str = ""
    initial: str = ""
    purpose: str = ""
    status: str = ""
    connection_count: int = 0
    last_answer_at: str = ""
    alarm: str = ""
    """The worst thing that is wrong with one of its connections, or about to be."""
    alarm_kind: str = ""
    phase: str = "loading"
    """``loading``, ``ready``, ``missing`` or ``failed``."""
    trouble: str = ""

    @rx.event
    @guarded(Permission.AGENTS_VIEW)
    async def load(self) -> None:
        """Read the agent named in the address."""
        actor = current_actor()
        try:
            agent = await in_thread(get_agent, get_kernel(), actor=actor, agent_id=route_id(self, "agent_id"))
            findings = await in_thread(list_findings, get_kernel(), actor=actor, agent_id=agent.id)
        except NotFound:
            self._forget("missing", "")
        except (PatchbayError, InvalidInput) as error:
            self._forget("failed", error.message)
        else:
            self._show(agent)
            self.alarm_kind, self.alarm = _alarm(findings)

    @rx.event
    @guarded(Permission.AGENTS_VIEW)
    async def on_live(self, row_id: str) -> None:
        """Look at the agent's connections again: one of the tenant's has changed."""
        if self.phase != "ready" or not row_id:
            return
        try:
            findings = await in_thread(list_findings, get_kernel(), actor=current_actor(), agent_id=parse_id(self.id))
        except PatchbayError as error:
            self._forget("failed", error.message)
        else:
            self.alarm_kind, self.alarm = _alarm(findings)

    def _show(self, agent: AgentView) -> None:
        self.id = str(agent.id)
        self.name = agent.name
        self.initial = agent.name[:1].upper()
        self.purpose = agent.purpose
        self.status = agent.status
        self.connection_count = agent.connection_count
        self.last_answer_at = agent.last_answer_at.isoformat() if agent.last_answer_at else ""
        self.phase, self.trouble = "ready", ""

    def _forget(self, phase: str, trouble: str) -> None:
        self.id = self.name = self.initial = self.purpose = self.status = self.last_answer_at = ""
        self.alarm = self.alarm_kind = ""
        self.connection_count = 0
        self.phase, self.trouble = phase, trouble


def _alarm(findings: Sequence[FindingView]) -> tuple[str, str]:
    """Return colour and words of what is worst; both empty if nothing is broken or about to be."""
    bad = [finding for finding in findings if finding.severity != "note"]
    if not bad:
        return "", ""
    more = f" And {len(bad) - 1} more." if len(bad) > 1 else ""
    return ("broken" if bad[0].severity == "error" else "soon"), f"{bad[0].what} {bad[0].stops}{more}"
