"""Sends one notice, once: the same outbox as for answers.

``queued → sending (lease) → sent``. A lease that runs out while ``sending`` is ambiguous: the notice may have been
accepted. It is looked up at the provider, by our mark where there is one; if it surely was not accepted it is sent
again, and where nobody can tell it becomes ``unknown`` and is left alone. So a crash between sending and writing that
down costs at most a notice, never a second one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from models import Connection, HealthNotice, NoticeKind, NoticeState, NoticeTarget
from services import attempts, connections, email
from services.connections import WORKING
from services.health import notice_repository
from services.health.observing import request_observation
from services.health.words import cut
from services.kernel.db import UnitOfWork
from services.kernel.errors import NeedsReauth, PatchbayError, Refused, RetryLater
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.leases import in_seconds
from services.kernel.log import bind_context, get_logger
from services.provider_kit import registry
from services.provider_kit.contract import Capability, MessagingModule, OutboundMessage, OutgoingEmail, SentMessage

_LOOK_UP_AFTER_SECONDS = 5.0
_NOT_SURE = "The provider cannot say whether it accepted the notice."

logger = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Claim:
    """A notice that this worker holds."""

    notice_id: UUID
    lease_token: UUID
    through_id: UUID
    module: MessagingModule
    client: Any
    outbound: OutboundMessage
    is_ambiguous: bool


def send_notice(kernel: Kernel, *, tenant_id: UUID, notice_id: UUID) -> None:
    """Send a notice, or find out what became of an attempt that was cut off. Running it twice does no harm."""
    with bind_context(tenant_id=tenant_id):
        try:
            claim = connections.with_fresh_token(
                kernel, tenant_id=tenant_id, attempt=lambda work: _claim(kernel, work, notice_id)
            )
        except PatchbayError as error:
            _give_up_claiming(kernel, tenant_id, notice_id, error)
            return
        if claim is not None:
            _attempt(kernel, tenant_id, claim)


def _claim(kernel: Kernel, work: UnitOfWork, notice_id: UUID) -> _Claim | None:
    notice = notice_repository.lock_sendable(work, notice_id)
    if notice is None:
        return None
    target, through = _way(work, notice)
    is_ambiguous = notice.state is NoticeState.SENDING
    if through.status not in WORKING:
        state = NoticeState.UNKNOWN if is_ambiguous else NoticeState.FAILED
        _end(work, notice, state, f"“{target.label}” lies behind a connection that does not work.", kernel.clock.now())
        return None
    sender = _sender(work, through)
    if not is_ambiguous and _is_unwanted(work, through, sender=sender, contact=target.channel_id):
        words = f"“{target.label}” opted out of messages from our number."
        _end(work, notice, NoticeState.FAILED, words, kernel.clock.now())
        return None
    token = new_id()
    outbound = OutboundMessage(
        id=str(notice.id),
        channel_id=sender or target.channel_id,
        recipient=target.channel_id,
        text=cut(notice.text, registry.get_manifest(through.provider).message_limit),
        attempted_at=notice.attempted_at if is_ambiguous else None,
        known_ids=notice_repository.list_known_ids(work, notice) if is_ambiguous else frozenset(),
        email=_letter(work, through, notice, to=target.channel_id),
    )
    client = connections.open_client(kernel, work, through)
    notice.state = NoticeState.SENDING
    notice.lease_token, notice.lease_until = token, in_seconds(kernel.settings.lease_seconds)
    notice.attempt += 1
    if not is_ambiguous:
        notice.attempted_at = kernel.clock.now()
    return _Claim(notice.id, token, through.id, registry.messaging(through.provider), client, outbound, is_ambiguous)


def _attempt(kernel: Kernel, tenant_id: UUID, claim: _Claim) -> None:
    failure: PatchbayError | None = None
    sent: SentMessage | None = None
    try:
        if claim.is_ambiguous:
            sent = claim.module.find_sent(claim.client, claim.outbound)
        else:
            sent = claim.module.send_message(claim.client, claim.outbound)
    except PatchbayError as error:
        failure = error
    except Exception:
        logger.exception("health.notice.crashed")
        failure = RetryLater("An error in Patchbay; see the server's log.", ambiguous=True)
    logger.info("health.notice.attempted", outcome=failure.code if failure else "sent" if sent else "not_found")
    with kernel.unit_of_work(tenant_id) as work:
        notice = notice_repository.lock_held(work, claim.notice_id, claim.lease_token)
        if notice is None:
            logger.warning("health.lease.was_lost")
            return
        notice.lease_token = notice.lease_until = None
        if failure:
            _fail(kernel, work, notice, failure, is_ambiguous=claim.is_ambiguous)
        else:
            _succeed(kernel, work, notice, sent)
    _note_on_connection(kernel, tenant_id, claim.through_id, failure)


def _succeed(kernel: Kernel, work: UnitOfWork, notice: HealthNotice, sent: SentMessage | None) -> None:
    if sent is None:
        notice.state, notice.next_attempt_at = NoticeState.QUEUED, in_seconds(0)
        work.wake("send_notice", notice.id)
        return
    now = kernel.clock.now()
    notice.external_id = sent.external_id
    _end(work, notice, NoticeState.SENT, "", now)
    notice_repository.stamp_told(work, notice, now=now)


def _fail(kernel: Kernel, work: UnitOfWork, notice: HealthNotice, error: PatchbayError, *, is_ambiguous: bool) -> None:
    seconds = attempts.seconds_until_retry(kernel.settings, error, attempt=notice.attempt)
    if notice.kind is NoticeKind.TEST:
        seconds = None
    is_unsure = is_ambiguous or (isinstance(error, RetryLater) and error.ambiguous)
    notice.error_text = error.message
    if is_unsure and (seconds is None or isinstance(error, Refused)):
        _end(work, notice, NoticeState.UNKNOWN, _NOT_SURE, kernel.clock.now())
    elif is_unsure:
        notice.lease_until = in_seconds(max(_LOOK_UP_AFTER_SECONDS, seconds or 0))
    elif seconds is None:
        _end(work, notice, NoticeState.FAILED, error.message, kernel.clock.now())
    else:
        notice.state, notice.next_attempt_at = NoticeState.QUEUED, in_seconds(seconds)


def _end(work: UnitOfWork, notice: HealthNotice, state: NoticeState, words: str, now: datetime) -> None:
    """Settle a notice; one that surely was not accepted leaves its findings to another target."""
    notice.state, notice.error_text, notice.finished_at = state, words, now
    notice.lease_token = notice.lease_until = None
    work.session.add(notice)
    work.session.flush()
    if state is not NoticeState.SENT:
        notice_repository.stamp_untold(work, notice, reason=words)
    if state is NoticeState.FAILED and notice.kind is NoticeKind.BEGAN:
        request_observation(work, notice.connection_id, now=now)
    following = notice_repository.find_next_unsent(work, notice.target_id)
    if following:
        work.wake("send_notice", following)
    work.notify("connection", notice.connection_id)


def _give_up_claiming(kernel: Kernel, tenant_id: UUID, notice_id: UUID, error: PatchbayError) -> None:
    """Settle a notice whose connection could not even be opened: nothing has left."""
    with kernel.unit_of_work(tenant_id) as work:
        notice = notice_repository.lock_sendable(work, notice_id)
        if notice is not None:
            notice.attempt += 1
            _fail(kernel, work, notice, error, is_ambiguous=notice.state is NoticeState.SENDING)


def _note_on_connection(kernel: Kernel, tenant_id: UUID, connection_id: UUID, error: PatchbayError | None) -> None:
    """Let the connection know what its provider said; a refusal is about the target, not about the connection.

    In a transaction of its own: the notice's also writes to the connection it is about.
    """
    now = kernel.clock.now()
    with kernel.unit_of_work(tenant_id) as work:
        through = notice_repository.find_connection(work.session, tenant_id=tenant_id, connection_id=connection_id)
        if through is None:
            return
        if error is None:
            connections.note_success(work, through, now=now)
        elif isinstance(error, NeedsReauth | RetryLater):
            connections.note_failure(work, through, error, now=now)


def _way(work: UnitOfWork, notice: HealthNotice) -> tuple[NoticeTarget, Connection]:
    """Return where a notice goes, and through which connection; both are there as long as the notice is."""
    targets = notice_repository.list_targets(work.session, tenant_id=work.tenant_id)
    return next((target, through) for target, through in targets if target.id == notice.target_id)


def _sender(work: UnitOfWork, through: Connection) -> str:
    """Return the number a notice comes from; empty where channels have no senders of their own."""
    if Capability.CHANNELS not in registry.get_manifest(through.provider).capabilities:
        return ""
    sender = notice_repository.find_sender(work.session, tenant_id=work.tenant_id, connection_id=through.id)
    if not sender:
        raise Refused("The account has no number to send from. Fetch its numbers.", code="no_sender")
    return sender


def _letter(work: UnitOfWork, through: Connection, notice: HealthNotice, *, to: str) -> OutgoingEmail | None:
    """Return the letter around a notice, if it leaves as one."""
    if Capability.DOMAINS not in registry.get_manifest(through.provider).capabilities:
        return None
    return email.notice_letter(work, through, notice_id=notice.id, to=to, text=notice.text)


def _is_unwanted(work: UnitOfWork, through: Connection, *, sender: str, contact: str) -> bool:
    return bool(sender) and notice_repository.has_opted_out(
        work.session, tenant_id=work.tenant_id, connection_id=through.id, sender=sender, contact=contact
    )
