"""Delivery receipts move a message's state forward, never back, in whatever order they come."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from models import Connection, MessageState
from services import email
from services.kernel.db import UnitOfWork
from services.kernel.errors import RetryLater
from services.provider_kit.contract import MessageStatusChanged
from services.sending import repository


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a receipt makes of a message. A receipt counts only if it ranks above what is known already."""

    state: MessageState
    rank: int
    words: str


_RANKS = {
    MessageState.QUEUED: 0,
    MessageState.SENDING: 0,
    MessageState.UNKNOWN: 0,
    MessageState.SENT: 1,
    MessageState.FAILED: 2,
    MessageState.DELIVERED: 2,
}
_OUTCOMES = {
    "sent": Outcome(MessageState.SENT, 1, "The message was sent"),
    "delivered": Outcome(MessageState.DELIVERED, 2, "The message was delivered"),
    "failed": Outcome(MessageState.FAILED, 2, "The message failed"),
    "bounced": Outcome(MessageState.FAILED, 3, "The message came back"),
    "complained": Outcome(MessageState.DELIVERED, 4, "The contact marked the message as unwanted"),
}
LATE = ("bounced", "complained")
"""Statuses that may follow a delivery; they stand in the error code, which ranks what is known."""
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
    if event.internet_message_id:
        email.note_sent_as(work, message_id=message.id, internet_message_id=event.internet_message_id)
    outcome = outcome_of(event.status, state=message.state, code=message.error_code)
    if outcome is None:
        return f"The message is {message.state.value} already"
    message.state = outcome.state
    message.error_code = event.status if event.status in LATE else event.error_code
    message.error_text = event.error_text
    if event.status == "delivered":
        message.delivered_at = now
    work.notify("conversation", message.conversation_id)
    return outcome.words


def outcome_of(status: str, *, state: MessageState, code: str) -> Outcome | None:
    """Return what a receipt makes of a message; None if as much is known already.

    Args:
        status: what the provider reports.
        state: how the message stands.
        code: its error code.
    """
    outcome, known = _OUTCOMES[status], _OUTCOMES[code].rank if code in LATE else _RANKS[state]
    return outcome if outcome.rank > known else None
