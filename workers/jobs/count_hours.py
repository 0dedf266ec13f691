"""Job ``count_hours``."""

from uuid import UUID

from services.analytics import count_hours
from workers.jobs.process import get_kernel


def run(tenant_id: str, row_id: str) -> None:
    """Count what became of a tenant's messages, for the hours that are over. Doing it twice does no harm."""
    if UUID(row_id) != UUID(tenant_id):
        return
    count_hours(get_kernel(), tenant_id=UUID(tenant_id))
