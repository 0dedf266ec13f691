"""When an event is: Google's ``date`` and ``dateTime`` fields, read, checked and worded."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from app.sandbox.google_call import GoogleError
from app.sandbox.record import JsonObject
from services.kernel.clock import zone_names

Point = date | datetime
"""A day, or a moment in a time zone."""


def read_point(value: JsonValue, *, default_zone: str, name: str) -> JsonObject:
    """Return a start or an end as it is stored: checked, and a time zone's name with every moment.

    Args:
        default_zone: the calendar's.
        name: ``start`` or ``end``, for the complaint.

    Raises:
        GoogleError: it is missing or makes no sense.
    """
    given = value if isinstance(value, dict) else {}
    day, moment, zone = (given.get(key) for key in ("date", "dateTime", "timeZone"))
    if (day is None) == (moment is None):
        raise GoogleError("required", f"Missing {name} time.", status=400)
    if zone is not None and zone not in zone_names():
        raise GoogleError("invalid", f"Invalid time zone definition for {name} time.")
    try:
        if isinstance(day, str):
            return {"date": date.fromisoformat(day).isoformat()}
        read = datetime.fromisoformat(str(moment))
    except ValueError as error:
        raise GoogleError("invalid", f"Invalid value for {name} time.") from error
    if read.tzinfo is None and zone is None:
        raise GoogleError("required", f"Missing time zone definition for {name} time.", status=400)
    named = ZoneInfo(str(zone or default_zone))
    return write_point(read.astimezone(named) if read.tzinfo else read.replace(tzinfo=named))


def write_point(point: Point) -> JsonObject:
    """Return a day or a moment as a field of an event."""
    if not isinstance(point, datetime):
        return {"date": point.isoformat()}
    return {"dateTime": point.isoformat(timespec="seconds").replace("+00:00", "Z"), "timeZone": str(point.tzinfo)}


def point_of(field: JsonValue) -> Point:
    """Return what a stored field says."""
    given = field if isinstance(field, dict) else {}
    if "date" in given:
        return date.fromisoformat(str(given["date"]))
    return datetime.fromisoformat(str(given["dateTime"])).astimezone(ZoneInfo(str(given["timeZone"])))


def length_of(body: JsonObject) -> timedelta:
    """Return how long an event lasts on the wall clock."""
    start, end = (point_of(body[name]) for name in ("start", "end"))
    if isinstance(start, datetime) and isinstance(end, datetime):
        return end - start
    return timedelta(days=end.toordinal() - start.toordinal())


def instant(point: Point, *, zone: str) -> datetime:
    """Return the moment of a point: a day begins at midnight in the calendar's time zone."""
    if isinstance(point, datetime):
        return point.astimezone(UTC)
    return datetime(point.year, point.month, point.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def show_point(field: JsonValue, *, zone: str) -> JsonValue:
    """Return a stored field as it is shown to a reader in a time zone: the offset is the reader's."""
    point = point_of(field)
    if not isinstance(point, datetime):
        return field
    shown = write_point(point.astimezone(ZoneInfo(zone)))
    return {**shown, "timeZone": str(point.tzinfo)}


def parse_instant(text: str, *, name: str) -> datetime:
    """Return the moment a parameter names; an offset is mandatory.

    Raises:
        GoogleError: it is none.
    """
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise GoogleError("badRequest", f"Invalid value for {name}.", location=name) from error
    if read.tzinfo is None:
        raise GoogleError("badRequest", f"Missing time zone offset in {name}.", location=name)
    return read.astimezone(UTC)


def stamp(seconds: float) -> str:
    """Return a time as ``created`` and ``updated`` carry it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
