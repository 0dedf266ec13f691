"""Google Meet as events carry it.

https://developers.google.com/workspace/calendar/api/guides/create-events#conferencing
"""

import secrets
import string

from app.sandbox.google_call import GoogleError
from app.sandbox.google_state import GoogleCalendar
from app.sandbox.record import JsonObject

_MEET = "hangoutsMeet"


def write_conference(calendar: GoogleCalendar, old: JsonObject, body: JsonObject) -> JsonObject:
    """Return an event's conference fields after a write.

    Args:
        old: the event before.
        body: what is written; asking again with the same request id gives the same conference.

    Raises:
        GoogleError: it asks for something that is not a conference here.
    """
    if "conferenceData" not in body:
        return {name: old[name] for name in ("conferenceData", "hangoutLink") if name in old}
    given = body["conferenceData"]
    request = given.get("createRequest") if isinstance(given, dict) else None
    if given is None:
        return {}
    if not isinstance(request, dict):
        return {name: old[name] for name in ("conferenceData", "hangoutLink") if name in old}
    request_id, key = request.get("requestId"), request.get("conferenceSolutionKey")
    kind = key.get("type") if isinstance(key, dict) else _MEET
    if not isinstance(request_id, str) or not request_id or kind != _MEET:
        raise GoogleError("invalid", "Invalid conference type value.")
    return _meet(calendar.conferences.setdefault(request_id, _new_code()), request_id)


def _meet(code: str, request_id: str) -> JsonObject:
    link = f"https://meet.google.com/{code}"
    return {
        "hangoutLink": link,
        "conferenceData": {
            "createRequest": {
                "requestId": request_id,
                "conferenceSolutionKey": {"type": _MEET},
                "status": {"statusCode": "success"},
            },
            "entryPoints": [{"entryPointType": "video", "uri": link, "label": link.removeprefix("https://")}],
            "conferenceSolution": {"key": {"type": _MEET}, "name": "Google Meet"},
            "conferenceId": code,
        },
    }


def _new_code() -> str:
    return "-".join("".join(secrets.choice(string.ascii_lowercase) for _ in range(size)) for size in (3, 4, 3))
