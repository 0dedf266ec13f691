"""Fetches what a provider had for us and could not deliver, for providers that never send anything again.

What is found goes in by the same door as a webhook: the same body, the same dedupe key, and from there on the same way.
Looking is due every ten minutes; after an outage it is overdue, and so the first thing that happens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from models import Connection, Reconciliation
from services import connections
from services.kernel.db import UnitOfWork
from services.kernel.errors import InvalidInput, PatchbayError
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.leases import in_seconds
from services.kernel.log import bind_context, get_logger
from services.provider_kit import registry
from services.provider_kit.contract import Capability, MissedPage, MissedRequest, WebhookRequest
from services.webhooks import reconcile_repository
from services.webhooks.ingest import Ingest, NewDelivery

logger = get_logger(__name__)

JOB = "reconcile_connection"
EVERY = timedelta(minutes=10)
OVERLAP = timedelta(minutes=5)
"""How much of what was looked at before is looked at again: a provider lists some things late."""
IN_FLIGHT = timedelta(minutes=1)
"""What is younger is still on its way to us."""
LONGEST_BACK = timedelta(hours=24)
"""What is older is left alone: nobody waits for that answer any more."""
MOST_PAGES = 20
"""Of one job; the next goes on there."""
ORIGIN: Mapping[str, str] = MappingProxyType({"patchbay-origin": "fetched"})
"""Stands among a delivery's headers if we fetched it; no sender can put it there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Walk:
    """One look at a connection's list, which is ours alone for a while."""

    connection: Connection
    lease_token: UUID
    since: datetime
    until: datetime
    cursor: str
    addresses: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What a walk has come to."""

    requests: Sequence[MissedRequest]
    was_asked: bool
    """Whether the provider was asked at all."""
    cursor: str
    """Where to go on; empty if the list is at its end."""


def is_fetched(headers: Mapping[str, str]) -> bool:
    """Return whether a stored request was fetched, and not delivered."""
    return ORIGIN.items() <= headers.items()


def reconciled_providers() -> frozenset[str]:
    """Return the providers whose lists are looked at."""
    return frozenset(item.slug for item in registry.list_manifests() if Capability.RECONCILE in item.capabilities)


def reconcile_connection(kernel: Kernel, *, tenant_id: UUID, connection_id: UUID) -> None:
    """Store what a provider had for a connection and we have not, if looking is due. Twice does no harm."""
    try:
        walk = _begin(kernel, tenant_id, connection_id)
        if walk is None:
            return
        with bind_context(tenant_id=tenant_id, connection_id=connection_id):
            seen = _look(kernel, walk)
            stored = _store(kernel, walk, seen.requests)
            _settle(kernel, walk, seen, stored=stored)
    except PatchbayError as error:
        logger.info("webhooks.reconcile.failed", code=error.code)
        _note_failure(kernel, tenant_id, connection_id, error)


def _begin(kernel: Kernel, tenant_id: UUID, connection_id: UUID) -> _Walk | None:
    now, token = kernel.clock.now(), new_id()
    with kernel.unit_of_work(tenant_id) as work:
        connection = reconcile_repository.find_connection(work, connection_id)
        if connection is None or connection.status not in connections.WORKING:
            return None
        if connection.provider not in reconciled_providers():
            return None
        begun = max(connection.connected_at or now, now - LONGEST_BACK)
        reconcile_repository.ensure(work, connection_id, complete_until=begun)
        row = reconcile_repository.lock_due(work, connection_id)
        if row is None:
            return None
        if wait := connections.wait_for_call(work, connection, may_probe=False):
            row.next_attempt_at = in_seconds(wait.wait.total_seconds())
            return None
        row.lease_token, row.lease_until = token, in_seconds(kernel.settings.lease_seconds)
        row.walk_until = row.walk_until or now - IN_FLIGHT
        row.next_attempt_at = in_seconds(EVERY.total_seconds())
        return _Walk(
            connection=connection,
            lease_token=token,
            since=_to_the_second(
                max(row.complete_until - OVERLAP, connection.connected_at or begun, now - LONGEST_BACK)
            ),
            until=row.walk_until,
            cursor=row.cursor,
            addresses=reconcile_repository.list_addresses(work, connection_id),
        )


def _to_the_second(at: datetime) -> datetime:
    """Return a time as providers write it, or what came in that very second would be too old."""
    return at.replace(microsecond=0)


def _look(kernel: Kernel, walk: _Walk) -> _Seen:
    """Read the provider's list, outside any transaction, until its end or for as long as one job may."""
    connection = walk.connection
    if Capability.CHANNELS in registry.get_manifest(connection.provider).capabilities and not walk.addresses:
        return _Seen(requests=(), was_asked=False, cursor="")

    def open_client(work: UnitOfWork) -> Any:
        return connections.open_client(kernel, work, connection)

    client = connections.with_fresh_token(kernel, tenant_id=connection.tenant_id, attempt=open_client)
    module, cursor = registry.reconcile(connection.provider), walk.cursor
    found: list[MissedRequest] = []
    for _ in range(MOST_PAGES):
        page: MissedPage = module.list_missed(client, since=walk.since, addresses=walk.addresses, cursor=cursor)
        found += [item for item in page.requests if walk.since <= item.at <= walk.until]
        cursor = page.next_cursor
        if not cursor:
            break
    found.reverse()  # the latest came first; two in the same second stay in order
    return _Seen(requests=sorted(found, key=lambda item: item.at), was_asked=True, cursor=cursor)


def _store(kernel: Kernel, walk: _Walk, requests: Sequence[MissedRequest]) -> int:
    """Store what is not known yet, the oldest first, and wake workers; return how many that were."""
    found = [delivery for item in requests if (delivery := _delivery(kernel, walk.connection, item))]
    with kernel.unit_of_work(walk.connection.tenant_id) as work:
        known = reconcile_repository.list_known(work, walk.connection.id, [item.dedupe_key for item in found])
    missed = [item for item in found if item.dedupe_key not in known]
    if missed:
        ingest = Ingest(kernel)
        ingest.announce(ingest.store(missed))
        logger.info("webhooks.reconcile.fetched", provider=walk.connection.provider, count=len(missed))
    return len(missed)


def _delivery(kernel: Kernel, connection: Connection, item: MissedRequest) -> NewDelivery | None:
    """Return a request as the door stores it; None if the provider's own module cannot read it."""
    manifest, module = registry.get_manifest(connection.provider), registry.webhooks(connection.provider)
    content_type = next(kind.content_types[0] for kind in manifest.webhooks if kind.name == item.kind)
    headers = {**item.headers, "content-type": content_type}
    request = WebhookRequest(kind=item.kind, url=kernel.settings.public_url, headers=headers, body=item.body)
    try:
        dedupe_key = module.dedupe_key(request)
    except InvalidInput:
        logger.info("webhooks.reconcile.unreadable", provider=connection.provider)
        return None
    return NewDelivery(
        id=new_id(),
        tenant_id=connection.tenant_id,
        connection_id=connection.id,
        provider=connection.provider,
        kind=item.kind,
        event_type=module.event_type(request)[:200],
        dedupe_key=f"{item.kind}:{dedupe_key}"[:400],
        headers={**headers, **ORIGIN},
        query="",
        body=item.body,
    )


def _settle(kernel: Kernel, walk: _Walk, seen: _Seen, *, stored: int) -> None:
    now = kernel.clock.now()
    with kernel.unit_of_work(walk.connection.tenant_id) as work:
        row = reconcile_repository.lock_held(work, walk.connection.id, walk.lease_token)
        if row is None:
            return  # it took too long, and somebody else looks; what was stored is known to them
        connection = reconcile_repository.find_connection(work, walk.connection.id)
        if connection and seen.was_asked:
            connections.note_success(work, connection, now=now)
        row.cursor, row.note, row.attempt = seen.cursor, "", 0
        row.lease_token = row.lease_until = None
        if stored:
            row.found, row.found_at = row.found + stored, now
        if seen.cursor:
            row.next_attempt_at = in_seconds(0)
            work.wake(JOB, walk.connection.id)
        else:
            row.complete_until, row.walk_until = walk.until, None


def _note_failure(kernel: Kernel, tenant_id: UUID, connection_id: UUID, error: PatchbayError) -> None:
    """Note why looking failed; it is due again in ten minutes, from where it was."""
    with kernel.unit_of_work(tenant_id) as work:
        connection = reconcile_repository.find_connection(work, connection_id)
        row = reconcile_repository.find(work, connection_id)
        if connection is None or row is None:
            return
        connections.note_failure(work, connection, error, now=kernel.clock.now())
        _let_go(row, error)


def _let_go(row: Reconciliation, error: PatchbayError) -> None:
    row.attempt += 1
    row.note = error.message
    row.cursor, row.walk_until = "", None  # a cursor may be what was refused
    row.lease_token = row.lease_until = None
