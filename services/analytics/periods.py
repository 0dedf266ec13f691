"""Spans of time in buckets, as a tenant's zone has them. Without effects.

Every bucket is half-open: what happens at its end belongs to the next one. The last bucket is the one that has begun,
so the period before is cut at the same place in it: both are as long as people would say they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType
from zoneinfo import ZoneInfo

_HOUR = timedelta(hours=1)


class Unit(StrEnum):
    """How long a bucket is: an hour, or a day in the tenant's zone, of 23 hours or 25 now and then."""

    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Span:
    """How far to look back."""

    unit: Unit
    count: int


SPANS: Mapping[str, Span] = MappingProxyType(
    {
        "24h": Span(Unit.HOUR, 24),
        "7d": Span(Unit.DAY, 7),
        "30d": Span(Unit.DAY, 30),
        "90d": Span(Unit.DAY, 90),
    }
)
DEFAULT_SPAN = "7d"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A span that ends now, with its buckets, and the one before."""

    unit: Unit
    edges: tuple[datetime, ...]
    """In UTC, rising: where each bucket begins, and where the last one will end."""
    before_since: datetime
    before_until: datetime

    @property
    def since(self) -> datetime:
        """When the first bucket begins."""
        return self.edges[0]

    @property
    def until(self) -> datetime:
        """When the last bucket will end; not before now."""
        return self.edges[-1]


def period_of(span: Span, *, now: datetime, zone: ZoneInfo) -> Period:
    """Return the period that a span means.

    Args:
        span: how far to look back.
        now: the time, aware.
        zone: where hours and days begin.
    """
    return _BY_UNIT[span.unit](span.count, now.astimezone(UTC), zone)


def _hours(count: int, now: datetime, zone: ZoneInfo) -> Period:
    # Some zones are half an hour off: their hours begin at half past in UTC.
    offset = now.astimezone(zone).utcoffset() or timedelta()
    local = now + offset
    begun = local.replace(minute=0, second=0, microsecond=0) - offset
    since = begun - (count - 1) * _HOUR
    return Period(
        unit=Unit.HOUR,
        edges=tuple(since + step * _HOUR for step in range(count + 1)),
        before_since=since - count * _HOUR,
        before_until=now - count * _HOUR,
    )


def _days(count: int, now: datetime, zone: ZoneInfo) -> Period:
    local = now.astimezone(zone)
    first = local.date() - timedelta(days=count - 1)
    days = [first + timedelta(days=step) for step in range(count + 1)]
    edges = tuple(dict.fromkeys(_midnight(day, zone) for day in days))  # a zone has left a day out before
    same_time = datetime.combine(local.date() - timedelta(days=count), local.time(), tzinfo=zone).astimezone(UTC)
    return Period(
        unit=Unit.DAY,
        edges=edges,
        before_since=_midnight(first - timedelta(days=count), zone),
        before_until=min(same_time, edges[0]),
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return when a day begins, in UTC; at one o'clock where clocks go forward at midnight."""
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


_BY_UNIT = MappingProxyType({Unit.HOUR: _hours, Unit.DAY: _days})
