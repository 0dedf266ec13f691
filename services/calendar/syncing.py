"""Makes the cached meetings equal to their source.

Pages are read outside any transaction, and each is applied in one of its own. Applying a page twice does no harm, and
the cursor is stored with the last page only: a process that dies in between leaves a calendar whose next sync reads
the same pages again. Whoever lost the lease writes nothing any more.
"""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from models import Calendar, SubscriptionState
from services import connections
from services.calendar import event_repository, repository
from services.calendar.applying import Window, apply_page, forget_missing, window_around
from services.calendar.holding import (
    Hold,
    LeaseLost,
    crashed,
    lock_held,
    logger,
    note_outcome,
    prolong,
    release,
    take,
)
from services.calendar.timing import FULL_EVERY, next_poll, pause, retry_after
from services.kernel.db import UnitOfWork
from services.kernel.errors import NeedsReauth, NotFound, PatchbayError, RetryLater
from services.kernel.kernel import Kernel
from services.kernel.log import bind_context
from services.provider_kit.contract import CursorExpired, EventPage

_MOST_PAGES = 1000
"""Of one reading; a provider that goes on after that does not come to an end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """A sync that is ours alone."""

    hold: Hold
    cursor: str
    """Empty if everything is read anew."""
    read_at: datetime
    """When everything was read anew last, or is now."""
    again_at: datetime
    """What stands as the next attempt while we work; whoever wants another sync changes it."""


@dataclass(slots=True, kw_only=True)
class _Reading:
    """One pass over all pages."""

    cursor: str
    window: Window
    read_at: datetime
    was_lost: bool = False
    """Whether the provider did not know our cursor any more."""
    page: str = ""
    seen: set[str] = field(default_factory=set[str])
    removed: int = 0

    @property
    def is_full(self) -> bool:
        """Whether everything is read anew."""
        return not self.cursor


def sync_calendar(kernel: Kernel, *, tenant_id: UUID, calendar_id: UUID) -> None:
    """Read what changed in a calendar that is due, or everything, unless somebody does already.

    Running it twice does no harm. What goes wrong is noted on the calendar and on its connection; the sweeper comes
    back when the next attempt is due.
    """
    try:
        claim = connections.with_fresh_token(
            kernel, tenant_id=tenant_id, attempt=lambda work: _claim(kernel, work, calendar_id)
        )
    except (NeedsReauth, RetryLater, NotFound) as error:
        # The token is over and could not be renewed now: nothing was claimed, and the sweeper comes back to it.
        logger.info("calendar.sync.waits_for_token", outcome=error.code)
        return
    if claim is None:
        return
    with bind_context(tenant_id=tenant_id, connection_id=claim.hold.connection_id):
        try:
            _run(kernel, claim)
        except PatchbayError as error:
            _settle_failure(kernel, claim, error)
        except LeaseLost:
            logger.warning("calendar.lease.was_lost")


def _claim(kernel: Kernel, work: UnitOfWork, calendar_id: UUID) -> _Claim | None:
    calendar = repository.lock_free(work, calendar_id)
    now = kernel.clock.now()
    if calendar is None or calendar.next_attempt_at > now:
        return None
    connection = repository.get_connection(work, calendar.connection_id)
    if connection.status not in connections.WORKING:
        return None
    if wait := connections.wait_for_call(work, connection, now=now):
        calendar.next_attempt_at, calendar.sync_note = now + wait.wait, wait.words
        work.notify("calendar", connection.id)
        return None
    hold = take(kernel, work, calendar, connection)
    calendar.attempt += 1
    calendar.next_attempt_at = again_at = now + pause(calendar.attempt)
    is_due_anew = calendar.cursor_at is None or now - calendar.cursor_at >= FULL_EVERY
    cursor = "" if is_due_anew else calendar.cursor
    return _Claim(
        hold=hold,
        cursor=cursor,
        read_at=calendar.cursor_at if cursor and calendar.cursor_at else now,
        again_at=again_at,
    )


def _run(kernel: Kernel, claim: _Claim) -> None:
    reading = _Reading(cursor=claim.cursor, window=window_around(claim.read_at), read_at=claim.read_at)
    try:
        _read_all(kernel, claim, reading)
    except CursorExpired:
        began = claim.hold.began
        reading = _Reading(cursor="", window=window_around(began), read_at=began, was_lost=True)
        try:
            _read_all(kernel, claim, reading)
        except CursorExpired as error:
            raise RetryLater("The list of meetings broke off in the middle.", provider=claim.hold.provider) from error
    note_outcome(kernel, claim.hold, None)
    logger.info("calendar.sync.ended", is_full=reading.is_full, seen=len(reading.seen), removed=reading.removed)


def _read_all(kernel: Kernel, claim: _Claim, reading: _Reading) -> None:
    for _ in range(_MOST_PAGES):
        page = _read_page(claim.hold, reading)
        with kernel.unit_of_work(claim.hold.tenant_id) as work:
            calendar = lock_held(work, claim.hold)
            now = kernel.clock.now()
            applied = apply_page(work, calendar, page.events, window=reading.window, is_full=reading.is_full, now=now)
            reading.seen |= applied.kept
            reading.removed += applied.removed
            if not page.next_page:
                _finish(work, calendar, claim, reading, page, now=now)
                return
            prolong(kernel, calendar)
        reading.page = page.next_page
    raise RetryLater("The list of meetings does not come to an end.", provider=claim.hold.provider)


def _read_page(hold: Hold, reading: _Reading) -> EventPage:
    try:
        return hold.module.read_page(
            hold.client,
            calendar_id=hold.external_id,
            cursor=reading.cursor,
            page=reading.page,
            begins_at=reading.window.begins_at,
            ends_at=reading.window.ends_at,
        )
    except (PatchbayError, CursorExpired):
        raise
    except Exception as error:
        raise crashed("read_page") from error


def _finish(
    work: UnitOfWork, calendar: Calendar, claim: _Claim, reading: _Reading, page: EventPage, *, now: datetime
) -> None:
    """Store the cursor, in the transaction of the last page."""
    if reading.is_full:
        reading.removed += forget_missing(work, calendar.id, seen=reading.seen)
        calendar.cursor_at = reading.read_at
    calendar.cursor = page.next_cursor
    calendar.name = page.calendar_name or calendar.name
    calendar.time_zone = page.time_zone or calendar.time_zone
    calendar.synced_at = calendar.updated_at = now
    calendar.sync_note = _describe(reading, total=event_repository.count_events(work, calendar.id), hold=claim.hold)
    calendar.attempt = 0
    if calendar.next_attempt_at == claim.again_at:  # else somebody asked for another sync meanwhile
        calendar.next_attempt_at = next_poll(now, watched_until=_watched_until(work, calendar.id))
    release(work, calendar, now=now)
    work.notify("calendar", calendar.connection_id)


def _watched_until(work: UnitOfWork, calendar_id: UUID) -> datetime | None:
    active = repository.list_subscriptions(work, calendar_id, state=SubscriptionState.ACTIVE)
    return max((row.expires_at for row in active if row.expires_at), default=None)


def _describe(reading: _Reading, *, total: int, hold: Hold) -> str:
    gone = f"{reading.removed} gone" if reading.removed else ""
    if not reading.is_full:
        changed = f"{_count(len(reading.seen))} changed" if reading.seen else ""
        return f"{_join(changed, gone) or 'Nothing had changed'}."
    everything = f"{_join(_count(total), gone)}."
    if reading.was_lost:
        return f"{hold.provider_name} no longer knew how far we had read: everything was read anew. {everything}"
    return f"Everything was read: {everything}"


def _join(*words: str) -> str:
    return ", ".join(word for word in words if word)


def _count(number: int) -> str:
    return "1 meeting" if number == 1 else f"{number} meetings"


def _settle_failure(kernel: Kernel, claim: _Claim, error: PatchbayError) -> None:
    with kernel.unit_of_work(claim.hold.tenant_id) as work:
        calendar = repository.lock_held(work, claim.hold.calendar_id, claim.hold.lease_token)
        if calendar is None:
            logger.warning("calendar.lease.was_lost")
            return
        now = kernel.clock.now()
        calendar.next_attempt_at = now + retry_after(error, attempt=calendar.attempt)
        calendar.sync_note = error.message
        calendar.updated_at = now
        release(work, calendar, now=now)
        work.notify("calendar", calendar.connection_id)
    note_outcome(kernel, claim.hold, error)
    logger.info("calendar.sync.failed", outcome=error.code)
