"""Job ``run_turn``."""

from uuid import UUID

from services.turns import run_turns
from workers.jobs.process import get_kernel


def run(tenant_id: str, row_id: str) -> None:
    """Answer what is due in a conversation. Doing it twice does no harm."""
    run_turns(get_kernel(), tenant_id=UUID(tenant_id), conversation_id=UUID(row_id))
