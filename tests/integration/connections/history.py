"""What a connection leaves behind: conversations, messages, turns and deliveries, without the line that makes them."""

from datetime import datetime
from uuid import UUID

from models import (
    Author,
    Contact,
    Conversation,
    ConversationState,
    DeliveryState,
    Direction,
    FailedAttempt,
    Message,
    MessageState,
    OptOut,
    Turn,
    TurnState,
    WebhookDelivery,
)
from services.kernel.db import UnitOfWork
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.tenants import Actor


def add_contact(kernel: Kernel, actor: Actor) -> UUID:
    """Create a contact without conversations."""
    contact_id = new_id()
    with kernel.unit_of_work(actor.tenant_id) as work:
        work.session.add(Contact(tenant_id=actor.tenant_id, id=contact_id, name="Mia", created_at=kernel.clock.now()))
    return contact_id


def add_history(
    kernel: Kernel, actor: Actor, *, connection_id: UUID, agent_id: UUID, contact_id: UUID, channel_id: str = "D1"
) -> UUID:
    """Create a conversation with an answered question, an answer that waits, and one that is about to be written."""
    now = kernel.clock.now()
    with kernel.unit_of_work(actor.tenant_id) as work:
        conversation_id = _add_conversation(
            work, connection_id=connection_id, agent_id=agent_id, contact_id=contact_id, channel_id=channel_id, now=now
        )
        place = {"conversation_id": conversation_id, "connection_id": connection_id}
        asked = _add_message(work, **place, direction=Direction.INBOUND, state=MessageState.RECEIVED, now=now)
        _add_message(work, **place, direction=Direction.OUTBOUND, state=MessageState.SENT, now=now)
        _add_message(work, **place, direction=Direction.OUTBOUND, state=MessageState.QUEUED, now=now)
        work.session.add(
            Turn(
                tenant_id=work.tenant_id,
                id=new_id(),
                conversation_id=conversation_id,
                agent_id=agent_id,
                message_id=asked.id,
                state=TurnState.DUE,
                trace_id=asked.trace_id,
                created_at=now,
                next_attempt_at=now,
            )
        )
        _add_delivery(work, connection_id=connection_id, trace_id=asked.trace_id, now=now)
        work.session.add(
            OptOut(
                tenant_id=work.tenant_id,
                id=new_id(),
                connection_id=connection_id,
                sender=channel_id,
                contact=str(contact_id),
                keyword="STOP",
                created_at=now,
            )
        )
    return conversation_id


def _add_conversation(
    work: UnitOfWork, *, connection_id: UUID, agent_id: UUID, contact_id: UUID, channel_id: str, now: datetime
) -> UUID:
    conversation = Conversation(
        tenant_id=work.tenant_id,
        id=new_id(),
        agent_id=agent_id,
        connection_id=connection_id,
        contact_id=contact_id,
        contact_address="U1",
        channel_kind="slack_dm",
        channel_id=channel_id,
        external_key=str(new_id()),
        state=ConversationState.AGENT,
        state_changed_at=now,
        last_message_at=now,
        created_at=now,
    )
    work.session.add(conversation)
    work.session.flush()
    return conversation.id


def _add_message(
    work: UnitOfWork,
    *,
    conversation_id: UUID,
    connection_id: UUID,
    direction: Direction,
    state: MessageState,
    now: datetime,
) -> Message:
    message = Message(
        tenant_id=work.tenant_id,
        id=new_id(),
        conversation_id=conversation_id,
        connection_id=connection_id,
        direction=direction,
        author=Author.CONTACT if direction is Direction.INBOUND else Author.AGENT,
        author_label="Mia",
        text="Hi",
        state=state,
        trace_id=new_id(),
        created_at=now,
        next_attempt_at=now,
    )
    work.session.add(message)
    work.session.flush()
    return message


def _add_delivery(work: UnitOfWork, *, connection_id: UUID, trace_id: UUID, now: datetime) -> None:
    delivery = WebhookDelivery(
        tenant_id=work.tenant_id,
        id=new_id(),
        connection_id=connection_id,
        provider="slack",
        kind="events",
        event_type="message",
        dedupe_key=str(new_id()),
        body=b"{}",
        state=DeliveryState.PROCESSED,
        trace_id=trace_id,
        received_at=now,
        next_attempt_at=now,
    )
    work.session.add(delivery)
    work.session.add(
        FailedAttempt(
            tenant_id=work.tenant_id,
            id=new_id(),
            trace_id=trace_id,
            subject="delivery",
            subject_id=delivery.id,
            attempt=1,
            error="RetryLater",
            message="busy",
            created_at=now,
        )
    )
