"""What the state of a subscription is called, and what it means. Without effects."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from models import Calendar, ConnectionStatus, Subscription, SubscriptionState
from services.calendar.timing import POLL_EVERY, WATCHED_POLL_EVERY
from services.calendar.views import WatchView
from services.connections import WORKING

_MINUTE = timedelta(minutes=1)
_OFTEN = f"The calendar is read every {POLL_EVERY // _MINUTE} minutes instead: changes are seen with that delay."


def describe_watch(
    calendar: Calendar,
    subscriptions: Sequence[Subscription],
    *,
    provider: str,
    status: ConnectionStatus,
    now: datetime,
) -> WatchView:
    """Say whether the provider tells us of changes, and what that means.

    Args:
        calendar: the calendar's row.
        subscriptions: all that it has.
        provider: the provider's name.
        status: the connection's.
        now: the time.
    """
    expires_at = max(
        (row.expires_at for row in subscriptions if row.state is SubscriptionState.ACTIVE and row.expires_at),
        default=None,
    )
    error = calendar.subscribe_error
    if status not in WORKING:
        return _watch("off", "Off", "Changes are not read until the connection works again.", error=error, poll=None)
    if expires_at is not None and expires_at > now:
        means = f"{provider} tells Patchbay of every change within seconds. The subscription renews itself daily."
        words = f"Active (expires in {_span(expires_at - now)})"
        return _watch("active", words, means, expires_at=expires_at, error=error, poll=WATCHED_POLL_EVERY)
    if error:
        return _watch("failed", "Not active", f"{error} {_OFTEN}", expires_at=expires_at, error=error, poll=POLL_EVERY)
    means = f"{provider} is being asked to tell Patchbay of changes. {_OFTEN}"
    return _watch("starting", "Starting", means, expires_at=expires_at, error=error, poll=POLL_EVERY)


def _watch(
    state: str, words: str, means: str, *, error: str, poll: timedelta | None, expires_at: datetime | None = None
) -> WatchView:
    minutes = poll // _MINUTE if poll else 0
    return WatchView(state=state, words=words, means=means, expires_at=expires_at, error=error, poll_minutes=minutes)


def _span(left: timedelta) -> str:
    for size, noun in ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (_MINUTE, "minute")):
        count = left // size
        if count:
            return f"{count} {noun}{'' if count == 1 else 's'}"
    return "less than a minute"
