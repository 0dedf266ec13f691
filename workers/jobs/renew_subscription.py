"""Job ``renew_subscription``."""

from uuid import UUID

from services.calendar import renew_subscription
from workers.jobs.process import get_kernel


def run(tenant_id: str, row_id: str) -> None:
    """Renew a calendar's subscription at its provider before it expires. Doing it twice does no harm."""
    renew_subscription(get_kernel(), tenant_id=UUID(tenant_id), calendar_id=UUID(row_id))
