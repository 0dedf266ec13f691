"""Conversations: what arrives is put where it belongs, people read it, and take over or give back."""

import base64
import binascii
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from models import (
    Agent,
    Author,
    Connection,
    Contact,
    ContactIdentity,
    Conversation,
    ConversationState,
    Direction,
    Message,
    MessageState,
    Turn,
    WebhookDelivery,
)
from services import audit, connections
from services.conversations import repository
from services.conversations.views import ConversationView, MessageView, StateCounts, ThreadView
from services.kernel.db import UnitOfWork
from services.kernel.errors import InvalidInput, NotFound, PatchbayError
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.leases import in_seconds
from services.kernel.paging import Page
from services.provider_kit.contract import Capability, MessageReceived
from services.provider_kit.contract import Contact as ExternalContact
from services.provider_kit.registry import directory, get_manifest
from services.tenants import Actor, Permission, require

logger = logging.getLogger(__name__)

PREVIEW_CHARACTERS = 140
OPEN_STATES = (ConversationState.AGENT, ConversationState.WAITING, ConversationState.HUMAN)
FILTERS = {
    "": OPEN_STATES,
    "open": OPEN_STATES,
    "waiting": (ConversationState.WAITING,),
    "closed": (ConversationState.CLOSED, ConversationState.ARCHIVED),
    "all": tuple(ConversationState),
}
_CHANNEL_LABELS = {"slack_dm": "Slack DM", "slack_channel": "Slack", "sms": "SMS", "email": "E-mail", "chat": "Chat"}


@dataclass(frozen=True, slots=True)
class Received:
    """An inbound message in its place; ``is_new`` is false if it had been stored before."""

    conversation: Conversation
    message: Message
    is_new: bool


def receive_message(
    work: UnitOfWork,
    *,
    connection: Connection,
    agent: Agent,
    event: MessageReceived,
    delivery: WebhookDelivery,
    now: datetime,
) -> Received:
    """Store what a contact wrote, in the conversation it belongs to; contact and conversation are made as needed.

    The message takes the delivery's id, so that messages sort by their arrival whoever processes them first.
    """
    contact = _get_or_create_contact(work, connection.provider, event.contact, now)
    conversation = _get_or_create_conversation(work, connection, agent, contact, event, now)
    known = repository.find_message_by_external_id(work, connection.id, Direction.INBOUND, event.external_id)
    if known:
        return Received(conversation, known, is_new=False)
    message = Message(
        tenant_id=work.tenant_id,
        id=delivery.id if not repository.find_message(work, delivery.id) else new_id(),
        conversation_id=conversation.id,
        connection_id=connection.id,
        direction=Direction.INBOUND,
        author=Author.CONTACT,
        author_label=contact.name,
        text=event.text,
        state=MessageState.RECEIVED,
        external_id=event.external_id,
        reply_to=event.reply_to,
        trace_id=delivery.trace_id,
        created_at=now,
        next_attempt_at=in_seconds(0),
    )
    work.session.add(message)
    if conversation.state is ConversationState.CLOSED or conversation.state is ConversationState.ARCHIVED:
        change_state(work, conversation, ConversationState.AGENT, "The contact wrote again", now)
    note_message(conversation, message)
    conversation.unread_count += 1
    work.notify("conversation", conversation.id)
    return Received(conversation, message, is_new=True)


def name_contact(kernel: Kernel, *, tenant_id: UUID, contact_id: UUID) -> None:
    """Ask the provider who a contact is whom it named only by an id. Doing it twice does no harm.

    A name is a courtesy: if the provider does not give it now, the id stays and nothing else waits for it.
    """
    try:
        found = connections.with_fresh_token(
            kernel, tenant_id=tenant_id, attempt=lambda work: _open_directory(kernel, work, contact_id)
        )
        if found is None:
            return
        external_id, provider, client = found
        name = directory(provider).get_contact(client, external_id).name
    except PatchbayError as error:
        logger.info("conversations.contact.not_named: %s", error.code)
        return
    with kernel.unit_of_work(tenant_id) as work:
        contact = repository.find_contact_by_id(work, contact_id)
        if contact and name:
            contact.name = name
            for conversation_id in repository.list_conversation_ids(work, contact_id):
                work.notify("conversation", conversation_id)


def _open_directory(kernel: Kernel, work: UnitOfWork, contact_id: UUID) -> tuple[str, str, Any] | None:
    """Return a nameless contact's id at its provider, the provider, and a client to ask it with."""
    found = repository.find_identity_and_connection(work, contact_id)
    if found is None:
        return None
    external_id, connection = found
    return external_id, connection.provider, connections.open_client(kernel, work, connection)


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
) -> Message:
    """Put a message to the contact into the outbox; it is sent after the commit."""
    message = Message(
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
        trace_id=trace_id,
        created_at=now,
        next_attempt_at=in_seconds(0),
    )
    work.session.add(message)
    note_message(conversation, message)
    work.wake("send_message", message.id)
    work.notify("conversation", conversation.id)
    return message


def change_state(
    work: UnitOfWork, conversation: Conversation, state: ConversationState, reason: str, now: datetime
) -> None:
    """Put somebody else in charge of a conversation."""
    conversation.state = state
    conversation.state_reason = reason
    conversation.state_changed_at = now
    work.session.add(conversation)
    work.notify("conversation", conversation.id)


def note_message(conversation: Conversation, message: Message) -> None:
    """Keep what lists show of a conversation up to date."""
    conversation.last_message_at = message.created_at
    conversation.last_message_text = " ".join(message.text.split())[:PREVIEW_CHARACTERS]
    conversation.last_message_author = message.author_label if message.direction is Direction.OUTBOUND else ""
    conversation.message_count += 1


def list_conversations(
    kernel: Kernel, *, actor: Actor, agent_id: UUID | None = None, state: str = "", cursor: str = "", limit: int = 50
) -> Page[ConversationView]:
    """Return conversations, latest first.

    Args:
        kernel: the process's seams.
        actor: who asks.
        agent_id: only this agent's.
        state: ``open`` (the default), ``waiting``, ``closed`` or ``all``.
        cursor: ``next_cursor`` of the page before.
        limit: most items, 1 to 100.

    Raises:
        Forbidden, InvalidInput
    """
    require(actor, Permission.CONVERSATIONS_VIEW)
    if state not in FILTERS:
        raise InvalidInput(f"Use one of {', '.join(name for name in FILTERS if name)}.", field="state")
    size = max(1, min(limit, 100))
    with kernel.unit_of_work(actor.tenant_id) as work:
        rows = repository.list_conversations(
            work, agent_id=agent_id, states=FILTERS[state], before=_read_cursor(cursor), limit=size + 1
        )
    views = tuple(_conversation_view(*row) for row in rows[:size])
    return Page(views, _write_cursor(views[-1]) if len(rows) > size else "")


def count_conversations(kernel: Kernel, *, actor: Actor, agent_id: UUID | None = None) -> StateCounts:
    """Return how many conversations are open, waiting, and there at all.

    Raises:
        Forbidden
    """
    require(actor, Permission.CONVERSATIONS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        counts = repository.count_by_state(work, agent_id)
    return StateCounts(
        open=sum(counts.get(state, 0) for state in OPEN_STATES),
        waiting=counts.get(ConversationState.WAITING, 0),
        all=sum(counts.values()),
    )


def get_conversation(kernel: Kernel, *, actor: Actor, conversation_id: UUID) -> ConversationView:
    """Return one conversation.

    Raises:
        Forbidden, NotFound
    """
    require(actor, Permission.CONVERSATIONS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        return _conversation_view(*_with_names(work, conversation_id))


def get_thread(
    kernel: Kernel, *, actor: Actor, conversation_id: UUID, before: UUID | None = None, limit: int = 100
) -> ThreadView:
    """Return a conversation with its latest messages, oldest first.

    Raises:
        Forbidden, NotFound
    """
    require(actor, Permission.CONVERSATIONS_VIEW)
    size = max(1, min(limit, 100))
    with kernel.unit_of_work(actor.tenant_id) as work:
        head = _with_names(work, conversation_id)
        messages = repository.list_messages(work, conversation_id, before=before, limit=size + 1)
        turns = repository.turns_by_reply(work, [message.id for message in messages])
    shown = messages[-size:]
    return ThreadView(
        conversation=_conversation_view(*head),
        messages=tuple(_message_view(message, turns.get(message.id), contact_name=head[1]) for message in shown),
        has_more=len(messages) > size,
    )


def mark_read(kernel: Kernel, *, actor: Actor, conversation_id: UUID) -> None:
    """Note that a person has seen the conversation.

    Raises:
        Forbidden, NotFound
    """
    require(actor, Permission.CONVERSATIONS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        conversation = _locked(work, conversation_id)
        if conversation.unread_count:
            conversation.unread_count = 0
            work.notify("conversation", conversation.id)


def take_over(kernel: Kernel, *, actor: Actor, conversation_id: UUID) -> ConversationView:
    """Silence the agent in a conversation: a person is in charge from now on.

    Raises:
        Forbidden, NotFound
    """
    return _put_in_charge(
        kernel, actor, conversation_id, ConversationState.HUMAN, f"Taken over by {actor.label}", "taken_over"
    )


def give_back(kernel: Kernel, *, actor: Actor, conversation_id: UUID) -> ConversationView:
    """Let the agent answer again, from the contact's next message on.

    Raises:
        Forbidden, NotFound
    """
    return _put_in_charge(
        kernel, actor, conversation_id, ConversationState.AGENT, f"Given back by {actor.label}", "given_back"
    )


def close(kernel: Kernel, *, actor: Actor, conversation_id: UUID) -> ConversationView:
    """Put a conversation aside; it opens again when the contact writes.

    Raises:
        Forbidden, NotFound
    """
    return _put_in_charge(
        kernel, actor, conversation_id, ConversationState.CLOSED, f"Closed by {actor.label}", "closed"
    )


def _put_in_charge(
    kernel: Kernel, actor: Actor, conversation_id: UUID, state: ConversationState, reason: str, act: str
) -> ConversationView:
    require(actor, Permission.CONVERSATIONS_REPLY)
    with kernel.unit_of_work(actor.tenant_id) as work:
        conversation = _locked(work, conversation_id)
        if conversation.state is not state:
            change_state(work, conversation, state, reason, kernel.clock.now())
            audit.record(
                work,
                actor=actor,
                action=f"conversation.{act}",
                object_kind="conversation",
                object_id=conversation_id,
            )
        work.session.flush()
        return _conversation_view(*_with_names(work, conversation_id))


def _locked(work: UnitOfWork, conversation_id: UUID) -> Conversation:
    conversation = repository.find_conversation(work, conversation_id, lock=True)
    if conversation is None:
        raise NotFound("There is no such conversation.")
    return conversation


def _with_names(work: UnitOfWork, conversation_id: UUID) -> tuple[Conversation, str, str]:
    row = repository.find_conversation_with_names(work, conversation_id)
    if row is None:
        raise NotFound("There is no such conversation.")
    return row


def _get_or_create_contact(work: UnitOfWork, provider: str, external: ExternalContact, now: datetime) -> Contact:
    repository.lock_name(work, f"contact:{provider}:{external.scope}:{external.id}")
    contact = repository.find_contact(work, provider=provider, scope=external.scope, external_id=external.id)
    if contact:
        return contact
    contact = Contact(tenant_id=work.tenant_id, id=new_id(), name=external.name or external.id, created_at=now)
    identity = ContactIdentity(
        tenant_id=work.tenant_id,
        id=new_id(),
        contact_id=contact.id,
        provider=provider,
        scope=external.scope,
        external_id=external.id,
        created_at=now,
    )
    _add_in_order(work, (contact, identity))
    if not external.name and Capability.DIRECTORY in get_manifest(provider).capabilities:
        work.wake("name_contact", contact.id)
    return contact


def _get_or_create_conversation(
    work: UnitOfWork, connection: Connection, agent: Agent, contact: Contact, event: MessageReceived, now: datetime
) -> Conversation:
    repository.lock_name(work, f"conversation:{connection.id}:{event.conversation_key}")
    conversation = repository.find_conversation_by_key(work, connection.id, event.conversation_key)
    if conversation:
        return conversation
    conversation = Conversation(
        tenant_id=work.tenant_id,
        id=new_id(),
        agent_id=agent.id,
        connection_id=connection.id,
        contact_id=contact.id,
        contact_address=event.contact.id,
        channel_kind=event.channel_kind,
        channel_id=event.channel_id,
        channel_name=event.channel_name,
        external_key=event.conversation_key,
        state=ConversationState.AGENT,
        state_reason="The agent answers",
        state_changed_at=now,
        last_message_at=now,
        created_at=now,
    )
    _add_in_order(work, (conversation,))
    return conversation


def _add_in_order(work: UnitOfWork, rows: Sequence[object]) -> None:
    """Insert rows one after the other, as the references between them need."""
    for row in rows:
        work.session.add(row)
        work.session.flush()


def _conversation_view(conversation: Conversation, contact_name: str, agent_name: str) -> ConversationView:
    return ConversationView(
        id=conversation.id,
        agent_id=conversation.agent_id,
        agent_name=agent_name,
        contact_name=contact_name,
        contact_address=conversation.contact_address,
        channel_kind=conversation.channel_kind,
        channel_label=channel_label(conversation),
        state=conversation.state.value,
        state_reason=conversation.state_reason,
        last_message_text=conversation.last_message_text,
        last_message_author=conversation.last_message_author,
        last_message_at=conversation.last_message_at,
        unread_count=conversation.unread_count,
        message_count=conversation.message_count,
    )


def channel_label(conversation: Conversation) -> str:
    """Return where a conversation takes place, in words."""
    label = _CHANNEL_LABELS.get(conversation.channel_kind, conversation.channel_kind)
    if conversation.channel_kind != "slack_channel":  # a phone channel's name is our own number
        return label
    return f"{label} #{conversation.channel_name}" if conversation.channel_name else f"{label} channel"


def _message_view(message: Message, turn: Turn | None, *, contact_name: str) -> MessageView:
    return MessageView(
        id=message.id,
        direction=message.direction.value,
        author=message.author.value,
        author_label=contact_name if message.author is Author.CONTACT else message.author_label,
        text=message.text,
        state=message.state.value,
        error_text=message.error_text,
        created_at=message.created_at,
        segments=message.segments,
        trace_id=message.trace_id,
        runner=turn.runner if turn else "",
        why=turn.reason if turn else "",
    )


def _write_cursor(view: ConversationView) -> str:
    return base64.urlsafe_b64encode(f"{view.last_message_at.isoformat()}|{view.id}".encode()).decode()


def _read_cursor(cursor: str) -> tuple[datetime, UUID] | None:
    if not cursor:
        return None
    try:
        at, _, row_id = base64.urlsafe_b64decode(cursor.encode()).decode().partition("|")
        return datetime.fromisoformat(at), UUID(row_id)
    except (ValueError, binascii.Error) as error:
        raise InvalidInput("Use the next_cursor of the page before, unchanged.", field="cursor") from error
