"""Reads conversations for the pages and the API."""

from dataclasses import replace
from uuid import UUID

from models import Author, Conversation, ConversationState, EmailEnvelope, Message, Turn
from services.conversations import repository, search_repository
from services.conversations.excerpts import excerpt
from services.conversations.views import ConversationView, MessageView, SaidView, ThreadView
from services.kernel.db import UnitOfWork
from services.kernel.errors import InvalidInput, NotFound
from services.kernel.kernel import Kernel
from services.kernel.paging import Page, read_id, read_time, write_key
from services.provider_kit.contract import ChannelKind
from services.provider_kit.payloads import storable_text
from services.tenants import Actor, Permission, require

MOST_WORDS_CHARACTERS = 200
OPEN_STATES = (ConversationState.AGENT, ConversationState.WAITING, ConversationState.HUMAN)
FILTERS = {
    "": OPEN_STATES,
    "open": OPEN_STATES,
    "waiting": (ConversationState.WAITING,),
    "closed": (ConversationState.CLOSED, ConversationState.ARCHIVED),
    "all": tuple(ConversationState),
}
CHANNELS = {
    "": (),
    "slack": (ChannelKind.SLACK_DM, ChannelKind.SLACK_CHANNEL),
    "email": (ChannelKind.EMAIL,),
    "sms": (ChannelKind.SMS,),
    "chat": (ChannelKind.CHAT,),
}
"""Filter → the kinds of channel it shows; none for all of them."""
CHANNEL_LABELS = {"slack_dm": "Slack DM", "slack_channel": "Slack", "sms": "SMS", "email": "E-mail", "chat": "Chat"}


def list_conversations(
    kernel: Kernel,
    *,
    actor: Actor,
    agent_id: UUID | None = None,
    state: str = "",
    channel: str = "",
    address: str = "",
    cursor: str = "",
    limit: int = 50,
) -> Page[ConversationView]:
    """Return conversations, latest first.

    Args:
        kernel: the process's seams.
        actor: who asks.
        agent_id: only this agent's.
        state: ``open`` (the default), ``waiting``, ``closed`` or ``all``.
        channel: ``slack``, ``email``, ``sms`` or ``chat``; empty for all.
        address: only this number, mailbox or channel of ours.
        cursor: ``next_cursor`` of the page before.
        limit: most items, 1 to 100.

    Raises:
        Forbidden, InvalidInput
    """
    require(actor, Permission.CONVERSATIONS_VIEW)
    _check_filters(state, channel)
    size = max(1, min(limit, 100))
    with kernel.unit_of_work(actor.tenant_id) as work:
        rows = repository.list_conversations(
            work,
            agent_id=agent_id,
            states=FILTERS[state],
            channel_kinds=CHANNELS[channel],
            channel_id=address,
            before=read_time(cursor),
            limit=size + 1,
        )
    views = tuple(conversation_view(*row) for row in rows[:size])
    return Page(views, write_key(views[-1].id, views[-1].last_message_at) if len(rows) > size else "")


def search_conversations(
    kernel: Kernel,
    *,
    actor: Actor,
    words: str,
    agent_id: UUID | None = None,
    state: str = "",
    channel: str = "",
    address: str = "",
    cursor: str = "",
    limit: int = 50,
) -> Page[ConversationView]:
    """Return conversations in which words were said, those where it was last first.

    Args:
        kernel: the process's seams.
        actor: who asks.
        words: as one types them into a search engine: all of them, "a phrase", -without.
        agent_id: only this agent's.
        state: as for :func:`list_conversations`.
        channel: as there.
        address: as there.
        cursor: ``next_cursor`` of the page before.
        limit: most items, 1 to 100.

    Raises:
        Forbidden, InvalidInput
    """
    require(actor, Permission.CONVERSATIONS_VIEW)
    _check_filters(state, channel)
    if len(words) > MOST_WORDS_CHARACTERS:
        raise InvalidInput(f"Search for at most {MOST_WORDS_CHARACTERS} characters.", field="q")
    size = max(1, min(limit, 100))
    with kernel.unit_of_work(actor.tenant_id) as work:
        rows = search_repository.list_matching(
            work,
            storable_text(words),
            agent_id=agent_id,
            states=FILTERS[state],
            channel_kinds=CHANNELS[channel],
            channel_id=address,
            before=read_id(cursor),
            limit=size + 1,
        )
    views = tuple(_found_view(row, words) for row in rows[:size])
    return Page(views, str(rows[size - 1].message_id) if len(rows) > size else "")


def _found_view(row: search_repository.Found, words: str) -> ConversationView:
    return replace(
        conversation_view(row.conversation, row.contact_name, row.agent_name),
        said=SaidView(message_id=row.message_id, author=row.author, excerpt=excerpt(row.text, words), at=row.at),
    )


def _check_filters(state: str, channel: str) -> None:
    if state not in FILTERS:
        raise InvalidInput(f"Use one of {', '.join(name for name in FILTERS if name)}.", field="state")
    if channel not in CHANNELS:
        raise InvalidInput(f"Use one of {', '.join(name for name in CHANNELS if name)}.", field="channel")


def get_conversation(kernel: Kernel, *, actor: Actor, conversation_id: UUID) -> ConversationView:
    """Return one conversation.

    Raises:
        Forbidden, NotFound
    """
    require(actor, Permission.CONVERSATIONS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        return conversation_view(*with_names(work, conversation_id))


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
        head = with_names(work, conversation_id)
        messages = repository.list_messages(work, conversation_id, before=before, limit=size + 1)
        ids = [message.id for message in messages]
        turns, letters = repository.turns_by_reply(work, ids), repository.letters_by_message(work, ids)
    shown = messages[-size:]
    return ThreadView(
        conversation=conversation_view(*head),
        messages=tuple(
            message_view(message, turns.get(message.id), contact_name=head[1], letter=letters.get(message.id))
            for message in shown
        ),
        has_more=len(messages) > size,
    )


def with_names(work: UnitOfWork, conversation_id: UUID) -> tuple[Conversation, str, str]:
    """Return a conversation with its contact's and its agent's name.

    Raises:
        NotFound
    """
    row = repository.find_conversation_with_names(work, conversation_id)
    if row is None:
        raise NotFound("There is no such conversation.")
    return row


def conversation_view(conversation: Conversation, contact_name: str, agent_name: str) -> ConversationView:
    """Return one conversation as shown."""
    return ConversationView(
        id=conversation.id,
        agent_id=conversation.agent_id,
        agent_name=agent_name,
        connection_id=conversation.connection_id,
        contact_name=contact_name,
        contact_address=conversation.contact_address,
        channel_kind=conversation.channel_kind,
        channel_label=channel_label(conversation),
        channel_address=conversation.channel_id,
        subject=conversation.subject,
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
    return channel_name(conversation.channel_kind, conversation.channel_name)


def channel_name(kind: str, name: str) -> str:
    """Return a channel in words: "Slack #general", "SMS"."""
    label = CHANNEL_LABELS.get(kind, kind)
    if kind != ChannelKind.SLACK_CHANNEL:  # a phone channel's name is our own number
        return label
    return f"{label} #{name}" if name else f"{label} channel"


def message_view(
    message: Message, turn: Turn | None, *, contact_name: str, letter: EmailEnvelope | None
) -> MessageView:
    """Return one message as shown, with the turn that wrote it and the letter around it."""
    return MessageView(
        id=message.id,
        direction=message.direction.value,
        author=message.author.value,
        author_label=_author_label(message, contact_name=contact_name, letter=letter),
        text=message.text,
        state=message.state.value,
        error_code=message.error_code,
        error_text=message.error_text,
        created_at=message.created_at,
        segments=message.segments,
        trace_id=message.trace_id,
        runner=turn.runner if turn else "",
        why=turn.reason if turn else "",
        subject=letter.subject if letter else "",
        has_letter=letter is not None,
    )


def _author_label(message: Message, *, contact_name: str, letter: EmailEnvelope | None) -> str:
    """Return who wrote: a letter may come from somebody else in the thread, in Cc."""
    if message.author is not Author.CONTACT:
        return message.author_label
    return (letter.from_name or letter.from_address) if letter else contact_name
