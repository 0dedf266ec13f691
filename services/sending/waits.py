"""Keeps what a message had to wait for: its row says so only while it waits, and the trace for good."""

from datetime import datetime

from models import Message, MessageWait
from services.connections import WAITS_FOR_CONNECTION, WAITS_FOR_PROVIDER
from services.kernel.db import UnitOfWork
from services.kernel.ids import new_id
from services.limits import WAITS_FOR_LIMIT, WAITS_FOR_PACE

WAITS = frozenset({WAITS_FOR_LIMIT, WAITS_FOR_PACE, WAITS_FOR_PROVIDER, WAITS_FOR_CONNECTION})
"""Codes of messages that wait."""


def note_wait(work: UnitOfWork, message: Message, *, code: str, words: str, now: datetime) -> None:
    """Note that a message begins to wait; one that waits for the same already is left alone.

    Called before the message's own code is changed.
    """
    if code not in WAITS or message.error_code == code:
        return
    work.session.add(
        MessageWait(
            tenant_id=work.tenant_id,
            id=new_id(),
            message_id=message.id,
            trace_id=message.trace_id,
            code=code,
            words=words,
            began_at=now,
        )
    )
