"""What the list and the two outer panes show, computed from the services' views."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from uuid import UUID

from app.components.words import counted, duration, initials
from app.pages.conversations.look import Look
from services.conversations import ConversationView, PartView
from services.traces import TraceStepView, TraceView


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One conversation in the list."""

    id: str
    name: str
    initials: str
    mark: str
    """Which sign the channel has: ``slack``, ``email``, ``sms`` or ``chat``."""
    channel: str
    detail: str
    """The subject of a letter; our own number for a text message."""
    preview: str
    found: tuple[PartView, ...]
    """In place of the preview: where what was searched for was said; empty if nothing was."""
    at: str
    unread: str
    chip: str
    chip_kind: str
    path: str
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The open conversation: who, where, and who is in charge."""

    id: str
    name: str
    subject: str
    where: str
    address: str
    channel: str
    ours: str
    """Our own end: number, mailbox, channel."""
    state: str
    chip: str
    chip_kind: str
    charge: str
    """Who is in charge, in a sentence."""
    count: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the way to an answer, with its time since the first."""

    title: str
    detail: str
    status: str
    at: str
    offset: str


NOBODY = Head(
    id="",
    name="",
    subject="",
    where="",
    address="",
    channel="",
    ours="",
    state="",
    chip="",
    chip_kind="off",
    charge="",
    count="",
)
_STATES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "agent": ("{agent} answers", "ok"),
        "waiting": ("Waits for a person", "soon"),
        "human": ("A person answers", "ok"),
        "closed": ("Closed", "off"),
        "archived": ("Archived", "off"),
    }
)
_CHARGES: Mapping[str, str] = MappingProxyType(
    {
        "agent": "{agent} answers here. It falls silent once you take over or send a reply.",
        "waiting": "{reason}. {agent} keeps silent until you give it back.",
        "human": "{who} in charge; {agent} is silent here.",
        "closed": "{reason}. It opens again when the contact writes, or when you do.",
        "archived": "{reason}. It opens again when the contact writes, or when you do.",
    }
)
_MARKS: Mapping[str, str] = MappingProxyType({"slack_dm": "slack", "slack_channel": "slack"})
_PEOPLE = ("Taken over by ", "Answered by ")


def state_chip(state: str, agent_name: str) -> tuple[str, str]:
    """Return who is in charge, in words, and what it means."""
    words, kind = _STATES.get(state, (state, "off"))
    return words.format(agent=agent_name or "The agent"), kind


def mark_of(channel_kind: str) -> str:
    """Return which sign a kind of channel has."""
    return _MARKS.get(channel_kind, channel_kind)


def row(view: ConversationView, look: Look, *, shown: int = 100) -> Row:
    """Return how a conversation is listed.

    Args:
        view: the conversation.
        look: what the address asks for.
        shown: how many messages of a thread are shown at once.
    """
    chip, kind = state_chip(view.state, view.agent_name)
    said, who = view.said, view.said.author if view.said else view.last_message_author
    spoke = f"{who}: " if who else ""
    until = _just_after(said.message_id) if said and view.message_count > shown else ""
    return Row(
        id=str(view.id),
        name=view.contact_name,
        initials=initials(view.contact_name),
        mark=mark_of(view.channel_kind),
        channel=view.channel_label,
        detail=f"to {view.channel_address}" if view.channel_kind == "sms" else _subject(view),
        preview=spoke if said else f"{spoke}{view.last_message_text}",
        found=said.excerpt if said else (),
        at=(said.at if said else view.last_message_at).isoformat(),
        unread=("9+" if view.unread_count > 9 else str(view.unread_count)) if view.unread_count else "",
        chip=chip if view.state != "agent" else "",
        chip_kind=kind,
        path=replace(look, open_id=str(view.id), until=until).path(),
        is_open=str(view.id) == look.open_id,
    )


def found_words(rows: Sequence[Row], *, has_more: bool) -> str:
    """Return how many conversations a search has found."""
    return f"More than {len(rows)} conversations" if has_more else counted(len(rows), "conversation")


def _just_after(message_id: UUID) -> str:
    """Return what comes right after a message, so that it is the last one shown."""
    return str(UUID(int=message_id.int + 1))


def head(view: ConversationView, *, reader: str) -> Head:
    """Return what stands above the thread.

    Args:
        view: the conversation.
        reader: the name of who looks at it.
    """
    chip, kind = state_chip(view.state, view.agent_name)
    ours = "" if view.channel_kind in ("slack_dm", "slack_channel", "chat") else view.channel_address
    thread = ", in a thread" if view.channel_kind == "slack_channel" else ""
    return Head(
        id=str(view.id),
        name=view.contact_name,
        subject=_subject(view),
        where=f"{view.channel_label}{thread} · {view.contact_address} → {ours or view.agent_name}",
        address=view.contact_address,
        channel=f"{view.channel_label}{thread}",
        ours=ours,
        state=view.state,
        chip=chip,
        chip_kind=kind,
        charge=_charge(view, reader),
        count=counted(view.message_count, "message"),
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


def _subject(view: ConversationView) -> str:
    return (view.subject or "(no subject)") if view.channel_kind == "email" else ""


def _charge(view: ConversationView, reader: str) -> str:
    who = view.state_reason
    for words in _PEOPLE:
        who = who.removeprefix(words)
    return _CHARGES.get(view.state, "{reason}.").format(
        agent=view.agent_name or "The agent", reason=view.state_reason, who="You are" if who == reader else f"{who} is"
    )
