"""Job ``observe_health``."""

from uuid import UUID

from services.health import observe
from workers.jobs.process import get_kernel


def run(tenant_id: str, row_id: str) -> None:
    """Look at a connection for what needs a person. Doing it twice does no harm."""
    observe(get_kernel(), tenant_id=UUID(tenant_id), connection_id=UUID(row_id))
