"""Google Calendar's events as the sandbox plays them: what may be written, and what becomes of it.

https://developers.google.com/workspace/calendar/api/v3/reference/events
"""

import base64
import re
import secrets

from pydantic import JsonValue

from app.sandbox.google_call import Answer, Desk, GoogleError
from app.sandbox.google_conference import write_conference
from app.sandbox.google_recurrence import read_rule
from app.sandbox.google_series import find_event, single_ids
from app.sandbox.google_state import GoogleCalendar, GoogleEvent
from app.sandbox.google_time import instant, point_of, read_point, show_point, stamp
from app.sandbox.record import JsonObject

_ID = re.compile(r"[a-v0-9]{5,1024}")
_WRITABLE = frozenset(
    {
        *("summary", "description", "location", "start", "end", "recurrence", "attendees", "reminders", "status"),
        *("transparency", "visibility", "colorId", "extendedProperties", "source", "eventType", "attachments"),
        *("guestsCanInviteOthers", "guestsCanModify", "guestsCanSeeOtherGuests", "anyoneCanAddSelf"),
    }
)
_STATUSES = frozenset({"confirmed", "tentative", "cancelled"})
_POINTS = ("start", "end", "originalStartTime")


def insert_event(desk: Desk, body: JsonObject, *, with_conference: bool) -> GoogleEvent:
    """Add an event.

    Args:
        with_conference: whether the caller understands conference data (``conferenceDataVersion=1``).

    Raises:
        GoogleError: as Google would refuse.
    """
    event_id = str(body.get("id") or secrets.token_hex(13))
    if not _ID.fullmatch(event_id):
        raise GoogleError("invalid", "Invalid resource id value.")
    if event_id in desk.calendar.events:
        raise GoogleError("duplicate")
    me = {"email": desk.account.email, "self": True}
    owner = {"email": desk.calendar.id, "displayName": desk.account.name, "self": True}
    fixed: JsonObject = {
        "id": event_id,
        "created": stamp(desk.now),
        "creator": {**me},
        "organizer": {**owner},
        "iCalUID": str(body.get("iCalUID") or f"{event_id}@google.com"),
        "sequence": 0,
        "htmlLink": _link(desk.calendar, event_id),
    }
    given: JsonObject = {
        "status": "confirmed",
        "reminders": {"useDefault": True},
        "eventType": "default",
        **_writable(body),
    }
    conference = write_conference(desk.calendar, {}, body) if with_conference else {}
    event = GoogleEvent(id=event_id, revision=0, body={**fixed, **_checked(desk, given), **conference})
    desk.calendar.events[event_id] = event
    _settle(desk, event)
    return event


def change_event(
    desk: Desk, event_id: str, body: JsonObject, *, with_conference: bool, replace: bool = False, if_match: str = ""
) -> GoogleEvent:
    """Change an event, a series, or one occurrence of a series, which becomes an exception.

    Args:
        replace: forget what the body does not say, as ``update`` does; else it is merged in, as ``patch`` does.
        if_match: the etag that the event must have, if any.

    Raises:
        GoogleError: as Google would refuse.
    """
    event = find_event(desk.calendar, event_id)
    if if_match not in {"", "*", etag_of(event)}:
        raise GoogleError("conditionNotMet")
    if event.is_cancelled and body.get("status") not in {"confirmed", "tentative"}:
        raise GoogleError("notFound")
    before = single_ids(event)
    moved_from = _schedule(event)
    if event.series:
        body = {name: value for name, value in body.items() if name != "recurrence"}
    kept = {name: value for name, value in event.body.items() if name not in _WRITABLE}
    old = {name: value for name, value in event.body.items() if name in _WRITABLE}
    given = {"status": "confirmed", **_writable(body)} if replace else _merge(old, _writable(body))
    if with_conference:
        kept = {name: value for name, value in kept.items() if name not in {"conferenceData", "hangoutLink"}}
        kept |= write_conference(desk.calendar, event.body, body)
    event.body = {**kept, **_checked(desk, given)}
    if _schedule(event) != moved_from:
        event.body["sequence"] = int(str(event.body.get("sequence", 0))) + 1
    desk.calendar.events[event_id] = event
    _settle(desk, event)
    _note_removed(desk, event, before)
    return event


def delete_event(desk: Desk, event_id: str) -> None:
    """Delete an event, a series, or one occurrence of a series.

    Raises:
        GoogleError: there is none, or it is deleted already.
    """
    event = find_event(desk.calendar, event_id)
    if event.is_cancelled:
        raise GoogleError("deleted")
    before = single_ids(event)
    event.body["status"] = "cancelled"
    desk.calendar.events[event_id] = event
    _settle(desk, event)
    _note_removed(desk, event, before)


def show_event(event: GoogleEvent, *, zone: str) -> Answer:
    """Return an event as the API writes it, for a reader in a time zone."""
    points = {name: show_point(event.body[name], zone=zone) for name in _POINTS if name in event.body}
    return {"kind": "calendar#event", "etag": etag_of(event), **event.body, **points}


def show_removed(event: GoogleEvent, *, zone: str) -> Answer:
    """Return a deleted event as a list writes it: only what the documentation guarantees."""
    names = {"id", "status", "recurringEventId", "originalStartTime"}
    return {name: value for name, value in show_event(event, zone=zone).items() if name in {"kind", "etag", *names}}


def etag_of(event: GoogleEvent) -> str:
    """Return an event's etag: a new one with every change."""
    return f'"{event.revision:016d}"'


def _settle(desk: Desk, event: GoogleEvent) -> None:
    desk.calendar.revision += 1
    event.revision = desk.calendar.revision
    event.body["updated"] = stamp(desk.now)


def _note_removed(desk: Desk, event: GoogleEvent, before: frozenset[str]) -> None:
    """Write down which single entries a change has removed; exceptions of such go with them."""
    after = single_ids(event)
    event.gone = {id: revision for id, revision in event.gone.items() if id not in after}
    event.gone |= dict.fromkeys(sorted(before - after), event.revision)
    for id in before - after - {event.id}:
        exception = desk.calendar.events.get(id)
        if exception is not None and not exception.is_cancelled:
            exception.body["status"] = "cancelled"
            exception.revision = event.revision


def _schedule(event: GoogleEvent) -> list[JsonValue]:
    return [event.body.get(name) for name in ("start", "end", "recurrence")]


def _writable(body: JsonObject) -> JsonObject:
    return {name: value for name, value in body.items() if name in _WRITABLE}


def _merge(old: JsonObject, new: JsonObject) -> JsonObject:
    """Merge a patch: null removes, objects are merged, anything else replaces."""
    merged = {name: value for name, value in old.items() if name not in new}
    for name, value in new.items():
        before = old.get(name)
        if isinstance(value, dict):
            merged[name] = _merge(before if isinstance(before, dict) else {}, value)
        elif value is not None:
            merged[name] = value
    return merged


def _checked(desk: Desk, given: JsonObject) -> JsonObject:
    zone = desk.calendar.time_zone
    start = read_point(given.get("start"), default_zone=zone, name="start")
    end = read_point(given.get("end"), default_zone=zone, name="end")
    if ("date" in start) != ("date" in end):
        raise GoogleError("invalid", "The start and end times must either both be date or both be dateTime.")
    if instant(point_of(end), zone=zone) < instant(point_of(start), zone=zone):
        raise GoogleError("timeRangeEmpty")
    checked: JsonObject = {name: value for name, value in given.items() if value not in (None, [])}
    checked |= {"start": start, "end": end}
    if checked.get("status") not in _STATUSES:
        raise GoogleError("invalid", "Invalid value for status.", location="status")
    if "recurrence" in checked:
        read_rule(checked["recurrence"])
        _require_zone(given)
    if "attendees" in checked:
        checked["attendees"] = [_attendee(desk, item) for item in _list(checked["attendees"])]
    return checked


def _require_zone(given: JsonObject) -> None:
    for name in ("start", "end"):
        point = given[name]
        if isinstance(point, dict) and "dateTime" in point and "timeZone" not in point:
            raise GoogleError("required", f"Missing time zone definition for {name} time.", status=400)


def _attendee(desk: Desk, given: JsonValue) -> JsonValue:
    email = given.get("email") if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(email, str) or not re.fullmatch(r"[^@\s]+@[^@\s]+", email):
        raise GoogleError("invalid", "Invalid attendee email.")
    mine: JsonObject = {"self": True, "organizer": True} if email == desk.account.email else {}
    return {"responseStatus": "needsAction", **given, **mine}


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else [value]


def _link(calendar: GoogleCalendar, event_id: str) -> str:
    eid = base64.urlsafe_b64encode(f"{event_id} {calendar.id}".encode()).rstrip(b"=").decode()
    return f"https://www.google.com/calendar/event?eid={eid}"
