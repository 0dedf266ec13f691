"""What Google's refusals mean for us, by the reason that they name.

https://developers.google.com/workspace/calendar/api/guides/errors
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from services.kernel.errors import InvalidInput, NeedsReauth, Refused, RetryLater
from services.kernel.http import OutboundResponse
from services.provider_kit.payloads import parse_json
from services.provider_kit.responses import check_status, retry_after

CURSOR_EXPIRED = "cursor_expired"
DUPLICATE = "duplicate"

_SLUG = "google_calendar"
_BUSY = frozenset(
    {
        "calendarusagelimitsexceeded",
        "concurrentlimitexceeded",
        "dailylimitexceeded",
        "quotaexceeded",
        "ratelimitexceeded",
        "resourceexhausted",
        "userratelimitexceeded",
    }
)
_ENDED = frozenset({"invalidgrant", "invalidtoken"})

Refusal = tuple[str, str]
"""Our code, and words that say what to do."""

_NO_RIGHT: Refusal = (
    "insufficient_permissions",
    "Google has not granted a right that is needed. Connect Google Calendar again and accept all rights.",
)
_NOT_TURNED_ON: Refusal = (
    "api_disabled",
    "The Google Calendar API is off in the app's Google Cloud project. Turn it on there, then test again.",
)
_LOST_CURSOR: Refusal = (CURSOR_EXPIRED, "Google does not know any more what we have seen of the calendar.")
_NOT_ALLOWED: Refusal = ("not_allowed", "The connected account may not do this in the calendar. Ask the owner.")
_BAD_ADDRESS: Refusal = (
    "webhook_address_refused",
    "Google does not call this installation. PATCHBAY_PUBLIC_URL must be a public https address.",
)
_REFUSALS: Mapping[str, Refusal] = {
    "accessnotconfigured": _NOT_TURNED_ON,
    "accesstokenscopeinsufficient": _NO_RIGHT,
    "calendarnotfound": ("not_found", "Google does not have this in the calendar any more."),
    "channelidnotunique": (DUPLICATE, "Google has a subscription of this name already."),
    "conditionnotmet": ("changed_meanwhile", "The meeting was changed meanwhile. Look at it, then try again."),
    "deleted": ("deleted", "The meeting was removed from the calendar."),
    "domainpolicy": (
        "access_denied",
        "The Google Workspace does not allow the app. Ask its administrator to allow it, then test again.",
    ),
    "duplicate": (DUPLICATE, "The meeting is in the calendar already."),
    "forbidden": _NOT_ALLOWED,
    "forbiddenfornonorganizer": ("not_organizer", "Only the organizer can change this meeting."),
    "fullsyncrequired": _LOST_CURSOR,
    "insufficientpermissions": _NO_RIGHT,
    "notacalendaruser": ("no_calendar", "The account has no Google Calendar. Open calendar.google.com with it once."),
    "notfound": ("not_found", "Google does not have this in the calendar any more."),
    "pushwebhookurlnothttps": _BAD_ADDRESS,
    "pushwebhookurlunauthorized": _BAD_ADDRESS,
    "requiredaccesslevel": _NOT_ALLOWED,
    "servicedisabled": _NOT_TURNED_ON,
    "timerangeempty": ("invalid_time", "A meeting must end after it begins."),
    "updatedmintoolongago": _LOST_CURSOR,
}
# Parameters that hold a place in a list: a value that Google cannot read is a place it has lost.
_PLACES = frozenset({"syncToken", "pageToken"})
_WORD = re.compile(r"[A-Za-z][A-Za-z._]{0,59}")


@dataclass(frozen=True, slots=True)
class _Fault:
    reason: str = ""
    location: str = ""

    @property
    def key(self) -> str:
        """The reason however it is spelled: ``push.webhookUrlNotHttps``, ``RATE_LIMIT_EXCEEDED``."""
        return self.reason.replace(".", "").replace("_", "").lower()


def check_answer(response: OutboundResponse) -> None:
    """Raise what an answer of Google's stands for, unless it is a success.

    Raises:
        NeedsReauth, RetryLater, Refused
    """
    if 200 <= response.status < 300:
        return
    fault = _read_fault(response.body)
    about: dict[str, Any] = {"provider": _SLUG, "status": response.status}
    if response.status < 500 and response.status != 429:
        if fault.key in _BUSY:
            raise RetryLater(
                "Google asks us to slow down.", after=retry_after(response.headers), code="rate_limited", **about
            )
        if fault.key in _ENDED:
            raise NeedsReauth("Google has ended this access. Connect again.", code=fault.reason, **about)
        if refusal := _find_refusal(fault, response.status):
            code, words = refusal
            raise Refused(words, code=code, **about)
    check_status(response, provider=_SLUG, name="Google")


def _find_refusal(fault: _Fault, status: int) -> Refusal | None:
    if status == 400 and fault.location in _PLACES:
        return _LOST_CURSOR
    known = _REFUSALS.get(fault.key)
    if known or status in (401, 408) or not fault.reason or status < 400:
        return known
    return "refused", f"Google refused the request ({fault.reason})."


def _read_fault(body: bytes) -> _Fault:
    """Return what a refusal names, whichever of Google's shapes it has."""
    try:
        error = parse_json(body).get("error")
    except InvalidInput:
        return _Fault()
    if isinstance(error, str):  # RFC 6749 §5.2
        return _Fault(_word(error))
    said = _dict(error)
    first = _dict(next(iter(_list(said.get("errors"))), None))
    detail = next((found for item in _list(said.get("details")) if (found := _dict(item).get("reason"))), "")
    return _Fault(
        _word(detail) or _word(first.get("reason")) or _word(said.get("status")), _word(first.get("location"))
    )


def _word(value: object) -> str:
    return value if isinstance(value, str) and _WORD.fullmatch(value) else ""


def _dict(value: object) -> dict[str, object]:
    return cast(dict[str, object], value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return cast(list[object], value) if isinstance(value, list) else []
