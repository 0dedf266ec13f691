"""Job ``send_notice``."""

from uuid import UUID

from services.health import send_notice
from workers.jobs.process import get_kernel


def run(tenant_id: str, row_id: str) -> None:
    """Tell owners what was found. Doing it twice does no harm."""
    send_notice(get_kernel(), tenant_id=UUID(tenant_id), notice_id=UUID(row_id))
