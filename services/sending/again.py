"""Puts messages back into the outbox that did not arrive, because a person says so."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import case, null, update
from sqlmodel import col

from models import Message, MessageState
from services.kernel.db import UnitOfWork
from services.kernel.leases import in_seconds


def send_again(work: UnitOfWork, message_ids: Collection[UUID]) -> None:
    """Queue messages once more, as if they had never been tried. The caller has locked them, and checked their state.

    What the provider had accepted before it failed gets another id there, or the provider would take the second
    request for the first, and counts towards the agent's limits once more. What may have been accepted keeps its id:
    a provider that knows it does not send it twice.
    """
    was_accepted = col(Message.sent_at).is_not(None)
    changed = work.session.exec(
        update(Message)
        .where(col(Message.tenant_id) == work.tenant_id, col(Message.id).in_(message_ids))
        .values(
            state=MessageState.QUEUED,
            attempt=0,
            next_attempt_at=in_seconds(0),
            resends=case((was_accepted, col(Message.resends) + 1), else_=col(Message.resends)),
            counted_at=case((was_accepted, null()), else_=col(Message.counted_at)),
            external_id="",
            error_code="",
            error_text="",
            attempted_at=None,
            sent_at=None,
            delivered_at=None,
            lease_until=None,
            lease_token=None,
        )
        .returning(col(Message.id), col(Message.conversation_id))
    ).all()
    for message_id, _ in sorted(changed):
        work.wake("send_message", message_id)
    for conversation_id in dict.fromkeys(conversation_id for _, conversation_id in changed):
        work.notify("conversation", conversation_id)
