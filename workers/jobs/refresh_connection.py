"""Job ``refresh_connection``."""

from contextlib import suppress
from uuid import UUID

from services.connections import refresh_connection
from services.kernel.errors import NotFound
from workers.jobs.process import get_kernel


def run(tenant_id: str, row_id: str) -> None:
    """Renew a connection's token before it ends. Doing it twice does no harm."""
    with suppress(NotFound):  # deleted since it was woken
        refresh_connection(get_kernel(), tenant_id=UUID(tenant_id), connection_id=UUID(row_id))
