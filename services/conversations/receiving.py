"""What a contact wrote is put where it belongs: contact, conversation and message are made as needed."""

from collections.abc import Sequence
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
from services.kernel.db import UnitOfWork
from services.kernel.ids import new_id
from services.kernel.leases import in_seconds
from services.provider_kit.contract import Capability, MessageReceived
from services.provider_kit.contract import Contact as ExternalContact
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
    """Where a message belongs: a conversation that is there, or the key of a new one; and why, for letters."""

    conversation_id: UUID | None
    key: str
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
) -> Received:
    """Store what a contact wrote, in the conversation it belongs to.

    The message takes the delivery's id, so that messages sort by their arrival whoever processes them first.
    """
    repository.lock_name(work, f"conversation:{connection.id}:{event.conversation_key}")
    contact = _get_or_create_contact(work, connection.provider, event.contact, now)
    place = _find_place(work, connection, event)
    conversation = _get_or_create_conversation(work, connection, agent, contact, event, place, now)
    known = repository.find_message_by_external_id(work, connection.id, Direction.INBOUND, event.external_id)
    if known is None and place.known_message_id:
        known = repository.find_message(work, place.known_message_id)
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
        text=email.split_quote(event.text).text if event.email else event.text,
        state=MessageState.RECEIVED,
        external_id=event.external_id,
        reply_to=event.reply_to,
        trace_id=delivery.trace_id,
        created_at=now,
        next_attempt_at=in_seconds(0),
    )
    work.session.add(message)
    if event.email:
        email.keep_envelope(work, message=message, event=event, thread_reason=place.reason, now=now)
    if event.in_shared_channel and not conversation.channel_name:
        conversation.channel_name = repository.find_channel_name(work, connection.id, event.channel_id)
    if event.email is None and conversation.agent_id != agent.id:
        conversation.agent_id = agent.id  # who has the number or channel now; a letter stays with its thread's
    if conversation.state is ConversationState.CLOSED or conversation.state is ConversationState.ARCHIVED:
        change_state(work, conversation, ConversationState.AGENT, "The contact wrote again", now)
    note_message(conversation, message)
    conversation.unread_count += 1
    work.notify("conversation", conversation.id)
    return Received(conversation, message, is_new=True)


def _find_place(work: UnitOfWork, connection: Connection, event: MessageReceived) -> _Place:
    if event.email is None:
        return _Place(None, event.conversation_key)
    # A Message-ID as key would let a stranger in who repeats it.
    thread = email.find_thread(work, connection, event)
    return _Place(thread.conversation_id, event.external_id, thread.reason, thread.known_message_id)


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
    work: UnitOfWork,
    connection: Connection,
    agent: Agent,
    contact: Contact,
    event: MessageReceived,
    place: _Place,
    now: datetime,
) -> Conversation:
    if place.conversation_id:
        conversation = repository.find_conversation(work, place.conversation_id, lock=True)
    else:
        conversation = repository.find_conversation_by_key(work, connection.id, place.key)
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
        external_key=place.key,
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
