"""Job ``send_message``."""

from uuid import UUID

from services.sending import send_message
from workers.jobs.process import get_kernel


def run(tenant_id: str, row_id: str) -> None:
    """Send a message from the outbox. Doing it twice does no harm."""
    send_message(get_kernel(), tenant_id=UUID(tenant_id), message_id=UUID(row_id))
