"""Job ``check_connection``."""

from uuid import UUID

from services.connections import check_connection
from workers.jobs.process import get_kernel


def run(tenant_id: str, row_id: str) -> None:
    """Prove a connection that is due for it. Doing it twice does no harm."""
    check_connection(get_kernel(), tenant_id=UUID(tenant_id), connection_id=UUID(row_id))
