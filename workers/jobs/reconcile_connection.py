"""Job ``reconcile_connection``."""

from uuid import UUID

from services.webhooks import reconcile_connection
from workers.jobs.process import get_kernel


def run(tenant_id: str, row_id: str) -> None:
    """Fetch what a provider could not deliver through a connection. Doing it twice does no harm."""
    reconcile_connection(get_kernel(), tenant_id=UUID(tenant_id), connection_id=UUID(row_id))
