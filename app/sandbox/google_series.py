"""A series and its occurrences: which there are, which were changed on their own, and which are no more."""

from collections.abc import Iterator
from datetime import datetime

from app.sandbox.google_call import GoogleError
from app.sandbox.google_recurrence import occurrence_key, occurrences, read_key, read_rule
from app.sandbox.google_state import GoogleCalendar, GoogleEvent
from app.sandbox.google_time import Point, length_of, point_of, write_point
from app.sandbox.record import JsonObject


def is_series(event: GoogleEvent) -> bool:
    """Return whether an event repeats."""
    return bool(event.body.get("recurrence"))


def occurrence_ids(series: GoogleEvent) -> dict[str, Point]:
    """Return the ids that a series' rule gives its occurrences, each with its original start."""
    rule = read_rule(series.body["recurrence"])
    start = point_of(series.body["start"])
    return {f"{series.id}_{occurrence_key(point)}": point for point in occurrences(start, rule)}


def unchanged_occurrences(series: GoogleEvent) -> Iterator[GoogleEvent]:
    """Return a series' occurrences as its rule makes them."""
    length = length_of(series.body)
    shared = {name: value for name, value in series.body.items() if name != "recurrence"}
    for id, start in occurrence_ids(series).items():
        places = {"start": write_point(start), "end": write_point(start + length)}
        own = {"id": id, "recurringEventId": series.id, "originalStartTime": write_point(start)}
        yield GoogleEvent(id=id, revision=series.revision, body={**shared, **places, **own})


def single_entries(calendar: GoogleCalendar) -> Iterator[GoogleEvent]:
    """Return every single event and every occurrence, an exception in the place of what it changes."""
    for event in calendar.events.values():
        if event.series:
            continue
        if not is_series(event):
            yield event
        elif not event.is_cancelled:
            yield from (calendar.events.get(item.id, item) for item in unchanged_occurrences(event))
        yield from _removed(event)


def single_ids(event: GoogleEvent) -> frozenset[str]:
    """Return under which ids an event appears among single events."""
    if not is_series(event):
        return frozenset({event.id})
    return frozenset() if event.is_cancelled else frozenset(occurrence_ids(event))


def _removed(event: GoogleEvent) -> Iterator[GoogleEvent]:
    for id, revision in event.gone.items():
        series: JsonObject = {} if id == event.id else {"recurringEventId": event.id, **_original_start(event, id)}
        body: JsonObject = {"id": id, "status": "cancelled", "updated": event.body["updated"], **series}
        yield GoogleEvent(id=id, revision=revision, body=body)


def _original_start(event: GoogleEvent, occurrence_id: str) -> JsonObject:
    start = point_of(event.body["start"])
    point = read_key(occurrence_id.rpartition("_")[2])
    if isinstance(point, datetime) and isinstance(start, datetime):
        point = point.astimezone(start.tzinfo)
    return {"originalStartTime": write_point(point)}


def find_event(calendar: GoogleCalendar, event_id: str) -> GoogleEvent:
    """Return an event, a series or an occurrence; an unchanged occurrence is made, but not stored.

    Raises:
        GoogleError: there is none.
    """
    if event_id in calendar.events:
        return calendar.events[event_id]
    series = calendar.events.get(event_id.rpartition("_")[0])
    if series is not None and is_series(series) and not series.is_cancelled:
        for item in unchanged_occurrences(series):
            if item.id == event_id:
                return item
    raise GoogleError("notFound")
