"""Keeps the provider telling us of changes: a new subscription works before the old one is stopped.

A subscription is stored before it is asked for, so that a notification that comes early is known. A process that dies
before the answer leaves one that nobody can stop; its notifications are as good as any, and it is forgotten when it
must have expired.
"""

from dataclasses import dataclass
from uuid import UUID, uuid4

from models import Calendar, Connection, Subscription, SubscriptionState
from services import connections, vault
from services.calendar import repository
from services.calendar.holding import Hold, LeaseLost, crashed, lock_held, logger, note_outcome, prolong, release, take
from services.calendar.timing import STOP_AGAIN, UNANSWERED_KEPT, pause, renew_at, retry_after
from services.connections.clients import shared_endpoint_url
from services.kernel.db import UnitOfWork
from services.kernel.errors import NeedsReauth, NotFound, PatchbayError, RetryLater
from services.kernel.ids import new_id, new_token
from services.kernel.kernel import Kernel
from services.kernel.log import bind_context
from services.kernel.secret import Secret
from services.provider_kit import registry
from services.provider_kit.contract import SubscriptionGrant, SubscriptionRequest

SUBSCRIPTION_TABLE, TOKEN_COLUMN = "subscription", "sealed_token"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """A subscription to ask for."""

    row_id: UUID
    request: SubscriptionRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """A look at a calendar's subscriptions that is ours alone."""

    hold: Hold
    wanted: _Wanted | None
    """None if the one in force is good for a while."""


def renew_subscription(kernel: Kernel, *, tenant_id: UUID, calendar_id: UUID) -> None:
    """Renew a calendar's subscription if that is due, and stop those that have a successor.

    Running it twice does no harm. What goes wrong is noted on the calendar; it is read by asking meanwhile.
    """
    try:
        claim = connections.with_fresh_token(
            kernel, tenant_id=tenant_id, attempt=lambda work: _claim(kernel, work, calendar_id)
        )
    except (NeedsReauth, RetryLater, NotFound) as error:
        logger.info("calendar.renewal.waits_for_token", outcome=error.code)
        return
    if claim is None:
        return
    with bind_context(tenant_id=tenant_id, connection_id=claim.hold.connection_id):
        try:
            _run(kernel, claim)
        except LeaseLost:
            logger.warning("calendar.lease.was_lost")


def _claim(kernel: Kernel, work: UnitOfWork, calendar_id: UUID) -> _Claim | None:
    calendar = repository.lock_free(work, calendar_id)
    now = kernel.clock.now()
    if calendar is None or calendar.subscribe_due_at is None or calendar.subscribe_due_at > now:
        return None
    connection = repository.get_connection(work, calendar.connection_id)
    if connection.status not in connections.WORKING:
        return None
    if wait := connections.wait_for_call(work, connection, now=now):
        calendar.subscribe_due_at = now + wait.wait
        return None
    hold = take(kernel, work, calendar, connection)
    repository.delete_ended(work, calendar.id, now=now, unanswered_before=now - UNANSWERED_KEPT)
    is_due = _is_renewal_due(work, calendar, hold=hold)
    if is_due:
        calendar.subscribe_attempt += 1
    calendar.subscribe_due_at = now + pause(max(calendar.subscribe_attempt, 1))
    return _Claim(hold=hold, wanted=_store_wanted(kernel, work, calendar, connection) if is_due else None)


def _is_renewal_due(work: UnitOfWork, calendar: Calendar, *, hold: Hold) -> bool:
    active = repository.list_subscriptions(work, calendar.id, state=SubscriptionState.ACTIVE)
    times = [renew_at(row.created_at, row.expires_at) for row in active if row.expires_at]
    return not times or max(times) <= hold.began


def _store_wanted(kernel: Kernel, work: UnitOfWork, calendar: Calendar, connection: Connection) -> _Wanted:
    row_id, external_id, token = new_id(), str(uuid4()), Secret(new_token())
    sealed = vault.seal(work, kernel, table=SUBSCRIPTION_TABLE, column=TOKEN_COLUMN, row_id=row_id, secret=token)
    work.session.add(
        Subscription(
            tenant_id=work.tenant_id,
            id=row_id,
            connection_id=connection.id,
            calendar_id=calendar.id,
            external_id=external_id,
            sealed_token=sealed,
            state=SubscriptionState.PENDING,
            created_at=kernel.clock.now(),
        )
    )
    url = _address(kernel, work, connection)
    return _Wanted(
        row_id=row_id,
        request=SubscriptionRequest(id=external_id, token=token, url=url, calendar_id=calendar.external_id),
    )


def _address(kernel: Kernel, work: UnitOfWork, connection: Connection) -> str:
    """Return where the provider is to call us: the shared address, whose look-ups are never older than a request."""
    kinds = registry.get_manifest(connection.provider).webhooks
    shared = next((kind for kind in kinds if kind.shared), None)
    if shared is not None:
        return shared_endpoint_url(kernel.settings, provider=connection.provider, kind=shared.name)
    return next(iter(connections.webhook_urls(kernel, work, connection).values()), "")


def _run(kernel: Kernel, claim: _Claim) -> None:
    if claim.wanted is None:
        _stop_replaced(kernel, claim.hold)
        _end(kernel, claim.hold, is_new=False)
        return
    try:
        grant = _subscribe(claim.hold, claim.wanted)
    except PatchbayError as error:
        _settle_failure(kernel, claim.hold, claim.wanted, error)
        return
    if _settle_success(kernel, claim.hold, claim.wanted, grant):
        _stop_replaced(kernel, claim.hold)
        _end(kernel, claim.hold, is_new=True)
        note_outcome(kernel, claim.hold, None)


def _subscribe(hold: Hold, wanted: _Wanted) -> SubscriptionGrant:
    try:
        return hold.module.subscribe(hold.client, wanted.request)
    except PatchbayError:
        raise
    except Exception as error:
        raise crashed("subscribe") from error


def _settle_success(kernel: Kernel, hold: Hold, wanted: _Wanted, grant: SubscriptionGrant) -> bool:
    """Let a new subscription take over; return whether we may go on."""
    with kernel.unit_of_work(hold.tenant_id) as work:
        calendar = repository.lock_held(work, hold.calendar_id, hold.lease_token)
        row = repository.find_subscription(work, wanted.row_id)
        if row is not None:
            row.external_resource_id, row.expires_at = grant.resource_id, grant.expires_at
            row.state = SubscriptionState.ACTIVE if calendar else SubscriptionState.STOPPING
            work.session.add(row)
            work.session.flush()
        if calendar is not None and row is not None:
            repository.retire_others(work, calendar.id, successor_id=row.id)
            calendar.subscribe_attempt, calendar.subscribe_error = 0, ""
            prolong(kernel, calendar)
            work.notify("calendar", calendar.connection_id)
    if row is None:
        # Disconnected meanwhile: nobody would know it any more. It also ends by itself.
        _unsubscribe(hold, subscription_id=wanted.request.id, resource_id=grant.resource_id)
    logger.info("calendar.subscription.granted", is_kept=row is not None and calendar is not None)
    return row is not None and calendar is not None


def _settle_failure(kernel: Kernel, hold: Hold, wanted: _Wanted, error: PatchbayError) -> None:
    may_exist = isinstance(error, RetryLater) and error.ambiguous
    with kernel.unit_of_work(hold.tenant_id) as work:
        if not may_exist:
            repository.delete_subscription(work, wanted.row_id)
        calendar = lock_held(work, hold)
        now = kernel.clock.now()
        calendar.subscribe_error = error.message
        calendar.subscribe_due_at = now + retry_after(error, attempt=calendar.subscribe_attempt)
        release(work, calendar, now=now)
        work.notify("calendar", calendar.connection_id)
    note_outcome(kernel, hold, error)
    logger.info("calendar.subscription.refused", outcome=error.code)


def _stop_replaced(kernel: Kernel, hold: Hold) -> None:
    """Stop what has a successor; what cannot be stopped now is tried again, and forgotten when it expires."""
    with kernel.unit_of_work(hold.tenant_id) as work:
        rows = repository.list_subscriptions(work, hold.calendar_id, state=SubscriptionState.STOPPING)
    for row in rows:
        if not _unsubscribe(hold, subscription_id=row.external_id, resource_id=row.external_resource_id):
            continue
        with kernel.unit_of_work(hold.tenant_id) as work:
            prolong(kernel, lock_held(work, hold))
            repository.delete_subscription(work, row.id)


def _unsubscribe(hold: Hold, *, subscription_id: str, resource_id: str) -> bool:
    try:
        hold.module.unsubscribe(hold.client, subscription_id=subscription_id, resource_id=resource_id)
    except PatchbayError as error:
        logger.info("calendar.subscription.not_stopped", outcome=error.code)
        return False
    except Exception:
        crashed("unsubscribe")
        return False
    return True


def _end(kernel: Kernel, hold: Hold, *, is_new: bool) -> None:
    """Let the calendar go, and plan the next look; what a new subscription may have missed is read now."""
    now = kernel.clock.now()
    with kernel.unit_of_work(hold.tenant_id) as work:
        calendar = lock_held(work, hold)
        rows = repository.list_subscriptions(work, calendar.id)
        looks = [renew_at(row.created_at, row.expires_at) for row in rows if _is_active(row) and row.expires_at]
        looks += [now + STOP_AGAIN for row in rows if row.state is SubscriptionState.STOPPING]
        calendar.subscribe_due_at = min(looks, default=now)
        if is_new:
            calendar.next_attempt_at = now
        release(work, calendar, now=now)


def _is_active(row: Subscription) -> bool:
    return row.state is SubscriptionState.ACTIVE
