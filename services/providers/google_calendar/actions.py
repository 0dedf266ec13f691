"""What an agent may do with its calendar: look ahead, and book meetings."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.kernel.clock import zone_names
from services.kernel.errors import Refused
from services.provider_kit.contract import Action, ActionContext, ActionResult, ActionRisk, ExternalEvent
from services.providers.google_calendar.client import GoogleClient
from services.providers.google_calendar.errors import DUPLICATE
from services.providers.google_calendar.events import MARKER, find_zone, is_meeting, read_event
from services.providers.google_calendar.schemas import Event, EventList

Address = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+$")]

_CALENDAR = "primary"
_MEET = "hangoutsMeet"
_LONGEST = timedelta(days=14)


class ListUpcomingEvents(BaseModel):
    """How far to look ahead."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    days: int = Field(default=7, ge=1, le=60, description="How many days ahead to look.")
    limit: int = Field(default=10, ge=1, le=50, description="How many meetings to return at most.")


class CreateEvent(BaseModel):
    """The meeting to book."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: str = Field(min_length=1, max_length=300, description="What the meeting is called in the calendar.")
    starts_at: datetime = Field(description="ISO 8601. Without an offset it is meant in time_zone.")
    ends_at: datetime = Field(description="ISO 8601, after starts_at, with an offset if starts_at has one.")
    time_zone: str = Field(default="", description="IANA name such as Europe/Berlin; empty for the company's own.")
    attendees: tuple[Address, ...] = Field(
        default=(), max_length=50, description="E-mail addresses of the guests; Google sends each an invitation."
    )
    description: str = Field(default="", max_length=8000, description="What it is about; guests read it.")
    add_meet_link: bool = Field(default=False, description="Whether to meet online, with Google Meet.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.time_zone and self.time_zone not in zone_names():
            raise ValueError("time_zone must be an IANA name such as Europe/Berlin")
        if (self.starts_at.tzinfo is None) != (self.ends_at.tzinfo is None):
            raise ValueError("starts_at and ends_at must both have an offset, or neither")
        if not self.starts_at < self.ends_at <= self.starts_at + _LONGEST:
            raise ValueError(f"ends_at must come after starts_at, and within {_LONGEST.days} days of it")
        return self


def describe_list(given: ListUpcomingEvents) -> str:
    """Return one line about what is asked."""
    return f"List up to {given.limit} meetings of the next {given.days} days"


def list_upcoming_events(client: GoogleClient, given: ListUpcomingEvents, context: ActionContext) -> ActionResult:
    """Return the next meetings, in the tenant's time zone.

    Raises:
        NeedsReauth, RetryLater, Refused
    """
    begins = context.now.astimezone(UTC).replace(microsecond=0)
    request = client.events.list(
        calendarId=_CALENDAR,
        singleEvents=True,
        orderBy="startTime",
        timeMin=begins.isoformat(),
        timeMax=(begins + timedelta(days=given.days)).isoformat(),
        maxResults=given.limit,
    )
    listed = client.read(request, EventList)
    meetings = [read_event(item, time_zone=listed.timeZone) for item in listed.items if is_meeting(item)]
    shown = [_show(meeting, context.time_zone) for meeting in meetings if not meeting.is_removed]
    return ActionResult(
        output={"events": shown, "time_zone": context.time_zone},
        said=f"Found {len(shown)} meetings in the next {given.days} days.",
    )


def describe_create(given: CreateEvent) -> str:
    """Return one line about what would be booked."""
    same_day = given.starts_at.date() == given.ends_at.date()
    ends = f"{given.ends_at:%H:%M}" if same_day else f"{given.ends_at:%a %d %b %Y, %H:%M}"
    zone = given.time_zone or (given.starts_at.tzname() if given.starts_at.tzinfo else "") or "company time"
    guests = f" with {', '.join(given.attendees)}" if given.attendees else ""
    online = ", on Google Meet" if given.add_meet_link else ""
    return f"Book “{given.title}” on {given.starts_at:%a %d %b %Y, %H:%M}–{ends} ({zone}){guests}{online}"


def create_event(client: GoogleClient, given: CreateEvent, context: ActionContext) -> ActionResult:
    """Book a meeting. Its id is made from the run's, so that Google takes it once.

    Raises:
        RetryLater: with ``ambiguous=True`` if it may have been booked.
        NeedsReauth, Refused
    """
    request = client.events.insert(
        calendarId=_CALENDAR,
        body=_body(given, context),
        conferenceDataVersion=1 if given.add_meet_link else 0,
        sendUpdates="all" if given.attendees else "none",
    )
    try:
        booked = client.read(request, Event)
    except Refused as error:
        found = find_created_event(client, given, context) if error.code == DUPLICATE else None
        if found is None:
            raise
        return found
    return _booked(booked, context)


def find_created_event(client: GoogleClient, given: CreateEvent, context: ActionContext) -> ActionResult | None:
    """Look the run's meeting up by its id.

    Raises:
        NeedsReauth, RetryLater, Refused
    """
    try:
        event = client.read(client.events.get(calendarId=_CALENDAR, eventId=_event_id(context)), Event)
    except Refused as error:
        if error.status == 404:
            return None
        raise
    return _booked(event, context)


def list_guests(given: CreateEvent) -> tuple[str, ...]:
    """Return whom an invitation is sent to."""
    return given.attendees


def tell_created(output: Mapping[str, object]) -> str:
    """Return what a contact is told about a meeting that was booked after the answer to them."""
    if output.get("status") == "cancelled":
        return "The meeting was booked, and has been cancelled since."
    starts_at = datetime.fromisoformat(str(output["starts_at"]))
    online = f" Join here: {output['meet_url']}" if output["meet_url"] else ""
    return f"“{output['title']}” is booked for {starts_at:%A, %d %B %Y, %H:%M} ({starts_at:%Z}).{online}"


ACTIONS: tuple[Action, ...] = (
    Action(
        name="list_upcoming_events",
        label="List upcoming meetings",
        description="Lists the next meetings in your calendar. Use it before you propose or book a time.",
        risk=ActionRisk.READS,
        input=ListUpcomingEvents,
        describe=describe_list,
        run=list_upcoming_events,
    ),
    Action(
        name="create_event",
        label="Book a meeting",
        description="Books a meeting in your calendar, invites the guests, and adds a Google Meet link if asked to.",
        risk=ActionRisk.WRITES,
        input=CreateEvent,
        describe=describe_create,
        run=create_event,
        find=find_created_event,
        recipients=list_guests,
        tell=tell_created,
    ),
)


def _event_id(context: ActionContext) -> str:
    """Return the run's id in the letters that Google allows (RFC 4648 §7)."""
    return base64.b32hexencode(UUID(context.run_id).bytes).decode("ascii").rstrip("=").lower()


def _body(given: CreateEvent, context: ActionContext) -> Mapping[str, object]:
    zone = given.time_zone or context.time_zone
    body: dict[str, object] = {
        "id": _event_id(context),
        "summary": given.title,
        "start": _point(given.starts_at, zone),
        "end": _point(given.ends_at, zone),
        "extendedProperties": {"private": {MARKER: context.run_id}},
    }
    if given.description:
        body["description"] = given.description
    if given.attendees:
        body["attendees"] = [{"email": address} for address in given.attendees]
    if given.add_meet_link:
        asked = {"requestId": context.run_id, "conferenceSolutionKey": {"type": _MEET}}
        body["conferenceData"] = {"createRequest": asked}
    return body


def _point(moment: datetime, zone: str) -> dict[str, str]:
    moved = moment.replace(tzinfo=find_zone(zone)) if moment.tzinfo is None else moment.astimezone(find_zone(zone))
    return {"dateTime": moved.isoformat(timespec="seconds"), "timeZone": zone}


def _booked(event: Event, context: ActionContext) -> ActionResult:
    meeting = read_event(event, time_zone=context.time_zone)
    if meeting.is_removed:
        return ActionResult(
            output={"id": event.id, "status": "cancelled"},
            said="The meeting was booked, and somebody removed it from the calendar since.",
        )
    pending = "; Google is still making its Meet link" if meeting.conference_type and not meeting.meet_url else ""
    return ActionResult(
        output=_show(meeting, context.time_zone), said=f"Booked “{meeting.title}” in Google Calendar{pending}."
    )


def _show(meeting: ExternalEvent, time_zone: str) -> dict[str, object]:
    return {
        "id": meeting.id,
        "title": meeting.title,
        "starts_at": _shown_time(meeting.starts_at, time_zone),
        "ends_at": _shown_time(meeting.ends_at, time_zone),
        "is_all_day": meeting.is_all_day,
        "status": meeting.status,
        "location": meeting.location,
        "meet_url": meeting.meet_url,
        "html_url": meeting.html_url,
        "organizer": meeting.organizer_email,
        "attendees": [{"email": item.email, "response": item.response} for item in meeting.attendees],
        "is_booked_by_us": meeting.is_booked_by_us,
    }


def _shown_time(moment: datetime | None, time_zone: str) -> str:
    return moment.astimezone(find_zone(time_zone)).isoformat() if moment else ""
