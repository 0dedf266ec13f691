"""Job ``send_message``."""

from uuid import UUID

from services.kernel.db import Wake
from services.sending import drain_messages
from workers.jobs.process import get_kernel


def run(tenant_id: str, row_id: str) -> None:
    """Send what the tenant has in its outbox. Doing it twice does no harm."""
    drain_messages(get_kernel(), Wake("send_message", UUID(tenant_id), UUID(row_id)))
