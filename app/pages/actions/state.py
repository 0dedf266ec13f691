"""An agent's actions: grants, what waits for a person, and the log."""

from dataclasses import dataclass
from uuid import UUID

import reflex as rx

from app.pages.actions.view import STATES, Group, Run, groups_of, run_of
from app.session.guard import current_actor, guarded
from app.session.kernel import get_kernel, in_thread
from app.session.live_page import LivePage
from app.session.state import Steps, complain, parse_id, route_id
from app.session.visits import Visited
from models import GrantMode
from services import actions
from services.kernel.errors import InvalidInput, PatchbayError
from services.kernel.kernel import Kernel
from services.tenants import Actor, Permission

_PAGE = 25


class ActionsState(Visited, LivePage, rx.State):
    """What one agent may do, and did."""

    agent_id: str = ""
    groups: rx.Field[list[Group]] = rx.field(default_factory=list)
    waiting: rx.Field[list[Run]] = rx.field(default_factory=list)
    runs: rx.Field[list[Run]] = rx.field(default_factory=list)
    next_cursor: str = ""
    show: str = ""
    """The state that the log is filtered by; empty for all."""
    asked: str = ""
    """The run that somebody is deciding on, with its verdict: ``approve`` or ``reject``; empty for none."""
    verdict: str = ""
    asked_title: str = ""
    wrong: str = ""
    is_busy: bool = False

    @rx.event
    @guarded(Permission.AGENTS_VIEW)
    async def load(self) -> None:
        """Read everything for the agent in the address."""
        if await self._is_new_visit():
            self.asked = self.verdict = ""
        try:
            agent_id = str(route_id(self, "agent_id"))
            if agent_id != self.agent_id:
                self.phase, self.show = "loading", ""
            self.agent_id = agent_id
            await self._read()
        except PatchbayError as error:
            self.phase, self.trouble = "failed", error.message
        if all(run.id != self.asked for run in self.waiting):
            self.asked = self.verdict = ""

    @rx.event
    @guarded(Permission.AGENTS_VIEW)
    async def on_live(self, row_id: str) -> None:
        """Read again: an action was asked for, decided on, or has ended."""
        await self._follow(row_id)

    @rx.event
    @guarded(Permission.AGENTS_VIEW)
    async def show_only(self, state: str) -> rx.event.EventSpec | None:
        """Filter the log."""
        self.show = state if state in dict(STATES) else ""
        try:
            await self._read()
        except PatchbayError as error:
            return complain(error)
        return None

    @rx.event
    @guarded(Permission.AGENTS_VIEW)
    async def show_more(self) -> rx.event.EventSpec | None:
        """Show earlier runs."""
        try:
            page = await in_thread(
                actions.list_runs,
                get_kernel(),
                actor=current_actor(),
                agent_id=parse_id(self.agent_id),
                state=self.show,
                cursor=self.next_cursor,
                limit=_PAGE,
            )
        except PatchbayError as error:
            return complain(error)
        self.runs = [*self.runs, *(run_of(view) for view in page.items)]
        self.next_cursor = page.next_cursor
        return None

    @rx.event
    @guarded(Permission.AGENTS_EDIT)
    async def grant(self, key: str, mode: str) -> Steps:
        """Say how far the agent may go with one action."""
        connection_id, _, action = key.partition("/")
        try:
            await in_thread(
                _grant,
                get_kernel(),
                current_actor(),
                parse_id(self.agent_id),
                parse_id(connection_id),
                action,
                mode,
            )
            await self._read()
        except PatchbayError as error:
            yield complain(error)
            return
        yield rx.toast.success("Saved. It holds from the agent's next turn on.")

    @rx.event
    @guarded(Permission.ACTIONS_DECIDE)
    async def ask(self, run_id: str, verdict: str) -> None:
        """Ask whether, and why, before an action is approved or rejected."""
        run = next((run for run in self.waiting if run.id == run_id), None)
        if run is None or verdict not in ("approve", "reject"):
            return
        await self._note_visit()
        self.asked, self.verdict, self.asked_title, self.wrong = run.id, verdict, run.title, ""

    @rx.event
    @guarded(Permission.ACTIONS_DECIDE)
    async def decide(self, form: dict[str, str]) -> Steps:
        """Approve or reject the action that was asked about."""
        self.is_busy, self.wrong = True, ""
        yield
        act = actions.approve if self.verdict == "approve" else actions.reject
        try:
            await in_thread(
                act,
                get_kernel(),
                actor=current_actor(),
                run_id=parse_id(self.asked),
                note=str(form.get("note", "")),
            )
            self.asked = ""
            await self._read()
        except InvalidInput as error:
            self.wrong = error.message
        except PatchbayError as error:
            self.asked = ""
            yield complain(error)
        finally:
            self.is_busy = False

    @rx.event
    @guarded(Permission.AGENTS_VIEW)
    async def close(self) -> None:
        """Put the question away."""
        self.asked = ""

    async def _read(self) -> None:
        found = await in_thread(_load, get_kernel(), current_actor(), parse_id(self.agent_id), self.show)
        self.groups, self.waiting = list(found.groups), list(found.waiting)
        self.runs, self.next_cursor = list(found.runs), found.next_cursor
        self.phase = "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    """What one look at the database found."""

    groups: tuple[Group, ...]
    waiting: tuple[Run, ...]
    runs: tuple[Run, ...]
    next_cursor: str


def _load(kernel: Kernel, actor: Actor, agent_id: UUID, show: str) -> _Loaded:
    available = actions.list_available(kernel, actor=actor, agent_id=agent_id)
    waiting = actions.list_runs(kernel, actor=actor, agent_id=agent_id, state="awaiting_approval", limit=100)
    page = actions.list_runs(kernel, actor=actor, agent_id=agent_id, state=show, limit=_PAGE)
    return _Loaded(
        groups=groups_of(available),
        waiting=tuple(run_of(view) for view in waiting.items),
        runs=tuple(run_of(view) for view in page.items),
        next_cursor=page.next_cursor,
    )


def _grant(kernel: Kernel, actor: Actor, agent_id: UUID, connection_id: UUID, action: str, mode: str) -> None:
    if mode and mode not in list(GrantMode):
        raise InvalidInput("Choose off, ask first, or allowed.", field="mode")
    actions.set_grant(
        kernel,
        actor=actor,
        agent_id=agent_id,
        connection_id=connection_id,
        action=action,
        mode=GrantMode(mode) if mode else None,
    )
