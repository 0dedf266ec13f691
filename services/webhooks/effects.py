"""What each kind of event does, in the transaction that ends its delivery."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from models import Connection, ConnectionStatus, DeliveryState, Turn, WebhookDelivery
from services import calendar, connections, email
from services.conversations import Known, receive_message
from services.kernel.db import UnitOfWork
from services.provider_kit.contract import (
    CalendarChanged,
    ConnectionRevoked,
    ConsentChanged,
    Ignored,
    InboundEvent,
    MessageAnnounced,
    MessageReceived,
    MessageStatusChanged,
)
from services.routing import Directory, route_message
from services.sending import apply_receipt, record_consent
from services.turns import add_turn
from services.webhooks import repository
from services.webhooks.batches import Item, Outcome


@dataclass(frozen=True, slots=True)
class Stage:
    """What all deliveries of a batch take effect in."""

    work: UnitOfWork
    connections: Mapping[UUID, Connection]
    """As they are now, by id."""
    now: datetime
    due_at: datetime
    """The database's time: from then on turns are due."""
    turns: list[Turn] = field(default_factory=list[Turn])
    """Of plain messages, to be stored once the messages are."""


@dataclass(slots=True)
class _Scene:
    """What the events of one delivery take effect in."""

    work: UnitOfWork
    connection: Connection
    delivery: WebhookDelivery
    now: datetime
    due_at: datetime
    directory: Directory | None
    known: Known | None
    turns: list[Turn] | None
    """Takes the turns that are stored with others; None if they are stored at once."""


@dataclass(frozen=True, slots=True)
class _Effect:
    """What came of one event: whether anything changed, and why, in words."""

    reason: str
    changed: bool = True


def is_plain(item: Item) -> bool:
    """Return whether an item's effects come of what is read for the whole batch: nothing but plain messages."""
    return all(type(event) in _PLAIN and not getattr(event, "email", None) for event in item.events)


def take_effect(stage: Stage, item: Item, *, directory: Directory | None = None, known: Known | None = None) -> Outcome:
    """Give a delivery's events their effects.

    Args:
        stage: what the batch takes effect in.
        item: the delivery.
        directory: what was read for all messages of the batch; None for a delivery that stands alone.
        known: the same of contacts and conversations.

    Raises:
        RetryLater: one of them comes too early.
    """
    connection = stage.connections[item.connection.id]
    turns = stage.turns if known else None
    scene = _Scene(stage.work, connection, item.delivery, stage.now, stage.due_at, directory, known, turns)
    effects = [_EFFECTS[type(event)](scene, event) for event in item.events]
    changed = any(effect.changed for effect in effects)
    return Outcome(
        state=DeliveryState.PROCESSED if changed else DeliveryState.IGNORED,
        reason="; ".join(effect.reason for effect in effects) or "Nothing in it concerns Patchbay",
    )


def _message_received(scene: _Scene, event: MessageReceived) -> _Effect:
    if scene.connection.status in (ConnectionStatus.PAUSED, ConnectionStatus.DISCONNECTED):
        return _Effect(f"The connection is {scene.connection.status.value}", changed=False)
    if not event.addressed and not event.in_shared_channel:
        return _Effect(f"{event.why}: not addressed to the agent", changed=False)
    route = route_message(scene.work, scene.connection, event, directory=scene.directory)
    if route.agent is None:
        return _Effect(route.reason, changed=False)
    received = receive_message(
        scene.work,
        connection=scene.connection,
        agent=route.agent,
        event=event,
        delivery=scene.delivery,
        now=scene.now,
        known=scene.known,
    )
    if not received.is_new:
        return _Effect("The same message had arrived before", changed=False)
    agent = route.agent
    if agent.id != received.conversation.agent_id:  # a letter stays with its thread's
        agent = repository.get_agent(scene.work, received.conversation.agent_id)
    silent = ""
    if event.email:
        silent = email.why_silent(
            scene.work, connection=scene.connection, event=event, conversation=received.conversation, now=scene.now
        )
    add_turn(
        scene.work,
        conversation=received.conversation,
        agent=agent,
        message=received.message,
        silent=silent,
        now=scene.now,
        due_at=scene.due_at,
        together=scene.turns,
    )
    return _Effect(f"{route.reason}; {silent}" if silent else route.reason)


def _message_announced(scene: _Scene, _event: MessageAnnounced) -> _Effect:
    return _Effect(f"The connection is {scene.connection.status.value}; the message was not fetched", changed=False)


def _calendar_changed(scene: _Scene, event: CalendarChanged) -> _Effect:
    return _Effect(
        calendar.note_change(
            scene.work, connection=scene.connection, subscription_id=event.subscription_id, now=scene.now
        )
    )


def _status_changed(scene: _Scene, event: MessageStatusChanged) -> _Effect:
    attempt = scene.delivery.attempt
    return _Effect(apply_receipt(scene.work, connection=scene.connection, event=event, attempt=attempt, now=scene.now))


def _consent_changed(scene: _Scene, event: ConsentChanged) -> _Effect:
    return _Effect(record_consent(scene.work, connection=scene.connection, event=event, now=scene.now))


def _connection_revoked(scene: _Scene, event: ConnectionRevoked) -> _Effect:
    connections.note_revoked(scene.work, scene.connection, reason=event.reason, now=scene.now)
    return _Effect(event.reason)


def _ignored(_scene: _Scene, event: Ignored) -> _Effect:
    return _Effect(event.reason, changed=False)


_PLAIN = frozenset({MessageReceived, MessageAnnounced, Ignored})
_EFFECTS: Mapping[type[InboundEvent], Callable[[_Scene, Any], _Effect]] = MappingProxyType(
    {
        MessageReceived: _message_received,
        MessageAnnounced: _message_announced,
        CalendarChanged: _calendar_changed,
        MessageStatusChanged: _status_changed,
        ConsentChanged: _consent_changed,
        ConnectionRevoked: _connection_revoked,
        Ignored: _ignored,
    }
)
