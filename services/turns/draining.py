"""A tenant's turns, drained: all conversations in which one is due."""

from uuid import UUID

from services.kernel.db import Wake
from services.kernel.draining import drain_tenant
from services.kernel.kernel import Kernel
from services.turns import repository
from services.turns.service import run_turns

_BATCH = 20


def drain_turns(kernel: Kernel, wake: Wake) -> None:
    """Answer what is due in a tenant's conversations. Doing it twice does no harm."""
    tried: set[UUID] = set()

    def take() -> int:
        with kernel.unit_of_work(wake.tenant_id) as work:
            due = repository.list_due_conversations(work, except_for=tried, limit=_BATCH)
        for conversation_id in due:
            tried.add(conversation_id)
            run_turns(kernel, tenant_id=wake.tenant_id, conversation_id=conversation_id)
        return len(due)

    drain_tenant(kernel, wake, take)
