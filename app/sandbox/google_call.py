"""What all of Google's API methods share: the call, its refusal, and what a token may do."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from app.sandbox.google_state import GoogleAccount, GoogleCalendar, GoogleGrant, GoogleState
from app.sandbox.record import JsonObject

Answer = dict[str, object]

REASONS: Mapping[str, tuple[int, str, str]] = {
    "authError": (401, "global", "Invalid Credentials"),
    "required": (401, "global", "Login Required."),
    "insufficientPermissions": (403, "global", "Request had insufficient authentication scopes."),
    "rateLimitExceeded": (403, "usageLimits", "Rate Limit Exceeded"),
    "notFound": (404, "global", "Not Found"),
    "duplicate": (409, "global", "The requested identifier already exists."),
    "deleted": (410, "global", "Resource has been deleted"),
    "fullSyncRequired": (410, "calendar", "Sync token is no longer valid, a full sync is required."),
    "updatedMinTooLongAgo": (410, "calendar", "The requested minimum modification time lies too far in the past."),
    "conditionNotMet": (412, "global", "Precondition Failed"),
    "invalid": (400, "global", "Invalid Value"),
    "badRequest": (400, "global", "Bad Request"),
    "parseError": (400, "global", "Parse Error"),
    "timeRangeEmpty": (400, "calendar", "The specified time range is empty."),
    "cannotBeUsedWithSyncToken": (400, "global", "Sync token cannot be combined with this parameter."),
    "channelIdNotUnique": (400, "global", "Channel id not unique"),
    "pushInvalidTtl": (400, "global", "Invalid ttl value for the channel."),
    "pushWebhookUrlNotHttps": (400, "global", "WebHook callback must be HTTPS."),
    "backendError": (500, "global", "Backend Error"),
}
"""By reason: the status, the domain and the message, as in https://developers.google.com/workspace/calendar/api/guides/errors"""


class GoogleError(Exception):
    """Google says no.

    Args:
        reason: the key of ``REASONS``.
        message: instead of the usual one.
        location: the parameter at fault.
        status: instead of the usual one.
    """

    def __init__(self, reason: str, message: str = "", *, location: str = "", status: int = 0) -> None:
        usual, self._domain, words = REASONS[reason]
        self.status, self.reason, self.message, self.location = status or usual, reason, message or words, location
        super().__init__(self.message)

    def body(self) -> Answer:
        """Return the error as the API writes it."""
        error = {"domain": self._domain, "reason": self.reason, "message": self.message}
        if self.location:
            error |= {"locationType": "parameter", "location": self.location}
        return {"error": {"errors": [error], "code": self.status, "message": self.message}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One person's calendar at one moment: what every change is made on."""

    account: GoogleAccount
    calendar: GoogleCalendar
    now: float


@dataclass(slots=True, kw_only=True)
class Call:
    """One authenticated call of a method, with the calendars that it changed."""

    google: GoogleState
    grant: GoogleGrant
    account: GoogleAccount
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: JsonObject
    if_match: str
    now: float
    changed: list[GoogleCalendar] = field(default_factory=list[GoogleCalendar])

    def desk(self) -> Desk:
        """Return the calendar that the path names.

        Raises:
            GoogleError: the person has no such calendar.
        """
        wanted = self.path["calendar"]
        for calendar in self.account.calendars:
            if calendar.id.lower() == wanted.lower() or (calendar.primary and wanted == "primary"):
                return Desk(account=self.account, calendar=calendar, now=self.now)
        raise GoogleError("notFound")

    def flag(self, name: str) -> bool:
        """Return whether a parameter is set.

        Raises:
            GoogleError: it is neither ``true`` nor ``false``.
        """
        value = self.query.get(name, "false").lower()
        if value not in {"true", "false"}:
            raise GoogleError("invalid", f"Invalid value for: {value} is not a valid boolean", location=name)
        return value == "true"

    def number(self, name: str, *, default: int, most: int) -> int:
        """Return a number of at least 1; more than ``most`` is ``most``.

        Raises:
            GoogleError: it is not such a number.
        """
        value = self.query.get(name, str(default))
        if not value.isdecimal() or int(value) < 1:
            raise GoogleError("invalid", f"Invalid value '{value}'.", location=name)
        return min(int(value), most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A method of the API and the scopes one of which it needs; ``run`` returns None for an empty answer."""

    name: str
    scopes: frozenset[str]
    run: Callable[[Call], Answer | None]


def authenticate(google: GoogleState, authorization: str, *, now: float) -> tuple[GoogleGrant, frozenset[str]]:
    """Return what an ``Authorization`` header opens, and its scopes.

    Raises:
        GoogleError: 401.
    """
    scheme, _, shown = authorization.partition(" ")
    if scheme.lower() != "bearer" or not shown:
        raise GoogleError("required")
    for grant in google.grants:
        for token in grant.access_tokens:
            if hmac.compare_digest(token.token.encode(), shown.encode()):
                if token.expires_at <= now or grant.is_refused:
                    raise GoogleError("authError")
                return grant, frozenset(token.scopes)
    raise GoogleError("authError")


def find_account(google: GoogleState, sub: str) -> GoogleAccount:
    """Return the person with this id."""
    return next(account for account in google.accounts if account.sub == sub)
