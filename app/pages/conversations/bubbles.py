"""What a thread shows of its messages and letters, computed from the services' views."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

from app import routes
from app.components.words import counted, size
from services.actions import ActionRunView
from services.conversations import MessageView, PartView, mark
from services.email import AttachmentView, LetterHeadView


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that came with a letter."""

    id: str
    name: str
    size: str
    path: str
    """Empty if it was not kept."""
    left_out: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """The letter around a message."""

    subject: str
    sender: str
    to: str
    cc: str
    thread_reason: str
    automatic: str
    has_quote: bool
    parts_path: str
    document_path: str
    """Empty if it has no HTML."""
    files: tuple[File, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bubble:
    """One message of the thread."""

    id: str
    outbound: bool
    by_person: bool
    failed: bool
    author: str
    text: str
    parts: tuple[PartView, ...]
    """The text with the words that were searched for; empty if none of them is in it."""
    at: str
    origin: str
    """Who wrote it, and out of what: "Bri · playbook"."""
    outcome: str
    """What became of it: "delivered · 1 segment"."""
    why: str
    trace_path: str
    letter: Letter | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """An action that waits for a person's decision."""

    id: str
    agent: str
    label: str
    service: str
    description: str
    at: str


_OUTCOMES: Mapping[str, str] = MappingProxyType(
    {
        "queued": "waits to be sent",
        "sending": "sending",
        "sent": "sent",
        "delivered": "delivered",
        "failed": "not delivered",
        "unknown": "unknown whether it arrived",
        "bounced": "came back",
        "complained": "delivered, then marked as unwanted",
    }
)
_LATE = ("bounced", "complained")
"""What may follow a delivery; it stands in the error code."""
_TROUBLE = ("failed", "unknown", *_LATE)


def bubble(view: MessageView, letter: LetterHeadView | None = None, *, words: str = "") -> Bubble:
    """Return how a message is drawn, with the words marked that were searched for."""
    outbound = view.direction == "outbound"
    return Bubble(
        id=str(view.id),
        outbound=outbound,
        by_person=view.author == "user",
        failed=outbound and _standing(view) in _TROUBLE,
        author=view.author_label,
        text=view.text,
        parts=_parts(view.text, words),
        at=view.created_at.isoformat(),
        origin=" · ".join(part for part in (view.author_label, view.runner) if part) if outbound else "",
        outcome=_outcome(view) if outbound else "",
        why=view.why,
        trace_path=routes.trace(view.trace_id) if outbound else "",
        letter=_letter(view, letter) if letter else None,
    )


def bubbles(views: Sequence[MessageView], letters: Sequence[LetterHeadView], *, words: str = "") -> tuple[Bubble, ...]:
    """Return how a thread's messages are drawn, with the words marked that were searched for."""
    by_message: Mapping[UUID, LetterHeadView] = {letter.message_id: letter for letter in letters}
    return tuple(bubble(view, by_message.get(view.id), words=words) for view in views)


def last_answer(messages: Sequence[MessageView]) -> MessageView | None:
    """Return the latest outbound message, whose steps are shown."""
    return next((message for message in reversed(messages) if message.direction == "outbound"), None)


def approval(run: ActionRunView) -> Approval:
    """Return how an action that waits is drawn."""
    return Approval(
        id=str(run.id),
        agent=run.agent_name,
        label=run.label,
        service=" · ".join(dict.fromkeys(part for part in (run.provider_name, run.connection_name) if part)),
        description=run.description,
        at=run.created_at.isoformat(),
    )


def _parts(text: str, words: str) -> tuple[PartView, ...]:
    parts = mark(text, words) if words else ()
    return parts if any(part.is_match for part in parts) else ()


def _letter(view: MessageView, head: LetterHeadView) -> Letter:
    return Letter(
        subject=head.subject or "(no subject)",
        sender=f"{head.from_name} <{head.from_address}>" if head.from_name else head.from_address,
        to=", ".join(head.to),
        cc=", ".join(head.cc),
        thread_reason=head.thread_reason,
        automatic=head.automatic,
        has_quote=head.original_length > len(view.text.strip()) and view.direction == "inbound",
        parts_path=routes.letter(view.id),
        document_path=routes.letter_document(view.id) if head.has_html else "",
        files=tuple(_file(item) for item in head.attachments),
    )


def _file(item: AttachmentView) -> File:
    return File(
        id=str(item.id),
        name=item.name,
        size=size(item.size_bytes),
        path="" if item.left_out else routes.attachment(item.id),
        left_out=item.left_out,
    )


def _standing(view: MessageView) -> str:
    return view.error_code if view.error_code in _LATE else view.state


def _outcome(view: MessageView) -> str:
    standing = _standing(view)
    said = _OUTCOMES.get(standing, standing)
    if view.error_text and standing in (*_TROUBLE, "queued"):
        said = f"{said}: {view.error_text}"
    if view.segments:
        said += f" · {counted(view.segments, 'segment')}"
    return said
