"""A tenant's inbox, drained: all deliveries that are due."""

from uuid import UUID

from services.kernel.db import Wake
from services.kernel.draining import drain_tenant
from services.kernel.kernel import Kernel
from services.webhooks import repository
from services.webhooks.processing import process_delivery

_BATCH = 20


def drain_deliveries(kernel: Kernel, wake: Wake) -> None:
    """Give a tenant's deliveries their effects. Doing it twice does no harm."""
    tried: set[UUID] = set()

    def take() -> int:
        with kernel.unit_of_work(wake.tenant_id) as work:
            due = repository.list_processable(work, except_for=tried, limit=_BATCH)
        for delivery_id in due:
            tried.add(delivery_id)
            process_delivery(kernel, tenant_id=wake.tenant_id, delivery_id=delivery_id)
        return len(due)

    drain_tenant(kernel, wake, take)
