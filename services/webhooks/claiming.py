"""Claims deliveries: many that are new at once, or one that was tried before.

What was tried before is suspect: a batch that was cut off held innocents and perhaps a killer, so each of them is
tried again alone. A connection is worked on by one worker at a time, and what a dead worker held of it comes before
what is new: effects keep the order of arrival. See docs/decisions/0016.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from models import Connection, WebhookDelivery
from services.kernel.db import UnitOfWork
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.leases import in_seconds
from services.webhooks import repository
from services.webhooks.batches import Batch, Item
from services.webhooks.outcomes import MOST_CUT_OFFS, cut_off_for_good

BATCH = 200
_PATIENCE = 2
"""A delivery that was cut off that often holds up its connection no longer."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A delivery whose last attempt has not ended: a worker is at it, or it was cut off."""

    id: UUID
    connection_id: UUID
    cut_offs: int
    is_free: bool
    """Whether its lease ran out."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What may be claimed beside what has begun."""

    cut_off: Begun | None
    """The earliest delivery that was cut off and whose connection nobody works on."""
    held: frozenset[UUID]
    """Connections that a worker is at: nothing of theirs is claimed."""
    behind: frozenset[UUID]
    """Those, and connections with deliveries that were cut off: nothing new of theirs is claimed."""


def plan(begun: Iterable[Begun]) -> Plan:
    """Return what may be claimed, from what has begun, by arrival."""
    rows = list(begun)
    held = frozenset(row.connection_id for row in rows if not row.is_free and row.cut_offs < _PATIENCE)
    behind = held | {row.connection_id for row in rows if row.is_free and row.cut_offs < _PATIENCE}
    free = (row for row in rows if row.is_free and row.connection_id not in held)
    return Plan(next(free, None), held, behind)


def claim(kernel: Kernel, tenant_id: UUID, *, new_first: bool) -> Batch | None:
    """Lease deliveries in a transaction of its own, so that an attempt counts even if it kills the worker.

    Args:
        kernel: the process's seams.
        tenant_id: whose.
        new_first: look for new ones first, then for a suspect one; else the other way round.

    Returns:
        None if nothing can be claimed now.
    """
    with kernel.unit_of_work(tenant_id) as work:
        if not repository.has_due(work):
            return None
        repository.lock_claims(work)
        now = plan(Begun(*row) for row in repository.list_begun(work))
        new = repository.list_new(work, except_of=now.behind, limit=BATCH) if new_first else ()
        suspect = () if new else _suspect(work, now)
        new = new or (() if suspect else repository.list_new(work, except_of=now.behind, limit=BATCH))
        if not (new or suspect):
            return None
        if len(new) == BATCH:
            new = [row for row in new if row[1] == new[0][1]]  # another worker can take the other connections
            work.wake("process_delivery", new[0][0])
        return _take(kernel, work, suspect or [row[0] for row in new], plan=now, was_suspect=bool(suspect))


def _suspect(work: UnitOfWork, now: Plan) -> Sequence[UUID]:
    if now.cut_off:
        return [now.cut_off.id]
    return repository.list_retries(work, except_of=now.held, limit=1)


def _take(kernel: Kernel, work: UnitOfWork, ids: Sequence[UUID], *, plan: Plan, was_suspect: bool) -> Batch:
    token = new_id()
    now = kernel.clock.now()
    was_cut_off = bool(plan.cut_off and plan.cut_off.id in ids)
    if was_cut_off and plan.cut_off and plan.cut_off.cut_offs + 1 >= MOST_CUT_OFFS:
        cut_off_for_good(work, ids[0], now=now)
        return Batch(work.tenant_id, token, (), was_suspect)
    until = in_seconds(kernel.settings.lease_seconds)
    rows = repository.lease(work, ids, token=token, until=until, now=now, cut_offs=int(was_cut_off))
    connections = repository.list_connections(work, {row.connection_id for row in rows})
    return Batch(work.tenant_id, token, tuple(_items(rows, connections)), was_suspect)


def _items(rows: Sequence[WebhookDelivery], connections: dict[UUID, Connection]) -> Iterable[Item]:
    return (Item(row, connections[row.connection_id]) for row in sorted(rows, key=lambda row: row.id))
