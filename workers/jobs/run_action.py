"""Job ``run_action``."""

from uuid import UUID

from services.actions import run_action
from workers.jobs.process import get_kernel


def run(tenant_id: str, row_id: str) -> None:
    """Carry an action out that a person approved, or end one that was cut off. Doing it twice does no harm."""
    run_action(get_kernel(), tenant_id=UUID(tenant_id), run_id=UUID(row_id))
