"""Puts away conversations in which nobody has written for long. They come back when somebody does."""

from datetime import timedelta
from uuid import UUID

from models import ConversationState
from services.conversations import change_state
from services.errands import repository
from services.kernel.kernel import Kernel
from services.kernel.log import bind_context, get_logger

logger = get_logger(__name__)

JOB = "archive_conversations"
BATCH = 200
BATCHES_PER_JOB = 50
"""A job ends after that many, and wakes another one."""


def archive_conversations(kernel: Kernel, *, tenant_id: UUID) -> int:
    """Archive a tenant's old conversations; return how many there were.

    Leaves alone what a person holds or is waited for, and where a turn, an answer or an action is open. Running it
    twice does no harm.
    """
    days, archived = kernel.settings.archive_after_days, 0
    if not days:
        return 0
    for _ in range(BATCHES_PER_JOB):
        count = _archive_batch(kernel, tenant_id, days=days)
        archived += count
        if count < BATCH:
            break
    else:
        with kernel.unit_of_work(tenant_id) as work:
            work.wake(JOB, tenant_id)
    if archived:
        with bind_context(tenant_id=tenant_id):
            logger.info("errands.conversations.archived", count=archived)
    return archived


def _archive_batch(kernel: Kernel, tenant_id: UUID, *, days: float) -> int:
    now = kernel.clock.now()
    with kernel.unit_of_work(tenant_id) as work:
        found = repository.lock_old(work, before=now - timedelta(days=days), limit=BATCH)
        for conversation in found:
            change_state(work, conversation, ConversationState.ARCHIVED, f"Nobody has written for {days:g} days", now)
    return len(found)
