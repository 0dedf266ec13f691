"""Retention: deliveries lose their content for their age, once a day, in batches.

The row itself stays as long as its connection is in use: it is what tells that a captured request, sent again months
later, was taken before. It goes with a connection that was disconnected that long ago.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import Session

from services.kernel.kernel import Kernel
from services.kernel.log import bind_context, get_logger
from services.webhooks import prune_repository

logger = get_logger(__name__)

BATCH = 500
BATCHES_PER_JOB = 100
"""A job ends after that many, and wakes another one."""
JOB = "prune_deliveries"


def list_unpruned(kernel: Kernel, session: Session, *, limit: int) -> Sequence[tuple[UUID, UUID]]:
    """Return (id, id) of the tenants whose deliveries are to be looked through today; runs unscoped."""
    return prune_repository.list_unpruned(session, before=_cutoff(kernel), limit=limit)


def prune_deliveries(kernel: Kernel, *, tenant_id: UUID) -> int:
    """Delete the content of a tenant's deliveries that are older than the setting; return how many there were.

    Running it twice does no harm.
    """
    before, pruned = _cutoff(kernel), 0
    for _ in range(BATCHES_PER_JOB):
        with kernel.unit_of_work(tenant_id) as work:
            since = prune_repository.find_pruned_until(work)
            if since is not None and since >= before:
                break
            now = kernel.clock.now()
            count = prune_repository.empty_batch(work, since=since, before=before, now=now, limit=BATCH)
            count += prune_repository.delete_batch(work, before=before, limit=BATCH)
            if not count:
                prune_repository.note_pruned_until(work, before)
                break
            pruned += count
    else:
        with kernel.unit_of_work(tenant_id) as work:
            work.wake(JOB, tenant_id)
    if pruned:
        with bind_context(tenant_id=tenant_id):
            logger.info("webhooks.deliveries.pruned", count=pruned)
    return pruned


def _cutoff(kernel: Kernel) -> datetime:
    """Return the beginning of the day before which deliveries are pruned; the same all day long."""
    midnight = kernel.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=kernel.settings.delivery_retention_days)
