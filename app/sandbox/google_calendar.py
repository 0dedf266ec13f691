"""Google Calendar's API as the sandbox plays it: a table of methods over the rules.

Shapes and errors follow the discovery document of ``calendar:v3`` and
https://developers.google.com/workspace/calendar/api/v3/reference (read November 2026).
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from app.sandbox.google_call import Answer, Call, GoogleError, Method
from app.sandbox.google_events import change_event, delete_event, insert_event, show_event
from app.sandbox.google_list import list_events, list_instances
from app.sandbox.google_scopes import READ_BUSY, READ_CALENDAR, READ_EVENTS, READ_LIST, STOP_CHANNEL, WRITE_EVENTS
from app.sandbox.google_series import find_event, single_entries
from app.sandbox.google_state import GoogleCalendar
from app.sandbox.google_time import instant, parse_instant, point_of
from app.sandbox.google_watch import stop_channel, watch_events


def find_method(verb: str, path: str) -> tuple[Method, Mapping[str, str]]:
    """Return the method at an address and what the address names.

    Raises:
        GoogleError: there is none.
    """
    for wanted, pattern, method in ROUTES:
        if wanted == verb and (found := re.fullmatch(pattern, path)):
            return method, found.groupdict()
    raise GoogleError("notFound")


def _get_calendar(call: Call) -> Answer:
    calendar = call.desk().calendar
    return {
        "kind": "calendar#calendar",
        "etag": _etag(calendar),
        "id": calendar.id,
        "summary": calendar.summary,
        "timeZone": calendar.time_zone,
        "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
    }


def _list_calendars(call: Call) -> Answer:
    return {
        "kind": "calendar#calendarList",
        "etag": f'"p{len(call.account.calendars):04d}"',
        "items": [_entry(calendar) for calendar in call.account.calendars],
    }


def _entry(calendar: GoogleCalendar) -> Answer:
    return {
        "kind": "calendar#calendarListEntry",
        "etag": _etag(calendar),
        "id": calendar.id,
        "summary": calendar.summary,
        "timeZone": calendar.time_zone,
        "accessRole": "owner",
        "selected": True,
        "defaultReminders": [{"method": "popup", "minutes": 10}],
        "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
        **({"primary": True} if calendar.primary else {}),
    }


def _etag(calendar: GoogleCalendar) -> str:
    return f'"c{calendar.generation:04d}"'


def _get_event(call: Call) -> Answer:
    calendar = call.desk().calendar
    return show_event(find_event(calendar, call.path["event"]), zone=call.query.get("timeZone", calendar.time_zone))


def _insert_event(call: Call) -> Answer:
    desk = call.desk()
    event = insert_event(desk, call.body, with_conference=_wants_conference(call))
    call.changed.append(desk.calendar)
    return show_event(event, zone=desk.calendar.time_zone)


def _patch_event(call: Call) -> Answer:
    return _change(call, replace=False)


def _update_event(call: Call) -> Answer:
    return _change(call, replace=True)


def _change(call: Call, *, replace: bool) -> Answer:
    desk = call.desk()
    event = change_event(
        desk,
        call.path["event"],
        call.body,
        with_conference=_wants_conference(call),
        replace=replace,
        if_match=call.if_match,
    )
    call.changed.append(desk.calendar)
    return show_event(event, zone=desk.calendar.time_zone)


def _delete_event(call: Call) -> None:
    desk = call.desk()
    delete_event(desk, call.path["event"])
    call.changed.append(desk.calendar)


def _wants_conference(call: Call) -> bool:
    version = call.query.get("conferenceDataVersion", "0")
    if version not in {"0", "1"}:
        raise GoogleError("invalid", f"Invalid value '{version}'.", location="conferenceDataVersion")
    return version == "1"


def _free_busy(call: Call) -> Answer:
    """Answer when calendars are busy: overlapping meetings are one span, free ones and all cancelled ones are none."""
    names = ("timeMin", "timeMax")
    start, end = (parse_instant(str(call.body.get(name, "")), name=name) for name in names)
    items = call.body.get("items")
    wanted = [str(item.get("id")) for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    own = {calendar.id: calendar for calendar in call.account.calendars}
    own["primary"] = next(calendar for calendar in call.account.calendars if calendar.primary)
    missing = {"errors": [{"domain": "global", "reason": "notFound"}], "busy": list[Answer]()}
    return {
        "kind": "calendar#freeBusy",
        "timeMin": _utc(start),
        "timeMax": _utc(end),
        "calendars": {id: {"busy": _busy(own[id], start, end)} if id in own else missing for id in wanted},
    }


def _busy(calendar: GoogleCalendar, start: datetime, end: datetime) -> list[Answer]:
    spans = sorted(
        (max(start, begins), min(end, ends))
        for item in single_entries(calendar)
        if not item.is_cancelled and item.body.get("transparency") != "transparent"
        for begins, ends in [[instant(point_of(item.body[name]), zone=calendar.time_zone) for name in ("start", "end")]]
        if ends > start and begins < end
    )
    merged: list[tuple[datetime, datetime]] = []
    for begins, ends in spans:
        if merged and begins <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(ends, merged[-1][1]))
        else:
            merged.append((begins, ends))
    return [{"start": _utc(begins), "end": _utc(ends)} for begins, ends in merged]


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


_CALENDAR = r"calendars/(?P<calendar>[^/]+)"
_EVENT = rf"{_CALENDAR}/events/(?P<event>[^/]+)"
ROUTES = (
    ("GET", _CALENDAR, Method(name="calendar.calendars.get", scopes=READ_CALENDAR, run=_get_calendar)),
    ("GET", "users/me/calendarList", Method(name="calendar.calendarList.list", scopes=READ_LIST, run=_list_calendars)),
    (
        "GET",
        "users/me/calendarList/(?P<calendar>[^/]+)",
        Method(name="calendar.calendarList.get", scopes=READ_LIST, run=lambda call: _entry(call.desk().calendar)),
    ),
    ("GET", f"{_CALENDAR}/events", Method(name="calendar.events.list", scopes=READ_EVENTS, run=list_events)),
    ("POST", f"{_CALENDAR}/events", Method(name="calendar.events.insert", scopes=WRITE_EVENTS, run=_insert_event)),
    ("POST", f"{_CALENDAR}/events/watch", Method(name="calendar.events.watch", scopes=READ_EVENTS, run=watch_events)),
    ("GET", _EVENT, Method(name="calendar.events.get", scopes=READ_EVENTS, run=_get_event)),
    ("PATCH", _EVENT, Method(name="calendar.events.patch", scopes=WRITE_EVENTS, run=_patch_event)),
    ("PUT", _EVENT, Method(name="calendar.events.update", scopes=WRITE_EVENTS, run=_update_event)),
    ("DELETE", _EVENT, Method(name="calendar.events.delete", scopes=WRITE_EVENTS, run=_delete_event)),
    (
        "GET",
        f"{_EVENT}/instances",
        Method(name="calendar.events.instances", scopes=READ_EVENTS, run=list_instances),
    ),
    ("POST", "channels/stop", Method(name="calendar.channels.stop", scopes=STOP_CHANNEL, run=stop_channel)),
    ("POST", "freeBusy", Method(name="calendar.freebusy.query", scopes=READ_BUSY, run=_free_busy)),
)
"""By verb and path: the methods played here."""
