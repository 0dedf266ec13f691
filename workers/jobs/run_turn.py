"""Job ``run_turn``."""

from uuid import UUID

from services.kernel.db import Wake
from services.webhooks import work_along
from workers.jobs.process import get_kernel


def run(tenant_id: str, row_id: str) -> None:
    """Answer what is due in the tenant's conversations. Doing it twice does no harm."""
    work_along(get_kernel(), Wake("run_turn", UUID(tenant_id), UUID(row_id)))
