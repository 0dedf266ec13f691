"""Rules about limits: how much of them is used. Without effects."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from models import Excess
from services.health.facts import Facts, LimitUse
from services.health.kinds import Severity, Sight
from services.health.wording import day, error

_STOPS: Mapping[str, str] = MappingProxyType(
    {
        Excess.WAIT: "What is over it waits until then.",
        Excess.HAND_OVER: "What is over it is handed over to people until then.",
        Excess.DROP: "What is over it is not sent until then.",
    }
)


def limit_used(facts: Facts) -> Sight | None:
    """An hour's or a day's limit is used up, or four fifths of it are; each is news once, and again in the next one."""
    if not facts.limits:
        return None
    worst = max(facts.limits, key=_rank)
    until = day(worst.resets_at)
    stops = _STOPS[worst.excess]
    if worst.used >= worst.most:
        what = f"The limit is used up until {until}: {worst.limit}."
        return error(what, since=worst.since, stops=stops, anew_since=worst.since)
    return Sight(
        severity=Severity.WARNING,
        what=f"{worst.used:,} are used of the limit of {worst.limit}; it begins anew on {until}.",
        since=worst.since,
        stops=stops,
        worsens_at=_used_up_at(worst, facts.now),
        anew_since=worst.since,
    )


def _used_up_at(use: LimitUse, now: datetime) -> datetime:
    """Return when it is used up if it goes on like this; at the latest, the window begins anew."""
    at = use.began_at + (use.since - use.began_at) * (use.most / use.used)
    return at if now < at < use.resets_at else use.resets_at


def _rank(use: LimitUse) -> tuple[bool, float, float]:
    return use.used >= use.most, use.resets_at.timestamp(), use.since.timestamp()
