"""When a calendar is read again, and when its subscription is renewed. Without effects."""

from datetime import datetime, timedelta

from services.kernel.errors import Refused, RetryLater
from services.kernel.leases import backoff_seconds

BEHIND, AHEAD = timedelta(days=30), timedelta(days=365)
"""What is cached: from so long ago until so far ahead."""
FULL_EVERY = timedelta(days=7)
"""How often everything is read anew, so that the window moves on."""
POLL_EVERY = timedelta(minutes=30)
"""How often we ask where nobody tells us."""
WATCHED_POLL_EVERY = timedelta(hours=6)
"""How often we ask although we are told, as notifications get lost."""
RENEW_EVERY = timedelta(days=1)
RENEW_BEFORE = timedelta(hours=48)
"""How much life a subscription has left when it is renewed at the latest."""
STOP_AGAIN = timedelta(hours=1)
"""When a subscription that could not be stopped is stopped again."""
REFUSED_AGAIN = timedelta(hours=1)
"""When what was refused is tried again: somebody may have repaired it at the provider."""
UNANSWERED_KEPT = timedelta(days=8)
"""How long a subscription is remembered whose request was cut off: longer than providers grant one."""
_SOONEST = timedelta(minutes=1)
_FIRST_PAUSE_SECONDS = 60.0


def next_poll(now: datetime, *, watched_until: datetime | None) -> datetime:
    """Return when to ask next, if nobody tells us of a change before.

    Args:
        now: the time.
        watched_until: when the subscription in force expires, if there is one.
    """
    if watched_until is None or watched_until <= now:
        return now + POLL_EVERY
    return min(now + WATCHED_POLL_EVERY, max(watched_until, now + POLL_EVERY))


def renew_at(created_at: datetime, expires_at: datetime) -> datetime:
    """Return when a subscription is renewed: daily, with at least 48 hours left; halfway if it lives no longer."""
    life = expires_at - created_at
    if life > RENEW_BEFORE:
        return max(min(created_at + RENEW_EVERY, expires_at - RENEW_BEFORE), created_at + _SOONEST)
    return created_at + max(life / 2, _SOONEST)


def retry_after(error: Exception, *, attempt: int) -> timedelta:
    """Return the wait after an attempt failed; the provider's own wish wins."""
    if isinstance(error, RetryLater) and error.after is not None:
        return max(error.after, timedelta(seconds=1))
    if isinstance(error, Refused):
        return REFUSED_AGAIN
    return pause(attempt)


def pause(attempt: int) -> timedelta:
    """Return our own wait after the given attempt, from a minute to an hour."""
    return timedelta(seconds=backoff_seconds(attempt, base=_FIRST_PAUSE_SECONDS))
