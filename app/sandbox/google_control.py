"""The control API's Google part: people who move their meetings, and what goes wrong between them and an app."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from pydantic import Field

from app.sandbox import google_watch
from app.sandbox.control_body import Body, ControlError
from app.sandbox.google_call import Desk, GoogleError
from app.sandbox.google_events import change_event, delete_event, insert_event
from app.sandbox.google_oauth import end_grant
from app.sandbox.google_series import find_event
from app.sandbox.google_state import GoogleEvent, GoogleGrant
from app.sandbox.google_time import Point, length_of, point_of, write_point
from app.sandbox.record import JsonObject
from app.sandbox.world import World

Answer = Mapping[str, object]


class EventAdd(Body):
    """A person adds a meeting: at a local time of theirs, or for a whole day."""

    calendar: str = ""
    summary: str = Field(min_length=1, max_length=1024)
    start: str
    """``YYYY-MM-DDTHH:MM``, or ``YYYY-MM-DD`` for a whole day."""
    minutes: int = Field(default=30, ge=0, le=14 * 1440)
    guests: list[str] = Field(default_factory=list[str])
    recurrence: list[str] = Field(default_factory=list[str])


class EventMove(Body):
    """A person moves a meeting: to a local time, or by minutes."""

    calendar: str = ""
    event: str
    start: str = ""
    minutes: int = 0


class EventChange(Body):
    """A person changes a meeting; ``fields`` are merged into it as ``patch`` does."""

    calendar: str = ""
    event: str
    fields: JsonObject


class EventGone(Body):
    """A person takes a meeting away."""

    calendar: str = ""
    event: str


class WhichCalendar(Body):
    """One calendar, or all of them if none is named."""

    calendar: str = ""


class Notifications(Body):
    """What happens to the next notifications; either number replaces what was set before."""

    drop: int = Field(default=0, ge=0, le=10_000)
    double: int = Field(default=0, ge=0, le=10_000)


class Harm(StrEnum):
    """What becomes of an app's access to an account."""

    EXPIRE = "expire"
    """The access tokens end; the refresh token works."""
    REFUSE = "refuse"
    """The APIs answer 401 whatever token is shown, until ``accept``."""
    ACCEPT = "accept"
    REVOKE = "revoke"
    """The person removes the app in their Google account."""


class Access(Body):
    """Harm done to an app's access to an account, or to all accounts if none is named."""

    account: str = ""
    harm: Harm


class Watches(Body):
    """How long channels may live from now on; ``expire`` ends those there are."""

    seconds: int = Field(default=604_800, ge=1, le=2_592_000)
    expire: bool = False


class Testing(Body):
    """Whether the consent screen is in Testing: refresh tokens given from now on end after seven days."""

    on: bool = True


async def add_event(world: World, body: EventAdd) -> Answer:
    """Add a meeting."""
    desk = _desk(world, body.calendar)
    guests: JsonObject = {"attendees": [{"email": guest} for guest in body.guests]}
    recurrence: JsonObject = {"recurrence": [*body.recurrence]}
    fields: JsonObject = {"summary": body.summary, **guests, **recurrence}
    start = _local(desk, body.start)
    span = timedelta(minutes=body.minutes) if "T" in body.start else timedelta(days=1)
    fields |= {"start": write_point(start), "end": write_point(start + span)}
    try:
        event = insert_event(desk, fields, with_conference=False)
    except GoogleError as error:
        raise ControlError(error.message) from error
    return _tell(world, desk, event.id)


async def move_event(world: World, body: EventMove) -> Answer:
    """Move a meeting; one occurrence of a series moves alone."""
    desk = _desk(world, body.calendar)
    event = _event(desk, body.event)
    by = timedelta(minutes=body.minutes)
    to = _local(desk, body.start) if body.start else point_of(event.body["start"]) + by
    fields: JsonObject = {"start": _only(to), "end": _only(to + length_of(event.body))}
    return _change(world, desk, event.id, fields)


async def change_fields(world: World, body: EventChange) -> Answer:
    """Change a meeting."""
    return _change(world, _desk(world, body.calendar), body.event, body.fields)


async def cancel_event(world: World, body: EventGone) -> Answer:
    """Cancel a meeting, or one occurrence of a series."""
    return _delete(world, _desk(world, body.calendar), body.event)


async def delete_whole(world: World, body: EventGone) -> Answer:
    """Delete a meeting, or the whole series that an occurrence belongs to."""
    desk = _desk(world, body.calendar)
    event = _event(desk, body.event)
    return _delete(world, desk, event.series or event.id)


async def lose_sync_tokens(world: World, body: WhichCalendar) -> Answer:
    """Make every sync token invalid that was given out: the next use is a 410."""
    for account in world.store.state.google.accounts:
        for calendar in account.calendars:
            if body.calendar in {"", calendar.id}:
                calendar.generation += 1
    return {}


async def set_notifications(world: World, body: Notifications) -> Answer:
    """Lose or double the next notifications."""
    google = world.store.state.google
    google.drop_notifications, google.double_notifications = body.drop, body.double
    return {}


async def set_access(world: World, body: Access) -> Answer:
    """Do harm to an app's access."""
    google = world.store.state.google
    emails = {account.sub: account.email for account in google.accounts}
    grants = [grant for grant in google.grants if body.account in {"", emails[grant.sub]}]
    if not grants:
        raise ControlError("Nobody has allowed an app anything there. Connect Google Calendar in Patchbay first.")
    for grant in grants:
        _harm(world, grant, body.harm)
    return {"grants": len(grants)}


async def set_watches(world: World, body: Watches) -> Answer:
    """Shorten the life of channels."""
    google = world.store.state.google
    google.watch_seconds = body.seconds
    for channel in google.channels if body.expire else ():
        channel.expires_at = min(channel.expires_at, world.now())
    return {}


async def set_testing(world: World, body: Testing) -> Answer:
    """Put the consent screen into Testing, or publish it."""
    for client in world.store.state.google.clients:
        client.is_testing = body.on
    return {}


def _harm(world: World, grant: GoogleGrant, harm: Harm) -> None:
    match harm:
        case Harm.EXPIRE:
            grant.access_tokens = [
                item.model_copy(update={"expires_at": min(item.expires_at, world.now())})
                for item in grant.access_tokens
            ]
        case Harm.REFUSE | Harm.ACCEPT:
            grant.is_refused = harm is Harm.REFUSE
        case Harm.REVOKE:
            end_grant(world.store.state.google, grant)


def _desk(world: World, calendar_id: str) -> Desk:
    accounts = world.store.state.google.accounts
    wanted = calendar_id or accounts[0].email
    for account in accounts:
        for calendar in account.calendars:
            if calendar.id == wanted:
                return Desk(account=account, calendar=calendar, now=world.now())
    raise ControlError(f"There is no calendar {wanted}.")


def _event(desk: Desk, event_id: str) -> GoogleEvent:
    try:
        event = find_event(desk.calendar, event_id)
    except GoogleError as error:
        raise ControlError(f"There is no event {event_id} in {desk.calendar.summary}.") from error
    if event.is_cancelled:
        raise ControlError("That meeting is cancelled already.")
    return event


def _change(world: World, desk: Desk, event_id: str, fields: JsonObject) -> Answer:
    try:
        change_event(desk, _event(desk, event_id).id, fields, with_conference=False)
    except GoogleError as error:
        raise ControlError(error.message) from error
    return _tell(world, desk, event_id)


def _delete(world: World, desk: Desk, event_id: str) -> Answer:
    delete_event(desk, _event(desk, event_id).id)
    return _tell(world, desk, event_id)


def _tell(world: World, desk: Desk, event_id: str) -> Answer:
    said = google_watch.notify(world.store.state.google, desk.calendar, now=desk.now)
    return {"event": event_id, "event_ids": world.courier.send_notifications(said)}


def _local(desk: Desk, text: str) -> Point:
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise ControlError("Give the time as 2026-11-20T09:00, or a day as 2026-11-20.") from error
    return read.replace(tzinfo=ZoneInfo(desk.calendar.time_zone)) if "T" in text else read.date()


def _only(point: Point) -> JsonObject:
    """Return a point as a patch that leaves nothing of another kind of point."""
    return {"date": None, "dateTime": None, "timeZone": None, **write_point(point)}
