"""A tenant's outbox, drained: all messages that may leave."""

from uuid import UUID

from services.kernel.db import Wake
from services.kernel.draining import drain_tenant
from services.kernel.kernel import Kernel
from services.sending import repository
from services.sending.service import send_message

_BATCH = 20


def drain_messages(kernel: Kernel, wake: Wake) -> None:
    """Send what a tenant has in its outbox. Doing it twice does no harm."""
    tried: set[UUID] = set()

    def take() -> int:
        with kernel.unit_of_work(wake.tenant_id) as work:
            due = repository.list_sendable(work, except_for=tried, limit=_BATCH)
        for message_id in due:
            tried.add(message_id)
            send_message(kernel, tenant_id=wake.tenant_id, message_id=message_id)
        return len(due)

    drain_tenant(kernel, wake, take)
