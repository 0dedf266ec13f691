"""Our own letters: who they are from and to, and what holds them in their thread."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from models import Author, Conversation, EmailEnvelope, Message
from services.email import repository, sender_repository
from services.email.senders import find_sender
from services.email.texts import (
    MAX_NAME_CHARACTERS,
    MAX_SUBJECT_CHARACTERS,
    address_line,
    chain,
    id_line,
    one_line,
    reply_subject,
)
from services.email.views import domain_of
from services.kernel.db import UnitOfWork
from services.provider_kit.contract import OutgoingEmail

NO_SUBJECT = "(no subject)"


@dataclass(frozen=True, slots=True, kw_only=True)
class _From:
    address: str
    name: str
    reply_to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reply:
    """What an answer takes over from the letter it answers."""

    to: str
    subject: str
    in_reply_to: str
    references: list[str]
    reason: str


def compose(work: UnitOfWork, *, conversation: Conversation, message: Message, asked_message_id: UUID | None) -> None:
    """Store the letter around an outbound message, and direct the message to whom it answers.

    It goes to the sender of the letter that it answers (its ``Reply-To``, else its ``From``) and to nobody else:
    who was in copy would get what was meant for one person. It always leaves from the address that was written to.

    Args:
        work: the caller's transaction.
        conversation: where the message belongs.
        message: queued, from the agent or from a person.
        asked_message_id: what it answers; None for the latest letter that came in, if there is one.
    """
    work.session.flush()  # the message is there before what refers to it
    asked = repository.find_envelope(work, asked_message_id) if asked_message_id else None
    asked = asked or repository.find_last_received(work, conversation.id)
    sender = _from(work, conversation)
    reply = _answer(work, asked) if asked else _begin(work, conversation)
    message.recipient = reply.to
    work.session.add(message)
    work.session.add(
        EmailEnvelope(
            tenant_id=work.tenant_id,
            id=message.id,
            connection_id=message.connection_id,
            conversation_id=conversation.id,
            internet_message_id=f"{message.id}@{domain_of(sender.address)}",
            in_reply_to=reply.in_reply_to,
            references=reply.references,
            subject=reply.subject,
            from_address=sender.address,
            from_name=sender.name,
            to=[reply.to],
            reply_to=sender.reply_to,
            original_text=message.text,
            thread_reason=reply.reason,
            created_at=message.created_at,
        )
    )
    work.session.flush()


def outgoing(work: UnitOfWork, message: Message) -> OutgoingEmail | None:
    """Return what a message is sent with as a letter; None if it is none.

    Its own id stands last in ``References``: mail services on top of Amazon SES put another ``Message-ID`` in place of
    ours, and mail programs copy ``References`` into the answer.
    https://docs.aws.amazon.com/ses/latest/dg/header-fields.html
    """
    envelope = repository.find_envelope(work, message.id)
    if envelope is None:
        return None
    return OutgoingEmail(
        internet_message_id=envelope.internet_message_id,
        in_reply_to=envelope.in_reply_to,
        references=(*envelope.references, envelope.internet_message_id),
        subject=envelope.subject,
        from_address=envelope.from_address,
        from_name=envelope.from_name,
        reply_to=envelope.reply_to,
        to=tuple(envelope.to),
        cc=tuple(envelope.cc),
        headers=_headers(work, message, is_answer=bool(envelope.in_reply_to)),
    )


def note_sent_as(work: UnitOfWork, *, message_id: UUID, internet_message_id: str) -> None:
    """Remember the ``Message-ID`` under which a letter of ours really left, so that answers to it are recognised."""
    envelope = repository.find_envelope(work, message_id)
    bare = id_line(internet_message_id.strip().removeprefix("<").removesuffix(">"))
    if envelope and bare and bare != envelope.internet_message_id:
        envelope.sent_as = bare
        work.session.add(envelope)


def _headers(work: UnitOfWork, message: Message, *, is_answer: bool) -> Mapping[str, str]:
    """Return which agent's letter it is, and that no person wrote it, so that no machine answers (RFC 3834 §5)."""
    conversation = repository.get_conversation(work, message.conversation_id)
    headers = {"X-Agent-ID": str(conversation.agent_id)}
    if message.author is Author.AGENT:
        headers["Auto-Submitted"] = "auto-replied" if is_answer else "auto-generated"
    return headers


def _from(work: UnitOfWork, conversation: Conversation) -> _From:
    """Return who we write as: the address that was written to, else one of the agent's.

    Its sender may have been deleted since; contacts still know the address, and the provider decides about it.
    """
    sender = find_sender(work, conversation.connection_id, [conversation.channel_id])
    if sender is None:
        own = sender_repository.list_senders(work, conversation.connection_id, agent_id=conversation.agent_id)
        sender = own[0][0] if own else None
    name = repository.get_agent_name(work, sender.agent_id if sender else conversation.agent_id)
    return _From(
        address=sender.address if sender else address_line(conversation.channel_id),
        name=one_line((sender.display_name if sender else "") or name, limit=MAX_NAME_CHARACTERS),
        reply_to=sender.reply_to if sender else "",
    )


def _answer(work: UnitOfWork, asked: EmailEnvelope) -> _Reply:
    return _Reply(
        to=_reply_address(work, asked),
        subject=reply_subject(asked.subject),
        in_reply_to=asked.internet_message_id,
        references=chain([*_ancestors(asked), asked.internet_message_id]),
        reason=f"Answers the letter from {asked.from_name or asked.from_address}",
    )


def _begin(work: UnitOfWork, conversation: Conversation) -> _Reply:
    """Write first, or once more before anybody answered: then in the thread of our own letter."""
    subject = one_line(conversation.subject, limit=MAX_SUBJECT_CHARACTERS) or NO_SUBJECT
    to = address_line(conversation.contact_address)
    before = repository.find_last(work, conversation.id)
    if before is None:
        return _Reply(to=to, subject=subject, in_reply_to="", references=[], reason="The first letter")
    return _Reply(
        to=to,
        subject=reply_subject(before.subject),
        in_reply_to=before.internet_message_id,
        references=chain([*before.references, before.internet_message_id]),
        reason="Follows our own letter",
    )


def _ancestors(asked: EmailEnvelope) -> list[str]:
    """Return the chain up to the letter: its ``References``, else its ``In-Reply-To`` (RFC 5322 §3.6.4)."""
    return asked.references or ([asked.in_reply_to] if asked.in_reply_to else [])


def _reply_address(work: UnitOfWork, asked: EmailEnvelope) -> str:
    """Return where an answer goes; never to ourselves, whatever ``Reply-To`` says."""
    if asked.reply_to and not repository.is_own_address(work, [asked.reply_to]):
        return asked.reply_to
    return asked.from_address
