"""Job ``archive_conversations``."""

from uuid import UUID

from services.errands import archive_conversations
from workers.jobs.process import get_kernel


def run(tenant_id: str, row_id: str) -> None:
    """Put a tenant's old conversations away. Doing it twice does no harm."""
    if UUID(row_id) != UUID(tenant_id):
        return
    archive_conversations(get_kernel(), tenant_id=UUID(tenant_id))
