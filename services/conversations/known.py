"""What a batch of messages needs to know, read with one query a table, and what it adds, written the same way."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from models import Connection, Contact, ContactIdentity, Conversation, Message
from services.conversations import repository
from services.conversations.repository import Handle, Key
from services.kernel.db import UnitOfWork
from services.provider_kit.contract import MessageReceived

Incoming = tuple[Connection, MessageReceived]


@dataclass(slots=True)
class Known:
    """Rows of the database and rows to come, by what the provider calls them.

    Conversations that are in the database are locked; new rows reach it with :meth:`store`, as they are then.
    """

    contacts: dict[Handle, Contact] = field(default_factory=dict[Handle, Contact])
    conversations: dict[Key, Conversation] = field(default_factory=dict[Key, Conversation])
    messages: dict[Key, Message] = field(default_factory=dict[Key, Message])
    """Those that came in before, by connection and the provider's id."""
    message_ids: set[UUID] = field(default_factory=set[UUID])
    """Ids of deliveries that a message has already."""
    channel_names: dict[Key, str] = field(default_factory=dict[Key, str])
    new_contacts: list[Contact] = field(default_factory=list[Contact])
    new_identities: list[ContactIdentity] = field(default_factory=list[ContactIdentity])
    new_conversations: list[Conversation] = field(default_factory=list[Conversation])
    new_messages: list[Message] = field(default_factory=list[Message])

    def store(self, work: UnitOfWork) -> None:
        """Write the new rows, each before those that refer to it."""
        for rows in (self.new_contacts, self.new_identities, self.new_conversations, self.new_messages):
            repository.add_rows(work, rows)
            rows.clear()


def handle_of(connection: Connection, event: MessageReceived) -> Handle:
    """Return what the author of a message goes by."""
    return connection.provider, event.contact.scope, event.contact.id


def key_of(connection: Connection, event: MessageReceived) -> Key:
    """Return what a conversation goes by that this message may begin.

    A letter's is its own id: a Message-ID as key would let a stranger in who repeats it.
    """
    return connection.id, event.external_id if event.email else event.conversation_key


def learn(work: UnitOfWork, incoming: Sequence[Incoming], *, delivery_ids: Collection[UUID]) -> Known:
    """Read what these messages need to know.

    Whoever is about to create contacts or conversations waits for others of the tenant that are, and looks again.
    """
    known = Known()
    if not incoming:
        return known
    handles = {handle_of(*item) for item in incoming}
    keys = {key_of(*item) for item in incoming}
    _look(work, known, handles, keys)
    new_handles, new_keys = handles - known.contacts.keys(), keys - known.conversations.keys()
    if new_handles or new_keys:
        repository.lock_name(work, "contacts")
        _look(work, known, new_handles, new_keys)
    external = {(connection.id, event.external_id) for connection, event in incoming}
    for message in repository.list_inbound(work, external, delivery_ids):
        known.messages[message.connection_id, message.external_id] = message
        known.message_ids.add(message.id)
    shared = {(connection.id, event.channel_id) for connection, event in incoming if event.in_shared_channel}
    if shared:
        known.channel_names.update(repository.list_channel_names(work, shared))
    return known


def _look(work: UnitOfWork, known: Known, handles: Collection[Handle], keys: Collection[Key]) -> None:
    if keys:
        known.conversations.update(repository.lock_conversations(work, keys))
    if handles:
        known.contacts.update(repository.list_contacts(work, handles))
