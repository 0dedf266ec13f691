"""Job ``sync_calendar``."""

from uuid import UUID

from services.calendar import sync_calendar
from workers.jobs.process import get_kernel


def run(tenant_id: str, row_id: str) -> None:
    """Read what changed in a calendar. Doing it twice does no harm."""
    sync_calendar(get_kernel(), tenant_id=UUID(tenant_id), calendar_id=UUID(row_id))
