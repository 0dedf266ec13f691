"""What the provider says about a calendar: that something changed, never what."""

from datetime import datetime

from models import Connection
from services.calendar import repository
from services.kernel.db import UnitOfWork


def note_change(work: UnitOfWork, *, connection: Connection, subscription_id: str, now: datetime) -> str:
    """Have a calendar read because the provider said that it changed; several such words cause one sync.

    A change that is told during a sync causes another one after it. While syncs fail, their own pace stays.

    Args:
        work: the unit of work that processes the provider's message.
        connection: whose.
        subscription_id: the id that we gave the subscription.
        now: the time.

    Returns:
        What follows from it, in words.
    """
    calendar_id = repository.stamp_notification(
        work, connection_id=connection.id, subscription_id=subscription_id, now=now
    )
    if calendar_id is None:
        return "The subscription it is about has ended."
    repository.mark_changed(work, calendar_id, now=now)
    work.wake("sync_calendar", calendar_id)
    return "The calendar changed: it is read next."
