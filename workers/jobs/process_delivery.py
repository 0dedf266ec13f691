"""Job ``process_delivery``."""

from uuid import UUID

from services.webhooks import process_delivery
from workers.jobs.process import get_kernel


def run(tenant_id: str, row_id: str) -> None:
    """Give a stored delivery its effects. Doing it twice does no harm."""
    process_delivery(get_kernel(), tenant_id=UUID(tenant_id), delivery_id=UUID(row_id))
