"""What Google's APIs answer; only what we read.

https://developers.google.com/workspace/calendar/api/v3/reference/events
"""

import datetime as dt
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _not_none(value: object) -> object:
    return "" if value is None else value


Text = Annotated[str, BeforeValidator(_not_none)]
"""Text that Google may leave out."""


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Point(_Wire):
    """When an event begins or ends: a day, or a moment."""

    date: dt.date | None = None
    dateTime: dt.datetime | None = None
    timeZone: Text = ""


class Person(_Wire):
    """Who is invited, or invites; ``self`` is the connected account."""

    email: Text = ""
    responseStatus: Text = ""
    is_self: bool = Field(default=False, alias="self")


class EntryPoint(_Wire):
    """A way to join a conference."""

    entryPointType: Text = ""
    uri: Text = ""


class SolutionKey(_Wire):
    """A kind of conference."""

    type: Text = ""


class Solution(_Wire):
    """The conference that an event has."""

    key: SolutionKey = SolutionKey()


class CreateRequest(_Wire):
    """The conference that was asked for; Google makes it a moment later."""

    conferenceSolutionKey: SolutionKey = SolutionKey()


class Conference(_Wire):
    """How to meet online."""

    entryPoints: tuple[EntryPoint, ...] = ()
    conferenceSolution: Solution | None = None
    createRequest: CreateRequest | None = None


class Properties(_Wire):
    """Values that apps attach to an event; the private ones show in this calendar alone."""

    private: dict[str, str] = Field(default_factory=dict[str, str])


class Event(_Wire):
    """One entry of a calendar. A deleted one may have nothing but its id and ``status``."""

    id: str = Field(min_length=1)
    status: Text = "confirmed"
    eventType: Text = ""
    recurringEventId: Text = ""
    summary: Text = ""
    description: Text = ""
    location: Text = ""
    start: Point | None = None
    end: Point | None = None
    organizer: Person | None = None
    attendees: tuple[Person, ...] = ()
    hangoutLink: Text = ""
    conferenceData: Conference | None = None
    htmlLink: Text = ""
    extendedProperties: Properties = Properties()
    etag: Text = ""
    updated: dt.datetime | None = None


class EventList(_Wire):
    """A page of ``events.list``."""

    kind: str
    summary: Text = ""
    timeZone: Text = ""
    items: tuple[Event, ...] = ()
    nextPageToken: Text = ""
    nextSyncToken: Text = ""


class Channel(_Wire):
    """What ``events.watch`` answers; the end is in milliseconds since 1970."""

    resourceId: str = Field(min_length=1)
    expiration: int = Field(gt=0, lt=10**14)


class UserInfo(_Wire):
    """Who the account is. https://developers.google.com/identity/openid-connect/openid-connect#obtainuserinfo"""

    sub: str = Field(min_length=1)
    email: Text = ""
