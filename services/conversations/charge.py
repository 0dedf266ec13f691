"""Who is in charge of a conversation: people take over, give back and close."""

from uuid import UUID

from models import Conversation, ConversationState
from services import audit
from services.conversations import repository
from services.conversations.changing import change_state
from services.conversations.reading import conversation_view, with_names
from services.conversations.views import ConversationView
from services.kernel.db import UnitOfWork
from services.kernel.errors import NotFound
from services.kernel.kernel import Kernel
from services.tenants import Actor, Permission, require


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
        return conversation_view(*with_names(work, conversation_id))


def _locked(work: UnitOfWork, conversation_id: UUID) -> Conversation:
    conversation = repository.find_conversation(work, conversation_id, lock=True)
    if conversation is None:
        raise NotFound("There is no such conversation.")
    return conversation
