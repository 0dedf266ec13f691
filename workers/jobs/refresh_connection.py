"""Job ``refresh_connection``."""

from uuid import UUID

from services.connections import refresh_connection
from workers.jobs.process import get_kernel


def run(tenant_id: str, row_id: str) -> None:
    """Renew a connection's token before it ends. Doing it twice does no harm."""
    refresh_connection(get_kernel(), tenant_id=UUID(tenant_id), connection_id=UUID(row_id))
