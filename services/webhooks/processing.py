"""From stored deliveries to their effects: claimed, read, and settled in batches. See docs/decisions/0016."""

from services.kernel.db import Wake
from services.kernel.draining import drain_tenant
from services.kernel.kernel import Kernel
from services.kernel.log import bind_context
from services.webhooks.claiming import claim
from services.webhooks.reading import read
from services.webhooks.settling import settle


def drain_deliveries(kernel: Kernel, wake: Wake) -> None:
    """Give a tenant's deliveries their effects. Doing it twice does no harm."""
    was_suspect = False

    def take() -> int:
        nonlocal was_suspect
        batch = claim(kernel, wake.tenant_id, new_first=was_suspect)
        if batch is None:
            return 0
        was_suspect = batch.was_suspect
        if batch.items:
            read(kernel, batch)
            settle(kernel, batch, batch.items)
        return max(len(batch.items), 1)

    with bind_context(tenant_id=wake.tenant_id):
        drain_tenant(kernel, wake, take)
