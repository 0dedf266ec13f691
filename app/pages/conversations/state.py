"""An agent's conversations: list, thread and the way to the last answer, kept live."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import reflex as rx

from app.pages.conversations.view import (
    FILTERS,
    Bubble,
    Filter,
    Head,
    Row,
    Step,
    bubble,
    filters,
    head,
    last_answer,
    row,
    steps,
)
from app.session.guard import current_actor, guarded
from app.session.kernel import get_kernel, in_thread
from app.session.state import complain, parse_id, query_value, route_id
from services.conversations import (
    ConversationView,
    close,
    count_conversations,
    get_thread,
    give_back,
    list_conversations,
    mark_read,
    take_over,
)
from services.kernel.errors import NotFound, PatchbayError
from services.kernel.kernel import Kernel
from services.tenants import Actor, Permission
from services.traces import get_trace

NOBODY = Head(id="", name="", where="", address="", channel="", state="", chip="", chip_kind="off", reason="", count="")
ROWS_SHOWN = 50
MESSAGES_SHOWN = 100


class ConversationsState(rx.State):
    """The three panes. Filter and open conversation live in the address."""

    rows: rx.Field[list[Row]] = rx.field(default_factory=list)
    filters: rx.Field[list[Filter]] = rx.field(default_factory=list)
    has_more: bool = False
    show: str = "open"
    phase: str = "loading"
    trouble: str = ""
    agent_id: str = ""
    open_id: str = ""
    head: Head = NOBODY
    messages: rx.Field[list[Bubble]] = rx.field(default_factory=list)
    has_earlier: bool = False
    steps: rx.Field[list[Step]] = rx.field(default_factory=list)
    trace_id: str = ""
    thread_phase: str = "none"
    """``none``, ``loading``, ``ready`` or ``missing``."""
    _limit: int = ROWS_SHOWN

    @rx.event
    @guarded(Permission.CONVERSATIONS_VIEW)
    async def load(self) -> None:
        """Read what the address asks for."""
        show = query_value(self, "show")
        self.show = show if show in {name for name, _ in FILTERS} else "open"
        wanted = query_value(self, "c")
        try:
            agent_id = str(route_id(self, "agent_id"))
            if agent_id != self.agent_id:
                self.phase, self.rows, self._limit = "loading", [], ROWS_SHOWN
            if wanted != self.open_id:
                self.head, self.messages, self.steps, self.trace_id = NOBODY, [], [], ""
                self.thread_phase = "loading" if wanted else "none"
            self.agent_id, self.open_id = agent_id, wanted
            await self._read()
        except PatchbayError as error:
            self.phase, self.trouble = "failed", error.message

    @rx.event
    @guarded(Permission.CONVERSATIONS_VIEW)
    async def on_live(self, row_id: str) -> None:
        """Read again: a conversation of the tenant has changed."""
        if self.phase == "ready" and row_id:
            await self._read_again()

    @rx.event
    @guarded(Permission.CONVERSATIONS_VIEW)
    async def show_more(self) -> None:
        """List more conversations."""
        self._limit = min(self._limit + ROWS_SHOWN, 100)
        await self._read_again()

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

    async def _put_in_charge(self, act: Callable[..., ConversationView]) -> rx.event.EventSpec | None:
        try:
            await in_thread(act, get_kernel(), actor=current_actor(), conversation_id=parse_id(self.open_id))
            await self._read()
        except PatchbayError as error:
            return complain(error)
        return None

    async def _read_again(self) -> None:
        """Read after the page has loaded; what it is about may be gone meanwhile, or never have been there."""
        try:
            await self._read()
        except PatchbayError as error:
            self.phase, self.trouble = "failed", error.message

    async def _read(self) -> None:
        found = await in_thread(
            _load,
            get_kernel(),
            current_actor(),
            agent_id=parse_id(self.agent_id),
            show=self.show,
            open_id=self.open_id,
            limit=self._limit,
        )
        self.rows, self.filters, self.has_more = list(found.rows), list(found.filters), found.has_more
        self.phase = "ready"
        if found.thread:
            thread = found.thread
            self.head, self.messages = thread.head, list(thread.messages)
            self.has_earlier, self.steps, self.trace_id = thread.has_earlier, list(thread.steps), thread.trace_id
            self.thread_phase = "ready"
        else:
            self.head, self.messages, self.steps, self.trace_id = NOBODY, [], [], ""
            self.thread_phase = "missing" if self.open_id else "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Thread:
    head: Head
    messages: tuple[Bubble, ...]
    has_earlier: bool
    steps: tuple[Step, ...]
    trace_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    rows: tuple[Row, ...]
    has_more: bool
    filters: tuple[Filter, ...]
    thread: _Thread | None


def _load(kernel: Kernel, actor: Actor, *, agent_id: UUID, show: str, open_id: str, limit: int) -> _Found:
    thread = _load_thread(kernel, actor, agent_id=agent_id, open_id=open_id) if open_id else None
    page = list_conversations(kernel, actor=actor, agent_id=agent_id, state=show, limit=limit)
    counts = count_conversations(kernel, actor=actor, agent_id=agent_id)
    agent = str(agent_id)
    return _Found(
        rows=tuple(row(view, agent_id=agent, show=show, open_id=open_id) for view in page.items),
        has_more=bool(page.next_cursor) and limit < 100,
        filters=filters(
            {"open": counts.open, "waiting": counts.waiting, "all": counts.all},
            agent_id=agent,
            show=show,
            open_id=open_id,
        ),
        thread=thread,
    )


def _load_thread(kernel: Kernel, actor: Actor, *, agent_id: UUID, open_id: str) -> _Thread | None:
    try:
        found = get_thread(kernel, actor=actor, conversation_id=parse_id(open_id), limit=MESSAGES_SHOWN)
    except NotFound:
        return None
    if found.conversation.agent_id != agent_id:
        return None
    if found.conversation.unread_count:
        mark_read(kernel, actor=actor, conversation_id=found.conversation.id)
    answer = last_answer(found.messages)
    return _Thread(
        head=head(found.conversation),
        messages=tuple(bubble(message) for message in found.messages),
        has_earlier=found.has_more,
        steps=steps(get_trace(kernel, actor=actor, trace_id=answer.trace_id)) if answer else (),
        trace_id=str(answer.trace_id) if answer else "",
    )
