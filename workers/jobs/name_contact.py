"""Job ``name_contact``."""

from uuid import UUID

from services.conversations import name_contact
from workers.jobs.process import get_kernel


def run(tenant_id: str, row_id: str) -> None:
    """Ask the provider who a contact is. Doing it twice does no harm."""
    name_contact(get_kernel(), tenant_id=UUID(tenant_id), contact_id=UUID(row_id))
