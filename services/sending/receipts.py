"""Delivery receipts move a message's state forward, never back."""

from datetime import datetime, timedelta

from models import Connection, MessageState
from services.kernel.db import UnitOfWork
from services.kernel.errors import RetryLater
from services.provider_kit.contract import MessageStatusChanged
from services.sending import repository

_RANK = {
    MessageState.QUEUED: 0,
    MessageState.SENDING: 0,
    MessageState.UNKNOWN: 0,
    MessageState.SENT: 1,
    MessageState.FAILED: 2,
    MessageState.DELIVERED: 2,
}
_STATES = {
    "sent": MessageState.SENT,
    "delivered": MessageState.DELIVERED,
    "failed": MessageState.FAILED,
}
ATTEMPTS_TO_FIND = 3


def apply_receipt(
    work: UnitOfWork, *, connection: Connection, event: MessageStatusChanged, attempt: int, now: datetime
) -> str:
    """Apply what the provider reports of one of our messages; return what to say of it on the delivery.

    Raises:
        RetryLater: we do not know the message yet; the receipt overtook the answer to our own request.
    """
    message = repository.find_by_external_id(work, connection.id, event.external_id)
    if message is None:
        if attempt < ATTEMPTS_TO_FIND:
            raise RetryLater("The receipt came before we knew the message's id.", after=timedelta(seconds=2))
        return "A receipt for a message that Patchbay did not send"
    state = _STATES[event.status]
    if _RANK[state] <= _RANK[message.state]:
        return f"The message is {message.state.value} already"
    message.state = state
    message.error_code = event.error_code
    message.error_text = event.error_text
    if state is MessageState.DELIVERED:
        message.delivered_at = now
    work.notify("conversation", message.conversation_id)
    return f"The message was {state.value}"
