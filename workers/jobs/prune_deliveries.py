"""Job ``prune_deliveries``."""

from uuid import UUID

from services.webhooks import prune_deliveries
from workers.jobs.process import get_kernel


def run(tenant_id: str, row_id: str) -> None:
    """Delete the content of a tenant's old deliveries. Doing it twice does no harm."""
    if UUID(row_id) != UUID(tenant_id):
        return
    prune_deliveries(get_kernel(), tenant_id=UUID(tenant_id))
