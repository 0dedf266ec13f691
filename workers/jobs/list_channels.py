"""Job ``list_channels``."""

from uuid import UUID

from services.channels import work_listing
from workers.jobs.process import get_kernel


def run(tenant_id: str, row_id: str) -> None:
    """Read a connection's channels from the provider. Doing it twice does no harm."""
    work_listing(get_kernel(), tenant_id=UUID(tenant_id), listing_id=UUID(row_id))
