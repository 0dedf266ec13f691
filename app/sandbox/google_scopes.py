"""The scopes an app may ask Google for here, and which of them open which method."""

from collections.abc import Mapping

_ROOT = "https://www.googleapis.com/auth/"
_SHORT = {"email": f"{_ROOT}userinfo.email", "profile": f"{_ROOT}userinfo.profile"}

SCOPES: Mapping[str, str] = {
    "openid": "Associate you with your personal info on Google",
    f"{_ROOT}userinfo.email": "See your primary Google Account e-mail address",
    f"{_ROOT}userinfo.profile": "See your personal info, including any you have made public",
    f"{_ROOT}calendar": "See, edit, share and permanently delete all the calendars you can reach",
    f"{_ROOT}calendar.readonly": "See and download any calendar you can reach",
    f"{_ROOT}calendar.events": "View and edit events on all your calendars",
    f"{_ROOT}calendar.events.owned": "See, create, change and delete events on calendars you own",
    f"{_ROOT}calendar.events.readonly": "View events on all your calendars",
    f"{_ROOT}calendar.events.owned.readonly": "See the events on calendars you own",
    f"{_ROOT}calendar.calendarlist": "See, add and remove calendars you are subscribed to",
    f"{_ROOT}calendar.calendarlist.readonly": "See the list of calendars you are subscribed to",
    f"{_ROOT}calendar.calendars.readonly": "See the title, default time zone and other properties of calendars",
    f"{_ROOT}calendar.freebusy": "See whether you are free or busy",
    f"{_ROOT}calendar.events.freebusy": "See whether you are free or busy on calendars you can reach",
}
"""In the words of the consent page; any other is an ``invalid_scope``."""

IDENTITY_SCOPES = frozenset({"openid", *_SHORT.values()})
"""What the consent page does not offer to leave out."""


def full_scope(scope: str) -> str:
    """Return a scope as Google writes it back: ``email`` and ``profile`` are short for addresses."""
    return _SHORT.get(scope, scope)


def _any_of(*names: str) -> frozenset[str]:
    return frozenset(f"{_ROOT}{name}" for name in names)


READ_EVENTS = _any_of(
    "calendar",
    "calendar.readonly",
    "calendar.events",
    "calendar.events.readonly",
    "calendar.events.owned",
    "calendar.events.owned.readonly",
    "calendar.events.freebusy",
)
WRITE_EVENTS = _any_of("calendar", "calendar.events", "calendar.events.owned")
READ_LIST = _any_of("calendar", "calendar.readonly", "calendar.calendarlist", "calendar.calendarlist.readonly")
READ_CALENDAR = _any_of("calendar", "calendar.readonly", "calendar.calendars.readonly")
READ_BUSY = _any_of("calendar", "calendar.readonly", "calendar.freebusy", "calendar.events.freebusy")
STOP_CHANNEL = READ_EVENTS | READ_LIST
