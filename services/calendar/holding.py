"""Holds a calendar for one job at a time: whoever syncs it, or renews its subscription."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from models import Calendar, Connection, ConnectionStatus
from services import connections
from services.calendar import repository
from services.kernel.db import UnitOfWork
from services.kernel.errors import PatchbayError, RetryLater
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.leases import in_seconds
from services.kernel.log import get_logger
from services.provider_kit import registry
from services.provider_kit.contract import CalendarModule

logger = get_logger(__name__)


class LeaseLost(Exception):
    """The calendar was held too long and is somebody else's now, or it is gone: write nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A calendar that is ours alone for a while."""

    tenant_id: UUID
    calendar_id: UUID
    connection_id: UUID
    provider: str
    external_id: str
    lease_token: UUID
    client: Any = field(repr=False)
    began: datetime
    is_well: bool
    """Whether the connection had no trouble when we began."""

    @property
    def module(self) -> CalendarModule:
        """The provider's calendar module."""
        return registry.calendar(self.provider)

    @property
    def provider_name(self) -> str:
        """The provider's name, as people know it."""
        return registry.get_manifest(self.provider).name


def take(kernel: Kernel, work: UnitOfWork, calendar: Calendar, connection: Connection) -> Hold:
    """Hold a calendar that nobody holds; the caller has locked it.

    Raises:
        NeedsReauth: the connection holds no credential.
        TokenRunOut: its token is over.
    """
    hold = Hold(
        tenant_id=work.tenant_id,
        calendar_id=calendar.id,
        connection_id=connection.id,
        provider=connection.provider,
        external_id=calendar.external_id,
        lease_token=new_id(),
        client=connections.open_client(kernel, work, connection),
        began=kernel.clock.now(),
        is_well=connection.status is ConnectionStatus.ACTIVE and not connection.error_count,
    )
    calendar.lease_token = hold.lease_token
    prolong(kernel, calendar)
    return hold


def prolong(kernel: Kernel, calendar: Calendar) -> None:
    """Show a sign of life."""
    calendar.lease_until = in_seconds(kernel.settings.lease_seconds)


def release(work: UnitOfWork, calendar: Calendar, *, now: datetime) -> None:
    """Let a calendar go, its next times set, and wake whoever found it held meanwhile."""
    calendar.lease_token = calendar.lease_until = None
    if calendar.next_attempt_at <= now:
        work.wake("sync_calendar", calendar.id)
    if calendar.subscribe_due_at is not None and calendar.subscribe_due_at <= now:
        work.wake("renew_subscription", calendar.id)


def lock_held(work: UnitOfWork, hold: Hold) -> Calendar:
    """Return the calendar, locked.

    Raises:
        LeaseLost
    """
    calendar = repository.lock_held(work, hold.calendar_id, hold.lease_token)
    if calendar is None:
        raise LeaseLost
    return calendar


def crashed(what: str) -> RetryLater:
    """Log a bug in a provider's module, and return it as trouble that may pass."""
    logger.exception("calendar.call.crashed", call=what)
    return RetryLater("An error in Patchbay; see the server's log.", ambiguous=True)


def note_outcome(kernel: Kernel, hold: Hold, error: PatchbayError | None) -> None:
    """Keep the connection's state true to a call; in a transaction of its own, as that locks the connection."""
    if error is None and hold.is_well:
        return
    with kernel.unit_of_work(hold.tenant_id) as work:
        connection = repository.find_connection(work, hold.connection_id)
        if connection is None:
            return
        if error is None:
            connections.note_success(work, connection, now=kernel.clock.now())
        elif connections.is_about_connection(error):
            connections.note_failure(work, connection, error, now=kernel.clock.now())
        else:
            connections.note_busy(work, connection, error, is_send=False, now=kernel.clock.now())
