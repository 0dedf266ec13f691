"""An agent's conversations: list, thread, replies and decisions, kept live."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import reflex as rx

from app.pages.conversations.bubbles import Approval, Bubble
from app.pages.conversations.composing import CLOSED, Composer
from app.pages.conversations.loading import load as load_panes
from app.pages.conversations.look import End, Filter, Look, everywhere, read_look
from app.pages.conversations.view import NOBODY, Head, Row, Step, found_words
from app.session.guard import current_actor, guarded
from app.session.kernel import get_kernel, in_thread
from app.session.live_page import LivePage
from app.session.state import Steps, complain, parse_id, query_value, route_id
from services.actions import ActionRunView, approve, reject
from services.conversations import ConversationView, close, give_back, reply, take_over
from services.kernel.errors import InvalidInput, PatchbayError
from services.tenants import Permission

_ASKED = ("show", "channel", "address", "q", "before", "c", "until")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What became of the last reply that was sent from this tab."""

    serial: int
    key: str
    """The draft it was about."""
    problem: str
    """Why it was not taken; empty if it was."""


class ConversationsState(LivePage, rx.State):
    """The three panes. Filters, place in the list and open conversation live in the address."""

    rows: rx.Field[list[Row]] = rx.field(default_factory=list)
    states: rx.Field[list[Filter]] = rx.field(default_factory=list)
    channels: rx.Field[list[Filter]] = rx.field(default_factory=list)
    ends: rx.Field[list[End]] = rx.field(default_factory=list)
    ends_label: str = ""
    older_path: str = ""
    newest_path: str = ""
    list_path: str = ""
    """The list with its filters, without an open conversation."""
    show: str = "open"
    channel: str = ""
    address: str = ""
    words: str = ""
    """What is searched for."""
    found: str = ""
    """How many conversations a search has found, in words."""
    clear_path: str = ""
    """The list with its filters, without what is searched for."""
    everywhere_path: str = ""
    """The same search without filters; empty if there are none."""
    is_searching: bool = False
    agent_id: str = ""
    open_id: str = ""
    head: Head = NOBODY
    messages: rx.Field[list[Bubble]] = rx.field(default_factory=list)
    earlier_path: str = ""
    latest_path: str = ""
    until: str = ""
    approvals: rx.Field[list[Approval]] = rx.field(default_factory=list)
    may_decide: bool = False
    composer: Composer = CLOSED
    answered: Answered = Answered(serial=0, key="", problem="")
    steps: rx.Field[list[Step]] = rx.field(default_factory=list)
    trace_id: str = ""
    thread_phase: str = "none"
    """``none``, ``loading``, ``ready`` or ``missing``."""
    _before: str = ""

    @rx.event
    @guarded(Permission.CONVERSATIONS_VIEW)
    async def load(self) -> Steps:
        """Read what the address asks for; what is listed stays until that is done."""
        try:
            agent_id = str(route_id(self, "agent_id"))
            look = read_look(agent_id, {name: query_value(self, name) for name in _ASKED})
            if agent_id != self.agent_id:
                self.phase, self.rows = "loading", []
            if look.open_id != self.open_id:
                self._close_thread("loading" if look.open_id else "none")
            self.is_searching = look.words != self.words
            self._note(look)
            yield
            await self._read()
        except PatchbayError as error:
            self.phase, self.trouble = "failed", error.message
        finally:
            self.is_searching = False

    @rx.event
    @guarded(Permission.CONVERSATIONS_VIEW)
    async def on_live(self, row_id: str) -> None:
        """Read again: a conversation of the tenant has changed."""
        await self._follow(row_id)

    @rx.event
    @guarded(Permission.CONVERSATIONS_VIEW)
    async def choose_end(self, address: str) -> rx.event.EventSpec:
        """List only what goes through one of our numbers, mailboxes or channels."""
        return rx.redirect(replace(self._look(), address=address, before="").path())

    @rx.event
    @guarded(Permission.CONVERSATIONS_REPLY)
    async def take_over(self) -> rx.event.EventSpec | None:
        """Put a person in charge; the agent falls silent here."""
        return await self._put_in_charge(take_over)

    @rx.event
    @guarded(Permission.CONVERSATIONS_REPLY)
    async def give_back(self) -> rx.event.EventSpec | None:
        """Let the agent answer again."""
        return await self._put_in_charge(give_back)

    @rx.event
    @guarded(Permission.CONVERSATIONS_REPLY)
    async def close(self) -> rx.event.EventSpec | None:
        """Put the conversation aside."""
        return await self._put_in_charge(close)

    @rx.event
    @guarded(Permission.CONVERSATIONS_REPLY)
    async def send(self, conversation_id: str, text: str, key: str) -> None:
        """Answer the contact. The draft names its conversation: another one may be open by now."""
        problem = ""
        try:
            await in_thread(
                reply,
                get_kernel(),
                actor=current_actor(),
                conversation_id=parse_id(conversation_id),
                text=text,
                idempotency_key=key,
            )
        except PatchbayError as error:
            problem = error.message
        self.answered = Answered(serial=self.answered.serial + 1, key=key, problem=problem)
        await self._read_again()

    @rx.event
    @guarded(Permission.ACTIONS_DECIDE)
    async def approve(self, run_id: str, note: str) -> rx.event.EventSpec | None:
        """Let the agent do what it asked for."""
        return await self._decide(approve, run_id, note)

    @rx.event
    @guarded(Permission.ACTIONS_DECIDE)
    async def reject(self, run_id: str, note: str) -> rx.event.EventSpec | None:
        """Refuse what the agent asked for."""
        return await self._decide(reject, run_id, note)

    async def _decide(self, act: Callable[..., ActionRunView], run_id: str, note: str) -> rx.event.EventSpec | None:
        said: rx.event.EventSpec | None = None
        try:
            await in_thread(act, get_kernel(), actor=current_actor(), run_id=parse_id(run_id), note=note)
        except PatchbayError as error:
            said = complain(error)
        await self._read_again()
        return said

    async def _put_in_charge(self, act: Callable[..., ConversationView]) -> rx.event.EventSpec | None:
        try:
            await in_thread(act, get_kernel(), actor=current_actor(), conversation_id=parse_id(self.open_id))
            await self._read()
        except PatchbayError as error:
            return complain(error)
        return None

    async def _read(self) -> None:
        actor, look = current_actor(), self._look()
        try:
            found = await in_thread(load_panes, get_kernel(), actor, look)
        except InvalidInput:
            # The place in the list came with the address and is none: begin at the newest.
            look = replace(look, before="")
            self._before = ""
            found = await in_thread(load_panes, get_kernel(), actor, look)
        self.rows, self.older_path, self.newest_path = list(found.rows), found.older_path, found.newest_path
        self.states, self.channels = list(found.choices.states), list(found.choices.channels)
        self.ends, self.ends_label = list(found.choices.ends), found.choices.ends_label
        self.list_path = replace(look, open_id="", until="").path()
        self.found = found_words(self.rows, has_more=bool(found.older_path)) if look.words else ""
        self.clear_path, self.everywhere_path = replace(look, words="", before="").path(), everywhere(look)
        self.may_decide = actor.may(Permission.ACTIONS_DECIDE)
        self.phase = "ready"
        thread = found.thread
        if thread is None:
            self._close_thread("missing" if self.open_id else "none")
            return
        self.head, self.messages = thread.head, list(thread.messages)
        self.earlier_path, self.latest_path = thread.earlier_path, thread.latest_path
        self.approvals, self.composer = list(thread.approvals), thread.composer
        self.steps, self.trace_id = list(thread.steps), thread.trace_id
        self.thread_phase = "ready"

    def _close_thread(self, phase: str) -> None:
        self.head, self.messages = NOBODY, []
        self.earlier_path = self.latest_path = ""
        self.approvals, self.composer = [], CLOSED
        self.steps, self.trace_id = [], ""
        self.thread_phase = phase

    def _note(self, look: Look) -> None:
        self.agent_id, self.open_id, self._before = look.agent_id, look.open_id, look.before
        self.show, self.channel, self.address, self.until = look.show, look.channel, look.address, look.until
        self.words = look.words

    def _look(self) -> Look:
        return Look(
            agent_id=self.agent_id,
            show=self.show,
            channel=self.channel,
            address=self.address,
            words=self.words,
            before=self._before,
            open_id=self.open_id,
            until=self.until,
        )
