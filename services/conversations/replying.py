"""Messages to a contact, written by an agent or by a person, on their way into the outbox."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from models import (
    Author,
    Connection,
    ConnectionStatus,
    Conversation,
    ConversationState,
    Direction,
    Message,
    MessageState,
)
from services import audit, email
from services.conversations import repository
from services.conversations.changing import change_state, note_message
from services.conversations.reading import message_view
from services.conversations.views import MessageView
from services.kernel.db import UnitOfWork
from services.kernel.errors import Conflict, InvalidInput, NotFound
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.leases import in_seconds
from services.provider_kit.contract import ChannelKind
from services.provider_kit.registry import get_manifest
from services.sending.text import split_text
from services.tenants import Actor, Permission, require

LONGEST_REPLY = 20_000
LONGEST_KEY = 80


def add_reply(
    work: UnitOfWork,
    *,
    conversation: Conversation,
    text: str,
    author: Author,
    author_label: str,
    reply_to: str,
    trace_id: UUID,
    now: datetime,
    answers: UUID | None = None,
    idempotency_key: str = "",
    due_at: datetime | None = None,
    together: list[Message] | None = None,
) -> Message:
    """Put a message to the contact into the outbox; it is sent after the commit.

    Args:
        work: the unit of work.
        conversation: where it belongs.
        text: what it says.
        author: who wrote it.
        author_label: the author's name.
        reply_to: where it goes, such as a Slack thread.
        trace_id: the trace it belongs to.
        now: the time.
        answers: the contact's message that it answers; None for the last letter.
        idempotency_key: the caller's promise that the same key is the same message.
        due_at: the database's time, if the caller has asked for it.
        together: takes the message, for the caller to store with others; a letter is stored at once all the same.
    """
    is_letter = conversation.channel_kind == ChannelKind.EMAIL
    is_stored_later = together is not None and not is_letter
    make = Message.model_construct if is_stored_later else Message
    message = make(
        tenant_id=work.tenant_id,
        id=new_id(),
        conversation_id=conversation.id,
        connection_id=conversation.connection_id,
        direction=Direction.OUTBOUND,
        author=author,
        author_label=author_label,
        text=text,
        state=MessageState.QUEUED,
        recipient=conversation.contact_address,
        reply_to=reply_to,
        idempotency_key=idempotency_key,
        trace_id=trace_id,
        created_at=now,
        next_attempt_at=due_at or in_seconds(0),
    )
    if together is not None and is_stored_later:
        together.append(message)
    else:
        work.session.add(message)
    if is_letter:
        email.compose(work, conversation=conversation, message=message, asked_message_id=answers)
    note_message(conversation, message)
    work.wake("send_message", message.id)
    work.notify("conversation", conversation.id)
    return message


def store_replies(work: UnitOfWork, messages: Sequence[Message]) -> None:
    """Store messages that :func:`add_reply` has put together, all at once."""
    repository.add_rows(work, messages)


def reply(
    kernel: Kernel, *, actor: Actor, conversation_id: UUID, text: str, idempotency_key: str = ""
) -> tuple[MessageView, ...]:
    """Answer a contact as a person, in the contact's channel; the agent is silent there until it is given back.

    Args:
        kernel: the process's seams.
        actor: who writes.
        conversation_id: where.
        text: what; a long one becomes several messages, as the channel allows.
        idempotency_key: the same key in the same conversation is the same reply, however often it is sent.

    Returns:
        The messages, as they wait in the outbox.

    Raises:
        InvalidInput: the text is empty or too long, or the key is.
        Conflict: the connection is disconnected.
        Forbidden, NotFound
    """
    require(actor, Permission.CONVERSATIONS_REPLY)
    words = text.strip()
    if not words:
        raise InvalidInput("Write something first.", field="text")
    if len(words) > LONGEST_REPLY:
        raise InvalidInput(f"Shorten it to {LONGEST_REPLY} characters.", field="text")
    if len(idempotency_key) > LONGEST_KEY:
        raise InvalidInput(f"Use at most {LONGEST_KEY} characters.", field="idempotency_key")
    with kernel.unit_of_work(actor.tenant_id) as work:
        conversation = repository.find_conversation(work, conversation_id, lock=True)
        if conversation is None:
            raise NotFound("There is no such conversation.")
        connection = repository.get_connection(work, conversation.connection_id)
        messages = _known(work, conversation, idempotency_key) or _queue(
            work, actor, conversation, connection, words, idempotency_key, kernel.clock.now()
        )
        work.session.flush()
        return tuple(message_view(message, None, contact_name="", letter=None) for message in messages)


def _known(work: UnitOfWork, conversation: Conversation, idempotency_key: str) -> list[Message]:
    return repository.list_by_idempotency_key(work, conversation.id, idempotency_key) if idempotency_key else []


def _queue(
    work: UnitOfWork,
    actor: Actor,
    conversation: Conversation,
    connection: Connection,
    words: str,
    idempotency_key: str,
    now: datetime,
) -> list[Message]:
    if connection.status is ConnectionStatus.DISCONNECTED:
        raise Conflict("The connection is disconnected. Connect the account again to answer.", code="disconnected")
    asked = repository.find_last_inbound(work, conversation.id)
    parts = split_text(words, limit=get_manifest(connection.provider).message_limit)
    messages = [
        add_reply(
            work,
            conversation=conversation,
            text=part,
            author=Author.USER,
            author_label=actor.label,
            reply_to=asked.reply_to if asked else "",
            trace_id=asked.trace_id if asked else new_id(),
            now=now,
            answers=asked.id if asked else None,
            idempotency_key=f"{idempotency_key}/{number}" if idempotency_key else "",
        )
        for number, part in enumerate(parts)
    ]
    change_state(work, conversation, ConversationState.HUMAN, f"Answered by {actor.label}", now)
    conversation.unread_count = 0
    audit.record(
        work,
        actor=actor,
        action="conversation.replied",
        object_kind="conversation",
        object_id=conversation.id,
        detail={"messages": len(messages)},
    )
    return messages
