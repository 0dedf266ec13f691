"""Finds the conversation that a letter belongs to, and keeps the letter around its message.

Message ids are claims: anybody may write one into ``In-Reply-To``. A letter is put into a conversation only if its
connection knows the id, and its author's address stands in one of that conversation's letters.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from models import Attachment, Connection, Direction, EmailEnvelope, Message
from services.email import repository
from services.email.texts import (
    MAX_NAME_CHARACTERS,
    MAX_SUBJECT_CHARACTERS,
    address_line,
    chain,
    id_line,
    one_line,
    storable,
)
from services.kernel.db import UnitOfWork
from services.kernel.ids import new_id
from services.provider_kit.contract import IncomingEmail, IncomingFile, MessageReceived

MAX_CLUES = 100
"""Most ids that are looked up for one letter; the newest of ``References`` come first."""
MAX_ADDRESSES = 100
MAX_FILE_NAME_CHARACTERS = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """Where a letter belongs, and why, in words."""

    conversation_id: UUID | None
    """None: it begins a conversation of its own."""
    reason: str
    known_message_id: UUID | None = None
    """Set if this very letter came in before, under another id of the provider perhaps: it is one message."""


def find_thread(work: UnitOfWork, connection: Connection, event: MessageReceived) -> Thread:
    """Return the conversation of a letter: by ``In-Reply-To``, then ``References``, the newest first (RFC 5322 §3.6.4).

    The subject decides nothing: people change it. Waits for another transaction that files the same letter.
    """
    letter = _letter_of(event)
    own_id = id_line(letter.internet_message_id)
    if own_id:
        repository.lock_letter(work, connection.id, own_id)
        known = repository.find_same_letter(
            work,
            connection.id,
            internet_message_id=own_id,
            from_address=address_line(letter.from_address),
        )
        if known:
            return Thread(
                conversation_id=known.conversation_id,
                reason=f"The same letter came in on {_day(work, known.created_at)}",
                known_message_id=known.id,
            )
    clues = _clues(letter)
    named = repository.list_named(work, connection.id, clues) if clues else ()
    author = address_line(letter.from_address)
    if named:
        return _follow(work, named, clues, author)
    overtaken = _find_overtaken(work, connection, letter, author)
    if overtaken:
        return overtaken
    unknown = "It names no letter known here" if clues else "It names no earlier letter"
    return Thread(conversation_id=None, reason=f"{unknown}: a new conversation")


def keep_envelope(
    work: UnitOfWork, *, message: Message, event: MessageReceived, thread_reason: str, now: datetime
) -> None:
    """Store the letter around an inbound message, and its files."""
    letter = _letter_of(event)
    work.session.flush()  # the message is there before what refers to it
    work.session.add(
        EmailEnvelope(
            tenant_id=work.tenant_id,
            id=message.id,
            connection_id=message.connection_id,
            conversation_id=message.conversation_id,
            internet_message_id=id_line(letter.internet_message_id),
            in_reply_to=id_line(letter.in_reply_to[0]) if letter.in_reply_to else "",
            references=chain([id_line(item) for item in letter.references]),
            subject=one_line(letter.subject, limit=MAX_SUBJECT_CHARACTERS),
            from_address=address_line(letter.from_address),
            from_name=one_line(letter.from_name, limit=MAX_NAME_CHARACTERS),
            to=_addresses(letter.to),
            cc=_addresses(letter.cc),
            reply_to=address_line(letter.reply_to),
            html=storable(letter.html),
            original_text=storable(event.text),
            thread_reason=thread_reason,
            automatic=letter.automatic,
            created_at=now,
        )
    )
    work.session.add_all(_attachment(work, message.id, file, now) for file in letter.files)
    work.session.flush()


def _letter_of(event: MessageReceived) -> IncomingEmail:
    if event.email is None:
        raise ValueError("Only a letter has a thread: the event carries no e-mail.")
    return event.email


def _clues(letter: IncomingEmail) -> dict[str, str]:
    """Return the ids that the letter names with the header that names them, the strongest clue first."""
    found = dict.fromkeys((item for item in letter.in_reply_to if item), "In-Reply-To")
    for item in reversed(letter.references):
        if item and item != letter.internet_message_id:
            found.setdefault(item, "References")
    return {id_line(item): header for item, header in list(found.items())[:MAX_CLUES]}


def _follow(
    work: UnitOfWork, named: Sequence[tuple[EmailEnvelope, Direction]], clues: dict[str, str], author: str
) -> Thread:
    """Return the conversation of the strongest clue among those in which the author takes part."""
    rank = {item: position for position, item in enumerate(clues)}
    ranked = sorted(named, key=lambda found: min(rank[item] for item in _ids(found[0]) if item in rank))
    open_to_author = repository.list_taken_part_in(work, {item.conversation_id for item, _ in ranked}, author)
    for item, direction in ranked:
        if item.conversation_id in open_to_author:
            reason = f"{_header(clues, item)} {_whose(item, direction, author)} of {_day(work, item.created_at)}"
            return Thread(conversation_id=item.conversation_id, reason=reason)
    return Thread(
        conversation_id=None,
        reason=f"{_header(clues, ranked[0][0])} a letter of another conversation in which {author} did not take part:"
        " a new conversation",
    )


def _find_overtaken(work: UnitOfWork, connection: Connection, letter: IncomingEmail, author: str) -> Thread | None:
    """Return the conversation of a letter that answers this one and came in before it."""
    if not letter.internet_message_id:
        return None
    answers = repository.list_answers_to(work, connection.id, id_line(letter.internet_message_id), limit=MAX_CLUES)
    open_to_author = repository.list_taken_part_in(work, {item.conversation_id for item, _ in answers}, author)
    for item, _ in answers:
        if item.conversation_id in open_to_author:
            return Thread(
                conversation_id=item.conversation_id,
                reason=f"A letter of {_day(work, item.created_at)} that came in before answers this one",
            )
    return None


def _ids(item: EmailEnvelope) -> tuple[str, str]:
    return item.internet_message_id, item.sent_as


def _header(clues: dict[str, str], item: EmailEnvelope) -> str:
    header = next(clues[known] for known in _ids(item) if known in clues)
    return f"{header} {'names' if header == 'In-Reply-To' else 'name'}"


def _whose(item: EmailEnvelope, direction: Direction, author: str) -> str:
    if direction is Direction.OUTBOUND:
        return "our letter"
    return "the contact's own letter" if item.from_address == author else f"the letter from {_name_of(item)}"


def _name_of(item: EmailEnvelope) -> str:
    return item.from_name or item.from_address


def _day(work: UnitOfWork, at: datetime) -> str:
    local = at.astimezone(ZoneInfo(repository.get_time_zone(work)))
    return f"{local.day} {local:%B %Y}"


def _addresses(addresses: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(address_line(item) for item in addresses))[:MAX_ADDRESSES]


def _attachment(work: UnitOfWork, message_id: UUID, file: IncomingFile, now: datetime) -> Attachment:
    return Attachment(
        tenant_id=work.tenant_id,
        id=new_id(),
        message_id=message_id,
        name=_file_name(file.name),
        content_type=one_line(file.content_type, limit=100).lower(),
        size_bytes=file.size_bytes,
        content=file.content,
        left_out="" if file.content is not None else file.left_out or "It was not fetched",
        created_at=now,
    )


def _file_name(name: str) -> str:
    """Return a name without folders: it is a claim of whoever sent it."""
    bare = one_line(name.replace("\\", "/").rpartition("/")[2], limit=MAX_FILE_NAME_CHARACTERS)
    return bare if bare.strip(". ") else "unnamed"
