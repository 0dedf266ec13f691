"""When tokens end, and when to renew them. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.connections.clients import USABLE
from services.provider_kit.auth import OAuth2

AHEAD = timedelta(minutes=15)
"""How long before its end a token is renewed; one that lives less than twice as long, at half its life."""
DAILY = timedelta(days=1)
"""How often a grant is used that the provider lets die when it is idle."""

DIES_AT = "token_dies_at"
"""Setting of a connection: when its grant ends although it is renewed. ISO 8601."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTimes:
    """When a token ends, and when to renew it; None for never."""

    expires_at: datetime | None
    refresh_due_at: datetime | None


def plan_times(scheme: OAuth2, *, has_refresh_token: bool, expires_at: datetime | None, now: datetime) -> TokenTimes:
    """Return when a fresh token ends and when to renew it.

    A token that ends and cannot be renewed is looked at when it is over, so that the connection says so at once.

    Args:
        scheme: how the provider's tokens live.
        has_refresh_token: whether the provider gave one.
        expires_at: when the token ends, if the provider said so.
        now: when it was issued.
    """
    if expires_at is None and has_refresh_token and scheme.default_lifetime_seconds:
        expires_at = now + timedelta(seconds=scheme.default_lifetime_seconds)
    if not has_refresh_token:
        return TokenTimes(expires_at=expires_at, refresh_due_at=expires_at - USABLE if expires_at else None)
    due = [expires_at - min(AHEAD, (expires_at - now) / 2)] if expires_at else []
    if scheme.idle_lifetime_days:
        due.append(now + DAILY)
    return TokenTimes(expires_at=expires_at, refresh_due_at=min(due, default=None))
