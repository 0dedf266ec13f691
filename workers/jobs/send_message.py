"""Job ``send_message``."""

from uuid import UUID

from services.kernel.db import Wake
from services.webhooks import work_along
from workers.jobs.process import get_kernel


def run(tenant_id: str, row_id: str) -> None:
    """Send what the tenant has in its outbox. Doing it twice does no harm."""
    work_along(get_kernel(), Wake("send_message", UUID(tenant_id), UUID(row_id)))
