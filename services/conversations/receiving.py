"""What a contact wrote is put where it belongs: contact, conversation and message are made as needed."""

from dataclasses import dataclass
from datetime import datetime
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
    WebhookDelivery,
)
from services import email
from services.conversations import repository
from services.conversations.changing import change_state, note_message
from services.conversations.known import Known, handle_of, key_of, learn
from services.kernel.db import UnitOfWork
from services.kernel.ids import new_id
from services.provider_kit.contract import Capability, MessageReceived
from services.provider_kit.registry import get_manifest

SUBJECT_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Received:
    """An inbound message in its place; ``is_new`` is false if it had been stored before."""

    conversation: Conversation
    message: Message
    is_new: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """What is known of where a letter belongs: a conversation that is there, and why."""

    conversation_id: UUID | None = None
    reason: str = ""
    known_message_id: UUID | None = None
    """Set if this very letter came in before, under another id of the provider perhaps."""


def receive_message(
    work: UnitOfWork,
    *,
    connection: Connection,
    agent: Agent,
    event: MessageReceived,
    delivery: WebhookDelivery,
    now: datetime,
    known: Known | None = None,
) -> Received:
    """Put what a contact wrote into the conversation it belongs to.

    The message takes the delivery's id, so that messages sort by their arrival whoever processes them first.

    Args:
        work: the unit of work.
        connection: where it came in.
        agent: who is to answer.
        event: what was written; a letter is always received alone.
        delivery: what brought it.
        now: the time.
        known: what was read for the batch that it is part of; its owner stores what is new. If left out, that is done
            here, for this message alone.
    """
    if known:
        return _receive(work, known, connection, agent, event, delivery, now)
    place = _find_place(work, connection, event)
    alone = learn(work, [(connection, event)], delivery_ids=[delivery.id])
    if place.conversation_id:
        conversation = repository.find_conversation(work, place.conversation_id, lock=True)
        alone.conversations.update({key_of(connection, event): conversation} if conversation else {})
    same = repository.find_message(work, place.known_message_id) if place.known_message_id else None
    if same:
        alone.messages.setdefault((connection.id, event.external_id), same)
    received = _receive(work, alone, connection, agent, event, delivery, now)
    alone.store(work)
    if event.email and received.is_new:
        email.keep_envelope(work, message=received.message, event=event, thread_reason=place.reason, now=now)
    return received


def _receive(
    work: UnitOfWork,
    known: Known,
    connection: Connection,
    agent: Agent,
    event: MessageReceived,
    delivery: WebhookDelivery,
    now: datetime,
) -> Received:
    contact = _get_or_create_contact(work, known, connection, event, now)
    conversation = _get_or_create_conversation(work, known, connection, agent, contact, event, now)
    same = known.messages.get((connection.id, event.external_id))
    if same:
        return Received(conversation, same, is_new=False)
    message = _add_message(work, known, conversation, contact, event, delivery, now)
    if event.in_shared_channel and not conversation.channel_name:
        conversation.channel_name = known.channel_names.get((connection.id, event.channel_id), "")
    if event.email is None and conversation.agent_id != agent.id:
        conversation.agent_id = agent.id  # who has the number or channel now; a letter stays with its thread's
    if conversation.state is ConversationState.CLOSED or conversation.state is ConversationState.ARCHIVED:
        change_state(work, conversation, ConversationState.AGENT, "The contact wrote again", now)
    note_message(conversation, message)
    conversation.unread_count += 1
    work.notify("conversation", conversation.id)
    return Received(conversation, message, is_new=True)


def _add_message(
    work: UnitOfWork,
    known: Known,
    conversation: Conversation,
    contact: Contact,
    event: MessageReceived,
    delivery: WebhookDelivery,
    now: datetime,
) -> Message:
    # Neither validated nor tracked: the store writes it as it is, a seventh of the time.
    message = Message.model_construct(
        tenant_id=work.tenant_id,
        id=new_id() if delivery.id in known.message_ids else delivery.id,
        conversation_id=conversation.id,
        connection_id=conversation.connection_id,
        direction=Direction.INBOUND,
        author=Author.CONTACT,
        author_label=contact.name,
        text=email.split_quote(event.text).text if event.email else event.text,
        state=MessageState.RECEIVED,
        external_id=event.external_id,
        reply_to=event.reply_to,
        trace_id=delivery.trace_id,
        created_at=now,
        next_attempt_at=now,  # nothing is to be done with it
    )
    known.message_ids.add(message.id)
    known.messages[conversation.connection_id, event.external_id] = message
    known.new_messages.append(message)
    return message


def _find_place(work: UnitOfWork, connection: Connection, event: MessageReceived) -> _Place:
    if event.email is None:
        return _Place()
    thread = email.find_thread(work, connection, event)
    return _Place(thread.conversation_id, thread.reason, thread.known_message_id)


def _get_or_create_contact(
    work: UnitOfWork, known: Known, connection: Connection, event: MessageReceived, now: datetime
) -> Contact:
    handle = handle_of(connection, event)
    contact = known.contacts.get(handle)
    if contact:
        return contact
    provider, scope, external_id = handle
    name = event.contact.name
    contact = Contact(tenant_id=work.tenant_id, id=new_id(), name=name or external_id, created_at=now)
    known.contacts[handle] = contact
    known.new_contacts.append(contact)
    known.new_identities.append(
        ContactIdentity(
            tenant_id=work.tenant_id,
            id=new_id(),
            contact_id=contact.id,
            provider=provider,
            scope=scope,
            external_id=external_id,
            created_at=now,
        )
    )
    if not name and Capability.DIRECTORY in get_manifest(provider).capabilities:
        work.wake("name_contact", contact.id)
    return contact


def _get_or_create_conversation(
    work: UnitOfWork,
    known: Known,
    connection: Connection,
    agent: Agent,
    contact: Contact,
    event: MessageReceived,
    now: datetime,
) -> Conversation:
    key = key_of(connection, event)
    conversation = known.conversations.get(key)
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
        subject=event.email.subject[:SUBJECT_CHARACTERS] if event.email else "",
        external_key=key[1],
        state=ConversationState.AGENT,
        state_reason="The agent answers",
        state_changed_at=now,
        last_message_at=now,
        created_at=now,
    )
    known.conversations[key] = conversation
    known.new_conversations.append(conversation)
    return conversation
