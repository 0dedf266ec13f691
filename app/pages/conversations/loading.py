"""Reads what the three panes show, in a thread."""

from dataclasses import dataclass, replace
from functools import partial

from app.pages.conversations.bubbles import Approval, Bubble, approval, bubbles, last_answer
from app.pages.conversations.composing import Composer, composer
from app.pages.conversations.look import Choices, Look, choices
from app.pages.conversations.view import Head, Row, Step, head, row, steps
from app.session.state import parse_id
from services.actions import list_waiting
from services.connections import get_connection
from services.conversations import (
    ConversationView,
    ThreadView,
    get_thread,
    list_conversations,
    list_places,
    mark_read,
    search_conversations,
)
from services.email import list_heads
from services.kernel.errors import NotFound
from services.kernel.kernel import Kernel
from services.kernel.paging import Page
from services.tenants import Actor, Permission
from services.traces import get_trace

ROWS_SHOWN = 50
MESSAGES_SHOWN = 100
MAY_NOT_REPLY = "Your role may read conversations, not answer in them. Ask an owner of your company."
EARLIER = "You are looking at earlier messages. Go to the latest ones to answer."


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """The open conversation."""

    head: Head
    messages: tuple[Bubble, ...]
    earlier_path: str
    latest_path: str
    approvals: tuple[Approval, ...]
    composer: Composer
    steps: tuple[Step, ...]
    trace_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The three panes."""

    rows: tuple[Row, ...]
    older_path: str
    newest_path: str
    choices: Choices
    thread: Thread | None


def load(kernel: Kernel, actor: Actor, look: Look) -> Found:
    """Read what is looked at.

    Raises:
        Forbidden, NotFound
        InvalidInput: the place in the list is none.
    """
    agent_id = parse_id(look.agent_id)
    thread = _load_thread(kernel, actor, look) if look.open_id else None
    page = _list(kernel, actor, look)
    return Found(
        rows=tuple(row(view, look, shown=MESSAGES_SHOWN) for view in page.items),
        older_path=replace(look, before=page.next_cursor).path() if page.next_cursor else "",
        newest_path=replace(look, before="").path() if look.before else "",
        choices=choices(look, list_places(kernel, actor=actor, agent_id=agent_id)),
        thread=thread,
    )


def _list(kernel: Kernel, actor: Actor, look: Look) -> Page[ConversationView]:
    reading = partial(search_conversations, words=look.words) if look.words else list_conversations
    return reading(
        kernel,
        actor=actor,
        agent_id=parse_id(look.agent_id),
        state=look.show,
        channel=look.channel,
        address=look.address,
        cursor=look.before,
        limit=ROWS_SHOWN,
    )


def _load_thread(kernel: Kernel, actor: Actor, look: Look) -> Thread | None:
    try:
        found = get_thread(
            kernel,
            actor=actor,
            conversation_id=parse_id(look.open_id),
            before=parse_id(look.until) if look.until else None,
            limit=MESSAGES_SHOWN,
        )
    except NotFound:
        return None
    if str(found.conversation.agent_id) != look.agent_id:
        return None
    if found.conversation.unread_count:
        mark_read(kernel, actor=actor, conversation_id=found.conversation.id)
    return _thread(kernel, actor, look, found)


def _thread(kernel: Kernel, actor: Actor, look: Look, found: ThreadView) -> Thread:
    conversation, messages = found.conversation, found.messages
    letters = list_heads(kernel, actor=actor, message_ids=[item.id for item in messages if item.has_letter])
    waiting = () if look.until else list_waiting(kernel, actor=actor, conversation_id=conversation.id)
    answer = last_answer(messages)
    return Thread(
        head=head(conversation, reader=actor.label),
        messages=bubbles(messages, letters, words=look.words),
        earlier_path=replace(look, until=str(messages[0].id)).path() if found.has_more else "",
        latest_path=replace(look, until="").path() if look.until else "",
        approvals=tuple(approval(run) for run in reversed(waiting)),
        composer=composer(
            conversation,
            get_connection(kernel, actor=actor, connection_id=conversation.connection_id),
            messages=messages,
            letters=letters,
            may_not=_may_not(actor, look),
        ),
        steps=steps(get_trace(kernel, actor=actor, trace_id=answer.trace_id)) if answer else (),
        trace_id=str(answer.trace_id) if answer else "",
    )


def _may_not(actor: Actor, look: Look) -> str:
    if not actor.may(Permission.CONVERSATIONS_REPLY):
        return MAY_NOT_REPLY
    return EARLIER if look.until else ""
