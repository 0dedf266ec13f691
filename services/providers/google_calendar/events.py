"""Turns Google's events into ours."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.provider_kit.contract import Attendee, ExternalEvent
from services.providers.google_calendar.schemas import Event, Person, Point

MARKER = "patchbay_run"
"""Private property of the meetings that we book; its value is the action run. Only this calendar shows it."""

_RESPONSES: Mapping[str, Literal["declined", "tentative", "accepted"]] = {
    "declined": "declined",
    "tentative": "tentative",
    "accepted": "accepted",
}
# Entries of a calendar that nobody meets for. https://developers.google.com/workspace/calendar/api/guides/event-types
_NO_MEETINGS = frozenset({"birthday", "workingLocation"})


def is_meeting(event: Event) -> bool:
    """Return whether an entry takes somebody's time."""
    return event.eventType not in _NO_MEETINGS


def read_event(event: Event, *, time_zone: str) -> ExternalEvent:
    """Return an event as the rest of the product knows it.

    Google keeps a cancelled event, and the cancelled date of a series, as a stub: both are gone from the calendar.

    Args:
        event: as answered.
        time_zone: the calendar's; a whole day is one there.
    """
    begins, ends = _moment(event.start, time_zone), _moment(event.end, time_zone)
    if event.status == "cancelled" or event.start is None or begins is None or ends is None:
        return ExternalEvent(id=event.id, is_removed=True)
    return ExternalEvent(
        id=event.id,
        series_id=event.recurringEventId,
        title=event.summary,
        description=event.description,
        starts_at=begins,
        ends_at=ends,
        is_all_day=event.start.dateTime is None,
        time_zone=event.start.timeZone or time_zone,
        location=event.location,
        meet_url=_meet_url(event),
        conference_type=_conference_type(event),
        html_url=_secure(event.htmlLink),
        organizer_email=event.organizer.email.lower() if event.organizer else "",
        attendees=tuple(_attendee(person) for person in event.attendees if person.email),
        status="tentative" if event.status == "tentative" else "confirmed",
        is_invited=any(person.is_self for person in event.attendees),
        is_booked_by_us=MARKER in event.extendedProperties.private,
        etag=event.etag,
        updated_at=event.updated,
    )


def find_zone(name: str) -> tzinfo:
    """Return a time zone by its IANA name; UTC for a name that nobody knows."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def _moment(point: Point | None, time_zone: str) -> datetime | None:
    if point is None:
        return None
    moment = point.dateTime
    if moment is None:
        if point.date is None:
            return None
        moment = datetime.combine(point.date, time.min)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=find_zone(point.timeZone or time_zone))
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # at the end of all years, where somebody who invites us can put a meeting
        return None


def _attendee(person: Person) -> Attendee:
    return Attendee(email=person.email.lower(), response=_RESPONSES.get(person.responseStatus, "needs_action"))


def _meet_url(event: Event) -> str:
    if event.hangoutLink:
        return _secure(event.hangoutLink)
    entries = event.conferenceData.entryPoints if event.conferenceData else ()
    return next((_secure(entry.uri) for entry in entries if entry.entryPointType == "video"), "")


def _conference_type(event: Event) -> str:
    conference = event.conferenceData
    if conference and conference.conferenceSolution:
        return conference.conferenceSolution.key.type
    if conference and conference.createRequest:
        return conference.createRequest.conferenceSolutionKey.type
    return "hangoutsMeet" if event.hangoutLink else ""


def _secure(url: str) -> str:
    """Return a link if it is one that a page may show; whoever invites writes it."""
    return url if url.startswith("https://") else ""
