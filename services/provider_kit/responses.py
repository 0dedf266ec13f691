"""What a provider's HTTP status means for us."""

import math
from collections.abc import Mapping
from datetime import timedelta

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
    """Return the wait that ``Retry-After`` asks for in seconds (RFC 9110 §10.2.3), at most a day.

    A date there, or nonsense, is None: our own backoff decides.
    """
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    if not math.isfinite(seconds):
        return None
    return timedelta(seconds=min(max(seconds, 0.0), _LONGEST_WAIT.total_seconds()))
