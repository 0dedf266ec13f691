"""Job ``rehearse_turn``."""

from uuid import UUID

from services.turns import run_rehearsal
from workers.jobs.process import get_kernel


def run(tenant_id: str, row_id: str) -> None:
    """Draft an answer that is not sent. Doing it twice does no harm."""
    run_rehearsal(get_kernel(), tenant_id=UUID(tenant_id), rehearsal_id=UUID(row_id))
