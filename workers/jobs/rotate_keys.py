"""Job ``rotate_keys``."""

from contextlib import suppress
from uuid import UUID

from services.kernel.errors import NotFound
from services.vault import resume_rotation
from workers.jobs.process import get_kernel


def run(tenant_id: str, row_id: str) -> None:
    """Take the next steps of a rotation. Doing it twice does no harm."""
    with suppress(NotFound):  # deleted since it was woken
        resume_rotation(get_kernel(), tenant_id=UUID(tenant_id), rotation_id=UUID(row_id))
