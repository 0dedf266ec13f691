"""Job ``delete_tenant``."""

import contextlib
from uuid import UUID

from services.kernel.errors import NotFound
from services.tenants import finish_deletion
from workers.jobs.process import get_kernel


def run(tenant_id: str, row_id: str) -> None:
    """Go on with the deletion of a tenant. Doing it twice does no harm."""
    if UUID(row_id) != UUID(tenant_id):
        return
    with contextlib.suppress(NotFound):  # it is gone
        finish_deletion(get_kernel(), tenant_id=UUID(tenant_id))
