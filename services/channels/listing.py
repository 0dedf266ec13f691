"""Reads a provider's list of channels, page by page. A round that was cut off goes on with its next page."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from models import ChannelListing, ChannelPolicy, Connection
from services import attempts, connections
from services.channels import repository
from services.kernel.db import UnitOfWork
from services.kernel.errors import Conflict, NotFound, PatchbayError
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.leases import in_seconds
from services.kernel.log import bind_context, get_logger
from services.provider_kit import registry
from services.provider_kit.contract import Capability, SharedChannelPage
from services.tenants import Actor, Permission, require

logger = get_logger(__name__)

ROUND_EVERY = timedelta(days=1)
ASKED_AT_MOST_EVERY = timedelta(seconds=30)
PAGES_PER_JOB = 25


@dataclass(frozen=True, slots=True)
class _Claim:
    """A listing that this worker holds."""

    listing_id: UUID
    lease_token: UUID
    connection: Connection
    cursor: str
    client: Any


def request_listing(kernel: Kernel, *, actor: Actor, connection_id: UUID) -> None:
    """Have a connection's channels read again; a round under way, or one just ended, is enough.

    Raises:
        NotFound: no such connection, or it has no shared channels.
        Conflict: the connection does not work now.
        Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    now = kernel.clock.now()
    with kernel.unit_of_work(actor.tenant_id) as work:
        connection = get_connection(work, connection_id)
        if connection.status not in connections.WORKING:
            raise Conflict("The connection does not work now. Repair it first.", code="not_working")
        listing = repository.find_listing(work, connection_id)
        if listing is None:
            raise NotFound("This connection has no channels to choose.", code="no_channels")
        is_fresh = listing.finished_at is not None and now - listing.finished_at < ASKED_AT_MOST_EVERY
        if listing.began_at is None and not is_fresh:
            listing.next_attempt_at = in_seconds(0)
            listing.attempt = 0
            work.session.add(listing)
            work.wake("list_channels", listing.id)
            work.notify("connection", connection_id)


def work_listing(kernel: Kernel, *, tenant_id: UUID, listing_id: UUID) -> None:
    """Read pages until the round is over, or the job has had its share. Running it twice does no harm."""
    for _ in range(PAGES_PER_JOB):
        try:
            claim = connections.with_fresh_token(
                kernel, tenant_id=tenant_id, attempt=lambda work: _claim(kernel, work, listing_id)
            )
        except PatchbayError as error:
            logger.info("channels.listing.waits", outcome=error.code)
            return
        if claim is None:
            return
        with bind_context(tenant_id=tenant_id, connection_id=claim.connection.id):
            if not _read_page(kernel, tenant_id, claim):
                return


def get_connection(work: UnitOfWork, connection_id: UUID) -> Connection:
    """Return a connection that has shared channels.

    Raises:
        NotFound
    """
    connection = repository.find_connection(work, connection_id)
    if connection is None:
        raise NotFound("There is no such connection.", code="unknown_connection")
    if Capability.SHARED not in registry.get_manifest(connection.provider).capabilities:
        raise NotFound("This connection has no channels to choose.", code="no_channels")
    return connection


def _claim(kernel: Kernel, work: UnitOfWork, listing_id: UUID) -> _Claim | None:
    listing = repository.lock_due_listing(work, listing_id)
    if listing is None:
        return None
    connection = repository.find_connection(work, listing.connection_id)
    if connection is None or connection.status not in connections.WORKING:
        return None
    if wait := connections.wait_for_call(work, connection):
        listing.next_attempt_at, listing.error_text = wait.until, wait.words
        work.session.add(listing)
        return None
    client = connections.open_client(kernel, work, connection)
    token = new_id()
    listing.lease_token = token
    listing.lease_until = in_seconds(kernel.settings.lease_seconds)
    listing.attempt += 1
    if listing.began_at is None:
        listing.began_at, listing.cursor, listing.listed_count = kernel.clock.now(), "", 0
    work.session.add(listing)
    return _Claim(listing.id, token, connection, listing.cursor, client)


def _read_page(kernel: Kernel, tenant_id: UUID, claim: _Claim) -> bool:
    """Read one page and keep it; return whether another one follows."""
    try:
        page = registry.shared(claim.connection.provider).list_page(claim.client, cursor=claim.cursor)
    except PatchbayError as error:
        _fail(kernel, tenant_id, claim, error)
        return False
    now = kernel.clock.now()
    with kernel.unit_of_work(tenant_id) as work:
        listing = repository.lock_held_listing(work, claim.listing_id, claim.lease_token)
        if listing is None:
            return False
        keep_channels(work, claim.connection.id, page, now=now)
        connections.note_success(work, claim.connection, now=now)
        listing.lease_token = listing.lease_until = None
        listing.attempt, listing.error_text = 0, ""
        listing.cursor = page.next_cursor
        listing.listed_count += len(page.channels)
        if not page.next_cursor:
            _end_round(work, listing, now)
        work.session.add(listing)
        work.notify("connection", claim.connection.id)
        return bool(page.next_cursor)


def keep_channels(work: UnitOfWork, connection_id: UUID, page: SharedChannelPage, *, now: datetime) -> None:
    """Store what the provider lists; rules stay as they are."""
    known = repository.find_by_external_ids(work, connection_id, [channel.id for channel in page.channels])
    for channel in page.channels:
        row = known.get(channel.id) or ChannelPolicy(
            tenant_id=work.tenant_id,
            id=new_id(),
            connection_id=connection_id,
            external_id=channel.id,
            updated_at=now,
        )
        row.name, row.is_private, row.is_member = channel.name, channel.is_private, channel.is_member
        row.people_count = channel.people_count
        row.listed_at = now
        work.session.add(row)
    work.session.flush()


def _end_round(work: UnitOfWork, listing: ChannelListing, now: datetime) -> None:
    if listing.began_at is not None:
        repository.drop_unlisted(work, listing.connection_id, since=listing.began_at)
    listing.began_at, listing.finished_at = None, now
    listing.next_attempt_at = in_seconds(ROUND_EVERY.total_seconds())


def _fail(kernel: Kernel, tenant_id: UUID, claim: _Claim, error: PatchbayError) -> None:
    with kernel.unit_of_work(tenant_id) as work:
        listing = repository.lock_held_listing(work, claim.listing_id, claim.lease_token)
        if listing is None:
            return
        seconds = attempts.seconds_until_retry(kernel.settings, error, attempt=listing.attempt)
        if seconds is None:  # not this round; the next one begins anew
            seconds = ROUND_EVERY.total_seconds()
            listing.began_at = None
            listing.attempt = 0
        listing.next_attempt_at = in_seconds(seconds)
        listing.lease_token = listing.lease_until = None
        listing.error_text = error.message
        work.session.add(listing)
        connection = repository.find_connection(work, claim.connection.id)
        if connection is not None and connections.is_about_connection(error):
            connections.note_failure(work, connection, error, now=kernel.clock.now())
        elif connection is not None:
            connections.note_busy(work, connection, error, is_send=False)
        work.notify("connection", claim.connection.id)
