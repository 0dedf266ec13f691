"""What a provider's HTTP status means for us."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from services.kernel.clock import SystemClock
from services.kernel.errors import NeedsReauth, Refused, RetryLater
from services.kernel.http import OutboundResponse

_LONGEST_WAIT = timedelta(days=1)


def check_status(response: OutboundResponse, *, provider: str, name: str) -> None:
    """Raise the error that an unsuccessful status stands for.

    A 5xx is ambiguous: the provider may have acted before it failed.

    Args:
        provider: its slug.
        name: its name, for people.

    Raises:
        NeedsReauth: 401.
        RetryLater: 408, 429 and 5xx.
        Refused: any other status but 2xx.
    """
    status = response.status
    if 200 <= status < 300:
        return
    if status == 401:
        raise NeedsReauth(f"{name} no longer accepts this connection. Connect again.", provider=provider, status=status)
    if status == 429:
        raise RetryLater(
            f"{name} asks us to slow down.",
            after=retry_after(response.headers),
            code="rate_limited",
            provider=provider,
            status=status,
        )
    if status == 408 or status >= 500:
        raise RetryLater(
            f"{name} is not available (HTTP {status}).",
            after=retry_after(response.headers),
            code="unavailable",
            provider=provider,
            status=status,
            ambiguous=True,
        )
    raise Refused(f"{name} refused the request (HTTP {status}).", provider=provider, status=status)


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """Return the wait that ``Retry-After`` asks for, in seconds or until a date, at most a day.

    A date counts from the answer's own ``Date``, so that no two clocks are compared. Nonsense is None: our own backoff
    decides. https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
    """
    value = headers.get("retry-after", "").strip()
    seconds = _seconds(value)
    if seconds is None:
        seconds = _seconds_until(value, since=headers.get("date", ""))
    if seconds is None:
        return None
    return timedelta(seconds=min(max(seconds, 0.0), _LONGEST_WAIT.total_seconds()))


def _seconds(value: str) -> float | None:
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def _seconds_until(date: str, *, since: str) -> float | None:
    until, began = _time(date), _time(since) or SystemClock().now()
    return (until - began).total_seconds() if until else None


def _time(date: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(date)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
