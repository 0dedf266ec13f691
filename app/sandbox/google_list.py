"""Lists of events: what a reader asks for, page by page, and what has changed since a sync token.

https://developers.google.com/workspace/calendar/api/guides/sync
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Literal

from pydantic import Field, ValidationError

from app.sandbox.google_call import Answer, Call, GoogleError
from app.sandbox.google_events import etag_of, show_event, show_removed
from app.sandbox.google_series import is_series, single_entries, unchanged_occurrences
from app.sandbox.google_state import GoogleCalendar, GoogleEvent
from app.sandbox.google_time import instant, parse_instant, point_of, stamp
from app.sandbox.record import Record

_TOKEN_SECONDS = 28 * 86_400
_UPDATED_MIN_SECONDS = 30 * 86_400
_NOT_WITH_SYNC_TOKEN = (
    *("iCalUID", "orderBy", "privateExtendedProperty", "q", "sharedExtendedProperty"),
    *("timeMin", "timeMax", "updatedMin"),
)
_NO_SYNC_TOKEN_AFTER = frozenset(_NOT_WITH_SYNC_TOKEN) - {"timeMin", "timeMax"}
_SHAPES = ("singleEvents", "orderBy", "timeMin", "timeMax", "q", "iCalUID", "showDeleted", "syncToken", "updatedMin")

SortKey = tuple[float | int, str]


class _SyncToken(Record):
    """What a sync token says to those who can read it."""

    kind: Literal["sync"] = "sync"
    calendar: str
    generation: int
    revision: int
    single: bool
    issued_at: float
    time_min: str = ""
    time_max: str = ""


class _PageToken(Record):
    """Where a list goes on: after which entry, and as of which revision its sync token will be."""

    kind: Literal["page"] = "page"
    after: SortKey
    revision: int
    shape: dict[str, str] = Field(default_factory=dict[str, str])


def list_events(call: Call) -> Answer:
    """Answer ``events.list``.

    Raises:
        GoogleError: as Google would refuse.
    """
    calendar = call.desk().calendar
    since = _read_sync_token(call, calendar)
    _check_parameters(call)
    page = _read_page_token(call)
    snapshot = page.revision if page else calendar.revision
    zone = call.query.get("timeZone", calendar.time_zone)
    chosen = _changed(calendar, since) if since else _current(call, calendar)
    order = _ORDERS[call.query.get("orderBy", "")](calendar)
    ordered = sorted((item for item in chosen if page is None or order(item) > page.after), key=order)
    size = call.number("maxResults", default=250, most=2500)
    items = ordered[:size]
    answer = _head(call, calendar, zone) | {"items": [_show(item, zone=zone) for item in items]}
    if len(ordered) > size:
        shape = _shape(call.query)
        return answer | {"nextPageToken": _write(_PageToken(after=order(items[-1]), revision=snapshot, shape=shape))}
    if not _NO_SYNC_TOKEN_AFTER.intersection(call.query):
        return answer | {"nextSyncToken": _write(_new_sync_token(call, calendar, snapshot, since))}
    return answer


def list_instances(call: Call) -> Answer:
    """Answer ``events.instances``: the occurrences of one series."""
    calendar = call.desk().calendar
    series = calendar.events.get(call.path["event"])
    if series is None or not is_series(series) or series.is_cancelled:
        raise GoogleError("notFound")
    zone = call.query.get("timeZone", calendar.time_zone)
    found = [calendar.events.get(item.id, item) for item in unchanged_occurrences(series)]
    wanted = [item for item in found if _in_window(call, calendar, item)]
    items = [_show(item, zone=zone) for item in wanted if call.flag("showDeleted") or not item.is_cancelled]
    return _head(call, calendar, zone) | {"items": items[: call.number("maxResults", default=250, most=2500)]}


def _current(call: Call, calendar: GoogleCalendar) -> Sequence[GoogleEvent]:
    """Return the entries there are now, as far as the parameters ask for them."""
    single, deleted = call.flag("singleEvents"), call.flag("showDeleted")
    entries = single_entries(calendar) if single else _stored(calendar)
    tests = (_in_window, _matches_words, _matches_properties, _updated_since)
    return [
        item
        for item in entries
        if (deleted or not item.is_cancelled or (not single and item.series))
        and all(test(call, calendar, item) for test in tests)
    ]


def _changed(calendar: GoogleCalendar, since: _SyncToken) -> Sequence[GoogleEvent]:
    """Return the entries that changed since a token, deleted ones included.

    A series is expanded within the window of the first list only; whatever else left the window is told of, too.
    """
    entries = single_entries(calendar) if since.single else _stored(calendar)
    return [
        item
        for item in entries
        if item.revision > since.revision
        and (
            item.is_cancelled
            or item.id in calendar.events
            or _overlaps(calendar, item, since=since.time_min, until=since.time_max)
        )
    ]


def _stored(calendar: GoogleCalendar) -> Sequence[GoogleEvent]:
    """Return single events, series and exceptions; those of a deleted series are deleted with it, unsaid."""
    return [
        item for item in calendar.events.values() if not item.series or not calendar.events[item.series].is_cancelled
    ]


def _check_parameters(call: Call) -> None:
    order = call.query.get("orderBy", "")
    if order not in _ORDERS:
        raise GoogleError("invalid", f"Invalid value '{order}'.", location="orderBy")
    if order == "startTime" and not call.flag("singleEvents"):
        raise GoogleError("badRequest", "The requested ordering is not available for the particular query.")
    window = [parse_instant(call.query[name], name=name) for name in ("timeMin", "timeMax") if name in call.query]
    if len(window) == 2 and window[0] >= window[1]:
        raise GoogleError("timeRangeEmpty")
    if "updatedMin" in call.query:
        asked = parse_instant(call.query["updatedMin"], name="updatedMin").timestamp()
        if asked < call.now - _UPDATED_MIN_SECONDS:
            raise GoogleError("updatedMinTooLongAgo", location="updatedMin")


def _read_sync_token(call: Call, calendar: GoogleCalendar) -> _SyncToken | None:
    if "syncToken" not in call.query:
        return None
    for name in _NOT_WITH_SYNC_TOKEN:
        if name in call.query:
            raise GoogleError("cannotBeUsedWithSyncToken", location=name)
    if call.query.get("showDeleted", "true").lower() == "false":
        raise GoogleError("cannotBeUsedWithSyncToken", location="showDeleted")
    try:
        token = _SyncToken.model_validate_json(_read(call.query["syncToken"]))
    except ValidationError as error:
        raise GoogleError("invalid", "Invalid sync token value.", location="syncToken") from error
    is_old = token.issued_at < call.now - _TOKEN_SECONDS
    if token.calendar != calendar.id or token.single is not call.flag("singleEvents"):
        raise GoogleError("invalid", "The sync token belongs to another list.", location="syncToken")
    if token.generation != calendar.generation or is_old:
        raise GoogleError("fullSyncRequired", location="syncToken")
    return token


def _read_page_token(call: Call) -> _PageToken | None:
    if "pageToken" not in call.query:
        return None
    try:
        token = _PageToken.model_validate_json(_read(call.query["pageToken"]))
    except ValidationError as error:
        raise GoogleError("invalid", "Invalid page token value.", location="pageToken") from error
    if token.shape != _shape(call.query):
        raise GoogleError("invalid", "The page token belongs to another list.", location="pageToken")
    return token


def _new_sync_token(call: Call, calendar: GoogleCalendar, revision: int, since: _SyncToken | None) -> _SyncToken:
    return _SyncToken(
        calendar=calendar.id,
        generation=calendar.generation,
        revision=revision,
        single=call.flag("singleEvents"),
        issued_at=call.now,
        time_min=since.time_min if since else call.query.get("timeMin", ""),
        time_max=since.time_max if since else call.query.get("timeMax", ""),
    )


def _shape(query: Mapping[str, str]) -> dict[str, str]:
    return {name: query[name] for name in _SHAPES if name in query}


def _write(token: Record) -> str:
    return base64.urlsafe_b64encode(token.model_dump_json().encode()).rstrip(b"=").decode()


def _read(token: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        return b""


def _span(calendar: GoogleCalendar, event: GoogleEvent) -> tuple[datetime, datetime]:
    start, end = (instant(point_of(event.body[name]), zone=calendar.time_zone) for name in ("start", "end"))
    return start, end


def _in_window(call: Call, calendar: GoogleCalendar, event: GoogleEvent) -> bool:
    return _overlaps(calendar, event, since=call.query.get("timeMin", ""), until=call.query.get("timeMax", ""))


def _overlaps(calendar: GoogleCalendar, event: GoogleEvent, *, since: str, until: str) -> bool:
    """Return whether an event ends after a moment and starts before another; a series, if one of it does."""
    if "start" not in event.body or not (since or until):
        return True
    if is_series(event):
        return any(_overlaps(calendar, item, since=since, until=until) for item in unchanged_occurrences(event))
    start, end = _span(calendar, event)
    after = not since or end > parse_instant(since, name="timeMin")
    return after and (not until or start < parse_instant(until, name="timeMax"))


def _matches_words(call: Call, calendar: GoogleCalendar, event: GoogleEvent) -> bool:
    shown = json.dumps([event.body.get(name) for name in ("summary", "description", "location", "attendees")])
    words = call.query.get("q", "").lower().split()
    uid = call.query.get("iCalUID", "")
    return all(word in shown.lower() for word in words) and (not uid or uid == event.body.get("iCalUID"))


def _matches_properties(call: Call, calendar: GoogleCalendar, event: GoogleEvent) -> bool:
    kept = event.body.get("extendedProperties")
    for kind in ("private", "shared"):
        name, _, value = call.query.get(f"{kind}ExtendedProperty", "").partition("=")
        have = kept.get(kind) if isinstance(kept, dict) else None
        if name and (not isinstance(have, dict) or have.get(name) != value):
            return False
    return True


def _updated_since(call: Call, calendar: GoogleCalendar, event: GoogleEvent) -> bool:
    if "updatedMin" not in call.query:
        return True
    limit = parse_instant(call.query["updatedMin"], name="updatedMin")
    return datetime.fromisoformat(str(event.body["updated"])) >= limit


def _by_id(calendar: GoogleCalendar) -> Callable[[GoogleEvent], SortKey]:
    return lambda event: (0, event.id)


def _by_start(calendar: GoogleCalendar) -> Callable[[GoogleEvent], SortKey]:
    return lambda event: (_span(calendar, event)[0].timestamp() if "start" in event.body else 0, event.id)


def _by_change(calendar: GoogleCalendar) -> Callable[[GoogleEvent], SortKey]:
    return lambda event: (event.revision, event.id)


_ORDERS = {"": _by_id, "startTime": _by_start, "updated": _by_change}


def _show(event: GoogleEvent, *, zone: str) -> Answer:
    return show_removed(event, zone=zone) if event.is_cancelled else show_event(event, zone=zone)


def _head(call: Call, calendar: GoogleCalendar, zone: str) -> Answer:
    latest = max((item for item in calendar.events.values()), key=lambda item: item.revision, default=None)
    return {
        "kind": "calendar#events",
        "etag": etag_of(latest) if latest else '""',
        "summary": calendar.summary,
        "updated": str(latest.body["updated"]) if latest else stamp(call.now),
        "timeZone": zone,
        "accessRole": "owner",
        "defaultReminders": [{"method": "popup", "minutes": 10}],
    }
