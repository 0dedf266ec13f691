"""From a stored delivery to its effects: events, routing with a reason, contact, conversation, message, turn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models import Connection, ConnectionStatus, DeliveryState, WebhookDelivery
from services import attempts, calendar, connections, email
from services.conversations import receive_message
from services.kernel.db import UnitOfWork, is_outage
from services.kernel.errors import NeedsReauth, PatchbayError
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.leases import in_seconds
from services.kernel.log import bind_context, get_logger
from services.provider_kit.contract import (
    CalendarChanged,
    ConnectionRevoked,
    ConsentChanged,
    Ignored,
    InboundEvent,
    MessageAnnounced,
    MessageReceived,
    MessageStatusChanged,
    WebhookRequest,
)
from services.provider_kit.registry import webhooks
from services.routing import route_message
from services.sending import apply_receipt, record_consent
from services.turns import add_turn
from services.webhooks import repository
from services.webhooks.fetching import fetch

logger = get_logger(__name__)

PARKED_SECONDS = 60.0
"""How often a delivery that waits for its connection to be repaired is looked at."""


@dataclass(frozen=True, slots=True)
class _Claim:
    """A delivery that this worker holds, and the connection it came for."""

    delivery: WebhookDelivery
    connection: Connection


@dataclass(frozen=True, slots=True)
class _Scene:
    """What an event takes effect in."""

    work: UnitOfWork
    connection: Connection
    delivery: WebhookDelivery
    now: datetime


@dataclass(frozen=True, slots=True)
class _Effect:
    """What came of one event: whether anything changed, and why, in words."""

    reason: str
    changed: bool = True


def process_delivery(kernel: Kernel, *, tenant_id: UUID, delivery_id: UUID) -> None:
    """Give a delivery its effects, all in one transaction. Running it twice does no harm."""
    token = new_id()
    claim = _claim(kernel, tenant_id, delivery_id, token)
    if claim is None:
        return
    with bind_context(tenant_id=tenant_id, trace_id=claim.delivery.trace_id, connection_id=claim.connection.id):
        try:
            events = [fetch(kernel, claim.connection, event) for event in _parse(kernel, claim)]
            _take_effect(kernel, tenant_id, delivery_id, token, events)
        except NeedsReauth as error:
            logger.info("webhooks.delivery.parked", code=error.code)
            _park(kernel, tenant_id, delivery_id, token, error)
        except PatchbayError as error:
            logger.info("webhooks.delivery.failed", code=error.code)
            _record_failure(kernel, tenant_id, delivery_id, token, error)
        except Exception as error:
            if is_outage(error):
                raise  # nothing can be noted now; the lease runs out, and the sweeper wakes the delivery again
            logger.exception("webhooks.delivery.crashed")
            _record_failure(kernel, tenant_id, delivery_id, token, error)


def _claim(kernel: Kernel, tenant_id: UUID, delivery_id: UUID, token: UUID) -> _Claim | None:
    """Lease the delivery in a transaction of its own, so that an attempt counts even if it kills the worker."""
    with kernel.unit_of_work(tenant_id) as work:
        delivery = repository.lock_processable(work, delivery_id)
        if delivery is None:
            return None
        now = kernel.clock.now()
        delivery.started_at = delivery.started_at or now
        if delivery.attempt >= kernel.settings.max_attempts:
            _end(work, delivery, DeliveryState.DEAD, "Each attempt was cut off before it ended", now)
            delivery.cause = attempts.CUT_OFF
            return None
        delivery.state = DeliveryState.PROCESSING
        delivery.attempt += 1
        delivery.lease_token = token
        delivery.lease_until = in_seconds(kernel.settings.lease_seconds)
        return _Claim(delivery, repository.get_connection(work, delivery.connection_id))


def _take_effect(
    kernel: Kernel, tenant_id: UUID, delivery_id: UUID, token: UUID, events: Sequence[InboundEvent]
) -> None:
    with kernel.unit_of_work(tenant_id) as work:
        delivery = repository.lock_held(work, delivery_id, token)
        if delivery is None:
            return
        connection = repository.get_connection(work, delivery.connection_id)
        scene = _Scene(work, connection, delivery, kernel.clock.now())
        effects = [_apply(scene, event) for event in events]
        connections.note_event(work, connection, now=scene.now)
        changed = any(effect.changed for effect in effects)
        reason = "; ".join(effect.reason for effect in effects) or "Nothing in it concerns Patchbay"
        state = DeliveryState.PROCESSED if changed else DeliveryState.IGNORED
        _end(work, delivery, state, reason, scene.now)
    logger.info("webhooks.delivery.ended", state=state.value)


def _parse(kernel: Kernel, claim: _Claim) -> Sequence[InboundEvent]:
    delivery = claim.delivery
    request = WebhookRequest(
        kind=delivery.kind,
        url=kernel.settings.public_url,
        headers=delivery.headers,
        body=delivery.body,
        query=delivery.query,
    )
    return webhooks(delivery.provider).parse(request, settings=claim.connection.settings)


def _apply(scene: _Scene, event: InboundEvent) -> _Effect:
    return _EFFECTS[type(event)](scene, event)


def _message_received(scene: _Scene, event: MessageReceived) -> _Effect:
    if scene.connection.status in (ConnectionStatus.PAUSED, ConnectionStatus.DISCONNECTED):
        return _Effect(f"The connection is {scene.connection.status.value}", changed=False)
    if not event.addressed and not event.in_shared_channel:
        return _Effect(f"{event.why}: not addressed to the agent", changed=False)
    route = route_message(scene.work, scene.connection, event)
    if route.agent is None:
        return _Effect(route.reason, changed=False)
    received = receive_message(
        scene.work,
        connection=scene.connection,
        agent=route.agent,
        event=event,
        delivery=scene.delivery,
        now=scene.now,
    )
    if not received.is_new:
        return _Effect("The same message had arrived before", changed=False)
    scene.work.session.flush()
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


_EFFECTS: dict[type[InboundEvent], Callable[[_Scene, InboundEvent], _Effect]] = {
    MessageReceived: _message_received,
    MessageAnnounced: _message_announced,
    CalendarChanged: _calendar_changed,
    MessageStatusChanged: _status_changed,
    ConsentChanged: _consent_changed,
    ConnectionRevoked: _connection_revoked,
    Ignored: _ignored,
}  # pyright: ignore[reportAssignmentType]


def _park(kernel: Kernel, tenant_id: UUID, delivery_id: UUID, token: UUID, error: NeedsReauth) -> None:
    """Let a delivery wait until its connection is repaired; that costs it no attempt, so nothing is missed."""
    with kernel.unit_of_work(tenant_id) as work:
        delivery = repository.lock_held(work, delivery_id, token)
        if delivery is None:
            return
        connection = repository.get_connection(work, delivery.connection_id)
        connections.note_failure(work, connection, error, now=kernel.clock.now())
        delivery.state = DeliveryState.FAILED
        delivery.reason = "Waits until the connection is repaired"
        delivery.cause = attempts.cause_of(error)
        delivery.attempt -= 1
        delivery.next_attempt_at = in_seconds(PARKED_SECONDS)
        delivery.lease_token = delivery.lease_until = None
        work.notify("delivery", delivery.id)


def _record_failure(kernel: Kernel, tenant_id: UUID, delivery_id: UUID, token: UUID, error: Exception) -> None:
    """Note a failed attempt in a transaction of its own: it must survive the rollback of the effects."""
    now = kernel.clock.now()
    with kernel.unit_of_work(tenant_id) as work:
        delivery = repository.lock_held(work, delivery_id, token)
        if delivery is None:
            return
        seconds = attempts.seconds_until_retry(kernel.settings, error, attempt=delivery.attempt)
        reason = error.message if isinstance(error, PatchbayError) else "An error in Patchbay"
        if seconds is None:
            _end(work, delivery, DeliveryState.DEAD, reason, now)
        else:
            delivery.state = DeliveryState.FAILED
            delivery.reason = reason
            delivery.next_attempt_at = in_seconds(seconds)
            delivery.lease_token = delivery.lease_until = None
        delivery.cause = attempts.cause_of(error)
        attempts.record_failure(work, delivery, subject="delivery", error=error, retry_seconds=seconds, now=now)
        work.notify("delivery", delivery.id)


def _end(work: UnitOfWork, delivery: WebhookDelivery, state: DeliveryState, reason: str, now: datetime) -> None:
    delivery.state = state
    delivery.reason = reason
    delivery.cause = ""
    delivery.finished_at = now
    delivery.lease_token = delivery.lease_until = None
    work.notify("delivery", delivery.id)
