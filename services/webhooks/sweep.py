"""The sweeper: wakes workers for rows that are due and that nobody holds — lost wake-ups, dead workers, retries."""

from collections.abc import Callable, Sequence
from uuid import UUID

from sqlmodel import Session, col, select

from models import Conversation, Direction, Message, Turn, WebhookDelivery
from services.kernel.db import Wake
from services.kernel.kernel import Kernel
from services.kernel.leases import is_due, is_free
from services.sending.repository import UNSENT
from services.turns.repository import OPEN as OPEN_TURNS
from services.webhooks.repository import OPEN as OPEN_DELIVERIES

BATCH = 1000


def run(kernel: Kernel) -> int:
    """Wake workers for all due work that nobody holds; return how much there is."""
    with kernel.unscoped_session("sweep.find_due") as session:
        wakes = [Wake(job, tenant_id, row_id) for job, find in _DUE.items() for tenant_id, row_id in find(session)]
    if wakes:
        kernel.queue.wake_again(wakes)
    return len(wakes)


def _due_deliveries(session: Session) -> Sequence[tuple[UUID, UUID]]:
    return session.exec(
        select(WebhookDelivery.tenant_id, WebhookDelivery.id)
        .where(col(WebhookDelivery.state).in_(OPEN_DELIVERIES), is_due(WebhookDelivery), is_free(WebhookDelivery))
        .order_by(col(WebhookDelivery.next_attempt_at))
        .limit(BATCH)
    ).all()


def _due_turns(session: Session) -> Sequence[tuple[UUID, UUID]]:
    return session.exec(
        select(Turn.tenant_id, Turn.conversation_id)
        .join(
            Conversation,
            (col(Conversation.tenant_id) == col(Turn.tenant_id)) & (col(Conversation.id) == col(Turn.conversation_id)),
        )
        .where(
            col(Turn.state).in_(OPEN_TURNS),
            is_due(Turn),
            is_free(Conversation),
        )
        .order_by(col(Turn.next_attempt_at))
        .limit(BATCH)
    ).all()


def _due_messages(session: Session) -> Sequence[tuple[UUID, UUID]]:
    return session.exec(
        select(Message.tenant_id, Message.id)
        .where(
            col(Message.direction) == Direction.OUTBOUND,
            col(Message.state).in_(UNSENT),
            is_due(Message),
            is_free(Message),
        )
        .order_by(col(Message.next_attempt_at))
        .limit(BATCH)
    ).all()


_DUE: dict[str, Callable[[Session], Sequence[tuple[UUID, UUID]]]] = {
    "process_delivery": _due_deliveries,
    "run_turn": _due_turns,
    "send_message": _due_messages,
}
