"""Job ``end_connection``."""

from uuid import UUID

from services.connections import end_connection
from workers.jobs.process import get_kernel


def run(tenant_id: str, row_id: str) -> None:
    """Go on with a disconnect that was cut off. Doing it twice does no harm."""
    end_connection(get_kernel(), tenant_id=UUID(tenant_id), connection_id=UUID(row_id))
