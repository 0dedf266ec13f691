"""Sends one message from the outbox, once.

``queued → sending (lease) → sent``. A lease that runs out while ``sending`` is ambiguous: the message may have
been accepted. It is looked up at the provider; where that cannot tell, it becomes ``unknown`` and is shown.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from models import Connection, ConnectionStatus, Message, MessageState
from services import attempts, connections, email, limits
from services.kernel.db import UnitOfWork
from services.kernel.errors import NeedsReauth, PatchbayError, Refused, RetryLater
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.leases import in_seconds
from services.kernel.log import bind_context, get_logger
from services.provider_kit.contract import ChannelKind, MessagingModule, OutboundMessage, SentMessage
from services.provider_kit.registry import messaging
from services.sending import repository
from services.sending.limiting import end_overtaken, may_leave

logger = get_logger(__name__)

LOOK_UP_AFTER_SECONDS = 5.0
"""How long after an ambiguous answer the provider is asked whether it accepted the message."""
PARKED_SECONDS = 60.0
"""How often a message that waits for its connection to be repaired is looked at."""


@dataclass(frozen=True, slots=True)
class _Claim:
    """A message that this worker holds."""

    message_id: UUID
    trace_id: UUID
    connection_id: UUID
    lease_token: UUID
    module: MessagingModule
    client: Any
    outbound: OutboundMessage
    is_ambiguous: bool


def send_message(kernel: Kernel, *, tenant_id: UUID, message_id: UUID) -> None:
    """Send a message, or find out what became of an attempt that was cut off. Running it twice does no harm."""
    try:
        claim = limits.with_counts(
            kernel,
            tenant_id=tenant_id,
            attempt=lambda: connections.with_fresh_token(
                kernel, tenant_id=tenant_id, attempt=lambda work: _claim(kernel, work, message_id)
            ),
        )
    except (NeedsReauth, RetryLater) as error:
        # The token is over and could not be renewed now, or nobody can count what leaves: nothing was claimed, and the
        # sweeper comes back to it.
        logger.info("sending.message.put_off", outcome=error.code)
        return
    if claim is None:
        return
    with bind_context(tenant_id=tenant_id, trace_id=claim.trace_id, connection_id=claim.connection_id):
        _attempt(kernel, tenant_id, claim)


def _attempt(kernel: Kernel, tenant_id: UUID, claim: _Claim) -> None:
    failure: PatchbayError | None = None
    sent: SentMessage | None = None
    try:
        sent = _look_up(claim) if claim.is_ambiguous else claim.module.send_message(claim.client, claim.outbound)
    except PatchbayError as error:
        failure = error
    except Exception:
        logger.exception("sending.message.crashed")
        failure = RetryLater("An error in Patchbay; see the server's log.", ambiguous=True)
    outcome = failure.code if failure else "sent" if sent else "not_found"
    logger.info("sending.message.attempted", outcome=outcome, looked_up=claim.is_ambiguous)
    _settle(kernel, tenant_id, claim, sent=sent, failure=failure)


def _claim(kernel: Kernel, work: UnitOfWork, message_id: UUID) -> _Claim | None:
    message = repository.lock_sendable(work, message_id)
    if message is None:
        return None
    connection = repository.get_connection(work, message.connection_id)
    conversation = repository.get_conversation(work, message.conversation_id)
    is_ambiguous = message.state is MessageState.SENDING
    if _is_stopped(work, message, connection, sender=conversation.channel_id, is_ambiguous=is_ambiguous):
        return None
    if not is_ambiguous and end_overtaken(work, message, conversation):
        return None
    client = connections.open_client(kernel, work, connection)
    if not is_ambiguous and not may_leave(kernel, work, message, conversation=conversation, connection=connection):
        return None
    outbound = OutboundMessage(
        id=_id_at_provider(message),
        channel_id=conversation.channel_id,
        recipient=message.recipient,
        reply_to=message.reply_to,
        text=message.text,
        status_url=connections.webhook_url(kernel, work, connection, kind="status"),
        attempted_at=message.attempted_at if is_ambiguous else None,
        known_ids=repository.list_known_ids(work, message) if is_ambiguous else frozenset(),
        email=email.outgoing(work, message) if conversation.channel_kind == ChannelKind.EMAIL else None,
    )
    token = new_id()
    message.state = MessageState.SENDING
    message.lease_token = token
    message.lease_until = in_seconds(kernel.settings.lease_seconds)
    message.attempt += 1
    if not is_ambiguous:
        message.attempted_at = kernel.clock.now()
    work.notify("conversation", message.conversation_id)
    return _Claim(
        message_id,
        message.trace_id,
        connection.id,
        token,
        messaging(connection.provider),
        client,
        outbound,
        is_ambiguous,
    )


def _is_stopped(work: UnitOfWork, message: Message, connection: Connection, *, sender: str, is_ambiguous: bool) -> bool:
    """Settle a message that must not leave now: disconnected, opted out, or waiting for a repair."""
    is_gone = connection.status is ConnectionStatus.DISCONNECTED
    if is_gone and is_ambiguous:
        _end(work, message, MessageState.UNKNOWN, "disconnected", "The connection was disconnected during the attempt.")
    elif is_gone:
        _end(work, message, MessageState.FAILED, "disconnected", "The connection was disconnected.")
    elif is_ambiguous:
        return False
    elif repository.find_opt_out(work, connection_id=connection.id, sender=sender, contact=message.recipient):
        _end(work, message, MessageState.FAILED, "opted_out", "The contact opted out of messages from this number.")
    elif connection.status not in connections.WORKING:
        is_paused = connection.status is ConnectionStatus.PAUSED
        message.next_attempt_at = in_seconds(PARKED_SECONDS)
        message.error_code = connections.WAITS_FOR_CONNECTION
        message.error_text = f"Waits until the connection is {'resumed' if is_paused else 'repaired'}."
        work.notify("conversation", message.conversation_id)
    else:
        return False
    return True


def _id_at_provider(message: Message) -> str:
    """Return what the provider knows the message by; another one once it is to accept the same message anew."""
    return f"{message.id}-{message.resends}" if message.resends else str(message.id)


def _look_up(claim: _Claim) -> SentMessage | None:
    return claim.module.find_sent(claim.client, claim.outbound)


def _settle(
    kernel: Kernel, tenant_id: UUID, claim: _Claim, *, sent: SentMessage | None, failure: PatchbayError | None
) -> None:
    """Write what came of an attempt, unless the lease was lost meanwhile."""
    with kernel.unit_of_work(tenant_id) as work:
        message = repository.lock_held(work, claim.message_id, claim.lease_token)
        if message is None:
            logger.warning("sending.lease.was_lost")
            return
        message.lease_token = message.lease_until = None
        if failure:
            _fail(kernel, work, message, claim, failure)
        else:
            _succeed(kernel, work, message, sent)
            if sent and claim.outbound.email:
                work.notify("letter", message.connection_id)  # its card counts them
        work.session.flush()
        following = repository.find_next_unsent(work, message.conversation_id)
        if following:
            work.wake("send_message", following)
        work.notify("conversation", message.conversation_id)


def _succeed(kernel: Kernel, work: UnitOfWork, message: Message, sent: SentMessage | None) -> None:
    now = kernel.clock.now()
    connection = repository.get_connection(work, message.connection_id)
    connections.note_success(work, connection, now=now)
    if sent is None:
        message.state = MessageState.QUEUED
        message.next_attempt_at = in_seconds(0)
        return
    message.state = MessageState.DELIVERED if sent.status == "delivered" else MessageState.SENT
    message.external_id = sent.external_id
    message.segments = sent.segments
    message.sent_at = now
    message.error_code = message.error_text = ""


def _fail(kernel: Kernel, work: UnitOfWork, message: Message, claim: _Claim, error: PatchbayError) -> None:
    now = kernel.clock.now()
    connection = repository.get_connection(work, message.connection_id)
    seconds = attempts.seconds_until_retry(kernel.settings, error, attempt=message.attempt)
    if connections.is_about_connection(error):
        connections.note_failure(work, connection, error, now=now)
    if isinstance(error, NeedsReauth):
        seconds = PARKED_SECONDS
    _move_after_failure(work, message, claim, error, seconds, now)
    attempts.record_failure(work, message, subject="message", error=error, retry_seconds=seconds, now=now)


def _move_after_failure(
    work: UnitOfWork, message: Message, claim: _Claim, error: PatchbayError, seconds: float | None, now: datetime
) -> None:
    message.error_code, message.error_text = error.code, error.message
    unsure = claim.is_ambiguous or (isinstance(error, RetryLater) and error.ambiguous)
    if unsure and (seconds is None or isinstance(error, Refused)):
        _end(
            work, message, MessageState.UNKNOWN, error.code, "The provider cannot say whether it accepted this message."
        )
    elif unsure:
        message.lease_until = in_seconds(max(LOOK_UP_AFTER_SECONDS, seconds or 0))
        message.state = MessageState.SENDING
    elif seconds is None:
        _end(work, message, MessageState.FAILED, error.code, error.message)
    else:
        message.state = MessageState.QUEUED
        message.next_attempt_at = in_seconds(seconds)
        if isinstance(error, NeedsReauth):
            message.error_code = connections.WAITS_FOR_CONNECTION  # leaves as soon as the connection is repaired


def _end(work: UnitOfWork, message: Message, state: MessageState, code: str, text: str) -> None:
    message.state = state
    message.error_code, message.error_text = code, text
    work.notify("conversation", message.conversation_id)
