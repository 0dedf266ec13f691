"""What the three panes show, computed from the services' views."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from app import routes
from app.components.words import counted, duration, initials
from services.conversations import ConversationView, MessageView
from services.traces import TraceStepView, TraceView

FILTERS = (("open", "Open"), ("waiting", "Waiting"), ("all", "All"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One conversation in the list."""

    id: str
    name: str
    initials: str
    channel: str
    preview: str
    at: str
    unread: str
    chip: str
    chip_kind: str
    path: str
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """One of the filters, with its count; it lives in the address."""

    name: str
    label: str
    path: str
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bubble:
    """One message of the thread."""

    id: str
    outbound: bool
    by_person: bool
    failed: bool
    author: str
    text: str
    at: str
    origin: str
    """Who wrote it, and out of what: "Bri · playbook"."""
    outcome: str
    """What became of it: "delivered · 1 segment"."""
    why: str
    trace_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The open conversation: who, where, and who is in charge."""

    id: str
    name: str
    where: str
    address: str
    channel: str
    state: str
    chip: str
    chip_kind: str
    reason: str
    count: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the way to an answer, with its time since the first."""

    title: str
    detail: str
    status: str
    at: str
    offset: str


_STATES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "agent": ("{agent} answers", "ok"),
        "waiting": ("Waits for a person", "soon"),
        "human": ("A person answers", "ok"),
        "closed": ("Closed", "off"),
        "archived": ("Archived", "off"),
    }
)
_OUTCOMES: Mapping[str, str] = MappingProxyType(
    {
        "queued": "waits to be sent",
        "sending": "sending",
        "sent": "sent",
        "delivered": "delivered",
        "failed": "not delivered",
        "unknown": "unknown whether it arrived",
    }
)


def state_chip(state: str, agent_name: str) -> tuple[str, str]:
    """Return who is in charge, in words, and what it means."""
    words, kind = _STATES.get(state, (state, "off"))
    return words.format(agent=agent_name or "The agent"), kind


def row(view: ConversationView, *, agent_id: str, show: str, open_id: str) -> Row:
    """Return how a conversation is listed."""
    chip, kind = state_chip(view.state, view.agent_name)
    spoke = f"{view.last_message_author}: " if view.last_message_author else ""
    return Row(
        id=str(view.id),
        name=view.contact_name,
        initials=initials(view.contact_name),
        channel=view.channel_label,
        preview=f"{spoke}{view.last_message_text}",
        at=view.last_message_at.isoformat(),
        unread=("9+" if view.unread_count > 9 else str(view.unread_count)) if view.unread_count else "",
        chip=chip if view.state != "agent" else "",
        chip_kind=kind,
        path=routes.agent_conversations(agent_id, show=show, conversation_id=view.id),
        is_open=str(view.id) == open_id,
    )


def filters(counts: Mapping[str, int], *, agent_id: str, show: str, open_id: str) -> tuple[Filter, ...]:
    """Return the filters; choosing one keeps the open conversation."""
    return tuple(
        Filter(
            name=name,
            label=f"{label} {counts[name]}" if name in counts else label,
            path=routes.agent_conversations(agent_id, show=name, conversation_id=open_id),
            is_current=name == show,
        )
        for name, label in FILTERS
    )


def head(view: ConversationView) -> Head:
    """Return what stands above the thread."""
    chip, kind = state_chip(view.state, view.agent_name)
    return Head(
        id=str(view.id),
        name=view.contact_name,
        where=f"{view.channel_label} · {view.contact_address} → {view.agent_name}",
        address=view.contact_address,
        channel=view.channel_label,
        state=view.state,
        chip=chip,
        chip_kind=kind,
        reason=view.state_reason,
        count=counted(view.message_count, "message"),
    )


def bubble(view: MessageView) -> Bubble:
    """Return how a message is drawn."""
    outbound = view.direction == "outbound"
    return Bubble(
        id=str(view.id),
        outbound=outbound,
        by_person=view.author == "user",
        failed=view.state in ("failed", "unknown"),
        author=view.author_label,
        text=view.text,
        at=view.created_at.isoformat(),
        origin=" · ".join(part for part in (view.author_label, view.runner) if part) if outbound else "",
        outcome=_outcome(view) if outbound else "",
        why=view.why,
        trace_path=routes.trace(view.trace_id) if outbound else "",
    )


def steps(trace: TraceView) -> tuple[Step, ...]:
    """Return a trace's steps: the first with its time, the others with theirs since."""
    return tuple(step(item, is_first=index == 0) for index, item in enumerate(trace.steps))


def step(item: TraceStepView, *, is_first: bool) -> Step:
    """Return one step."""
    return Step(
        title=item.title,
        detail=item.detail,
        status=item.status,
        at=item.at.isoformat() if is_first else "",
        offset="" if is_first else f"+{duration(item.offset_ms)}",
    )


def last_answer(messages: Sequence[MessageView]) -> MessageView | None:
    """Return the latest outbound message, whose steps are shown."""
    return next((message for message in reversed(messages) if message.direction == "outbound"), None)


def _outcome(view: MessageView) -> str:
    said = _OUTCOMES.get(view.state, view.state)
    if view.state in ("failed", "unknown") and view.error_text:
        said = f"{said}: {view.error_text}"
    if view.segments:
        said += f" · {counted(view.segments, 'segment')}"
    return said
