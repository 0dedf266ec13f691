"""Days as people have them: in a zone, some of 23 hours and some of 25. Without effects."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def zone_of(name: str) -> ZoneInfo:
    """Return a zone by its IANA name; UTC for one that nobody knows."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def day_around(now: datetime, *, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return when today began and when it ends in a zone."""
    today = now.astimezone(zone).date()
    return _midnight(today, zone), _midnight(today + timedelta(days=1), zone)


def dates_between(starts_at: datetime, ends_at: datetime, *, zone: ZoneInfo) -> tuple[date, date]:
    """Return the first day of an all-day entry, and the day after its last one."""
    first = starts_at.astimezone(zone).date()
    return first, max(ends_at.astimezone(zone).date(), first + timedelta(days=1))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)
