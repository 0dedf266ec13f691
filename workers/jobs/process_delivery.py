"""Job ``process_delivery``."""

from uuid import UUID

from services.kernel.db import Wake
from services.webhooks import work_along
from workers.jobs.process import get_kernel


def run(tenant_id: str, row_id: str) -> None:
    """Give the tenant's stored deliveries their effects. Doing it twice does no harm."""
    work_along(get_kernel(), Wake("process_delivery", UUID(tenant_id), UUID(row_id)))
