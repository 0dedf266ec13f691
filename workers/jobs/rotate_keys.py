"""Job ``rotate_keys``."""

from uuid import UUID

from services.vault import resume_rotation
from workers.jobs.process import get_kernel


def run(tenant_id: str, row_id: str) -> None:
    """Take the next steps of a rotation. Doing it twice does no harm."""
    resume_rotation(get_kernel(), tenant_id=UUID(tenant_id), rotation_id=UUID(row_id))
