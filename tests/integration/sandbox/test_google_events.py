"""Google Calendar's events, held against Google's own client."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import httpx2
import pytest
from googleapiclient.errors import HttpError

from tests.integration.sandbox.conftest import Product
from tests.support.google_calendar import google_calendar
from tests.support.sandbox import SandboxClient
from tests.support.sandbox_google import BRI, CALENDAR_EVENTS, GoogleTokens


@pytest.fixture
def tokens(sandbox: SandboxClient, product: Product) -> GoogleTokens:
    return sandbox.google.connect(redirect_uri=product.google_redirect_uri)


@pytest.fixture
def api(sandbox: SandboxClient, tokens: GoogleTokens) -> Any:
    return google_calendar(sandbox.base_url, tokens.access_token)


def refusal(call: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(HttpError) as caught:
        call()
    [error] = json.loads(caught.value.content)["error"]["errors"]
    return cast(int, caught.value.status_code), error["reason"]


def at(hours: float, *, days: int = 0) -> dict[str, str]:
    return {"dateTime": (datetime.now(UTC) + timedelta(days=days, hours=hours)).isoformat(timespec="seconds")}


def meeting(**fields: object) -> dict[str, object]:
    return {"summary": "Call", "start": at(1), "end": at(2), **fields}


def insert(api: Any, /, **fields: object) -> dict[str, Any]:
    return api.events().insert(calendarId="primary", body=meeting(**fields)).execute()


def test_calendars_are_listed_and_found(api: Any) -> None:
    items = api.calendarList().list().execute()["items"]
    assert (items[0]["id"], items[0]["primary"]) == (BRI, True)
    assert api.calendarList().get(calendarId="primary").execute()["id"] == BRI
    assert api.calendars().get(calendarId=items[1]["id"]).execute()["timeZone"] == "Europe/Berlin"
    assert refusal(lambda: api.calendars().get(calendarId="studio@harbor.example").execute()) == (404, "notFound")


def test_the_first_day_holds_every_kind_of_event(sandbox: SandboxClient, api: Any) -> None:
    found = api.events().list(calendarId="primary").execute()
    assert (found["timeZone"], found["accessRole"]) == ("Europe/Berlin", "owner")
    items = found["items"]
    series = next(item for item in items if "recurrence" in item)
    changed = [item for item in items if item.get("recurringEventId") == series["id"]]
    assert sorted(item["status"] for item in changed) == ["cancelled", "confirmed"]
    removed = next(item for item in changed if item["status"] == "cancelled")
    assert removed.keys() == {"kind", "etag", "id", "status", "recurringEventId", "originalStartTime"}
    assert any("date" in item.get("start", {}) for item in items)
    assert any(item.get("hangoutLink", "").startswith("https://meet.google.com/") for item in items)
    today = datetime.now(ZoneInfo("Europe/Berlin")).date()
    assert any(item.start.startswith(today.isoformat()) for item in sandbox.google.events())


def test_a_meeting_is_made_with_all_its_parts(api: Any) -> None:
    event = insert(
        api,
        attendees=[{"email": "mia@northwind.example"}],
        description="Notes",
        extendedProperties={"private": {"patchbay": "x"}},
    )
    assert (event["status"], event["sequence"], event["eventType"]) == ("confirmed", 0, "default")
    assert event["iCalUID"] == f"{event['id']}@google.com"
    assert event["organizer"]["email"] == event["creator"]["email"] == BRI
    assert event["attendees"] == [{"email": "mia@northwind.example", "responseStatus": "needsAction"}]
    assert event["start"]["timeZone"] == "Europe/Berlin"
    assert event["htmlLink"].startswith("https://www.google.com/calendar/event?eid=")
    assert "conferenceData" not in event and "hangoutLink" not in event
    assert event["created"].endswith("Z") and event["etag"].startswith('"')
    assert api.events().get(calendarId=BRI, eventId=event["id"]).execute() == event


def test_times_are_shown_in_the_calendar_s_zone_or_the_reader_s(api: Any) -> None:
    given = {"start": {"dateTime": "2027-01-15T10:00:00-05:00"}, "end": {"dateTime": "2027-01-15T16:30:00Z"}}
    event = insert(api, **given)
    assert (event["start"]["dateTime"], event["end"]["dateTime"]) == (
        "2027-01-15T16:00:00+01:00",
        "2027-01-15T17:30:00+01:00",
    )
    read = api.events().get(calendarId="primary", eventId=event["id"], timeZone="America/New_York").execute()
    assert read["start"]["dateTime"] == "2027-01-15T10:00:00-05:00"
    local = {"dateTime": "2027-01-15T10:00:00", "timeZone": "America/New_York"}
    assert insert(api, start=local, end=local)["start"] == {
        "dateTime": "2027-01-15T16:00:00+01:00",
        "timeZone": "America/New_York",
    }


def test_a_meet_link_needs_the_version_and_stays_the_same_for_a_request(api: Any) -> None:
    request = {"createRequest": {"requestId": "r1", "conferenceSolutionKey": {"type": "hangoutsMeet"}}}
    body = meeting(conferenceData=request)

    def made(**parameters: int) -> dict[str, Any]:
        return api.events().insert(calendarId="primary", body=body, **parameters).execute()

    assert "hangoutLink" not in made()
    first, again = made(conferenceDataVersion=1), made(conferenceDataVersion=1)
    assert first["hangoutLink"] == again["hangoutLink"]
    [entry] = first["conferenceData"]["entryPoints"]
    assert (entry["entryPointType"], entry["uri"]) == ("video", first["hangoutLink"])
    assert first["conferenceData"]["createRequest"]["status"]["statusCode"] == "success"
    request["createRequest"]["requestId"] = "r2"
    assert made(conferenceDataVersion=1)["hangoutLink"] != first["hangoutLink"]
    events, id = api.events(), first["id"]
    kept = events.patch(calendarId="primary", eventId=id, body={"summary": "x", "conferenceData": None}).execute()
    assert kept["hangoutLink"] == first["hangoutLink"]
    gone = events.patch(calendarId="primary", eventId=id, body={"conferenceData": None}, conferenceDataVersion=1)
    assert "hangoutLink" not in gone.execute()


def test_an_id_of_one_s_own_is_kept_and_taken_once(api: Any) -> None:
    own = "agent0123456789"
    assert insert(api, id=own)["id"] == own
    assert refusal(lambda: insert(api, id=own)) == (409, "duplicate")
    api.events().delete(calendarId="primary", eventId=own).execute()
    assert refusal(lambda: insert(api, id=own)) == (409, "duplicate")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"id": "Not-hex"}, "invalid"),
        ({"start": {}}, "required"),
        ({"end": {"dateTime": "2027-01-15T10:00:00"}}, "required"),
        ({"end": {"dateTime": "soon"}}, "invalid"),
        ({"start": {"dateTime": "2027-01-15T10:00:00", "timeZone": "Mars/Base"}}, "invalid"),
        ({"end": {"date": "2027-01-15"}}, "invalid"),
        ({"end": {"dateTime": "2020-01-15T10:00:00Z"}}, "timeRangeEmpty"),
        ({"attendees": [{"displayName": "Mia"}]}, "invalid"),
        ({"status": "maybe"}, "invalid"),
        ({"recurrence": ["RRULE:FREQ=WEEKLY"]}, "required"),
        ({"recurrence": ["RRULE:FREQ=HOURLY"]}, "invalid"),
    ],
)
def test_what_makes_no_sense_is_refused(api: Any, fields: dict[str, object], reason: str) -> None:
    before = len(api.events().list(calendarId="primary").execute()["items"])
    assert refusal(lambda: insert(api, **fields)) == (400, reason)
    assert len(api.events().list(calendarId="primary").execute()["items"]) == before


def test_a_patch_merges_and_an_update_replaces(api: Any) -> None:
    event = insert(api, description="Notes", extendedProperties={"private": {"a": "1"}})
    where = {"calendarId": "primary", "eventId": event["id"]}
    patch = {"summary": "Moved", "start": at(3), "end": at(4), "extendedProperties": {"private": {"b": "2"}}}
    patched = api.events().patch(**where, body=patch).execute()
    assert (patched["summary"], patched["description"], patched["sequence"]) == ("Moved", "Notes", 1)
    assert patched["extendedProperties"] == {"private": {"a": "1", "b": "2"}}
    assert patched["etag"] != event["etag"] and patched["iCalUID"] == event["iCalUID"]
    assert api.events().patch(**where, body={"summary": "Named"}).execute()["sequence"] == 1
    assert "description" not in api.events().patch(**where, body={"description": None}).execute()
    replaced = api.events().update(**where, body=meeting(summary="New")).execute()
    assert replaced["summary"] == "New" and "extendedProperties" not in replaced
    assert (replaced["created"], replaced["sequence"]) == (event["created"], 2)
    assert refusal(lambda: api.events().patch(**where | {"eventId": "nothing0"}, body={}).execute()) == (
        404,
        "notFound",
    )


def test_a_change_may_insist_on_the_etag(api: Any) -> None:
    event = insert(api)
    request = api.events().patch(calendarId="primary", eventId=event["id"], body={"summary": "x"})
    request.headers["If-Match"] = event["etag"]
    request.execute()
    assert refusal(request.execute) == (412, "conditionNotMet")


def test_deleting_works_once(api: Any) -> None:
    event = insert(api)
    delete = api.events().delete(calendarId="primary", eventId=event["id"])
    assert not delete.execute()
    assert refusal(delete.execute) == (410, "deleted")
    assert api.events().get(calendarId="primary", eventId=event["id"]).execute()["status"] == "cancelled"
    assert refusal(
        lambda: api.events().patch(calendarId="primary", eventId=event["id"], body={"summary": "x"}).execute()
    ) == (404, "notFound")


def test_one_occurrence_is_changed_or_removed_alone(api: Any) -> None:
    start = {"dateTime": "2027-03-22T09:00:00", "timeZone": "Europe/Berlin"}
    end = {"dateTime": "2027-03-22T09:30:00", "timeZone": "Europe/Berlin"}
    series = insert(api, start=start, end=end, recurrence=["RRULE:FREQ=WEEKLY;COUNT=4"])
    where = {"calendarId": "primary", "eventId": series["id"]}
    found = api.events().instances(**where).execute()["items"]
    # Summer time begins on 28 March: nine o'clock stays nine o'clock.
    assert [item["start"]["dateTime"] for item in found] == [
        "2027-03-22T09:00:00+01:00",
        "2027-03-29T09:00:00+02:00",
        "2027-04-05T09:00:00+02:00",
        "2027-04-12T09:00:00+02:00",
    ]
    assert [item["id"].removeprefix(f"{series['id']}_") for item in found][:2] == [
        "20270322T080000Z",
        "20270329T070000Z",
    ]
    one, other = found[1]["id"], found[2]["id"]
    api.events().patch(calendarId="primary", eventId=one, body={"summary": "Special"}).execute()
    api.events().delete(calendarId="primary", eventId=other).execute()
    assert [item["summary"] for item in api.events().instances(**where).execute()["items"]] == [
        "Call",
        "Special",
        "Call",
    ]
    api.events().delete(**where).execute()
    assert refusal(lambda: api.events().instances(**where).execute()) == (404, "notFound")
    listed = api.events().list(calendarId="primary").execute()["items"]
    assert not [item for item in listed if item.get("recurringEventId") == series["id"]]


def test_busy_times_are_merged(api: Any) -> None:
    for start, end in (("10:00", "11:00"), ("10:30", "12:00"), ("13:00", "13:30")):
        insert(
            api,
            start={"dateTime": f"2027-05-03T{start}:00Z"},
            end={"dateTime": f"2027-05-03T{end}:00Z"},
        )
    insert(
        api,
        start={"dateTime": "2027-05-03T15:00:00Z"},
        end={"dateTime": "2027-05-03T16:00:00Z"},
        transparency="transparent",
    )
    body = {
        "timeMin": "2027-05-03T00:00:00Z",
        "timeMax": "2027-05-04T00:00:00Z",
        "items": [{"id": BRI}, {"id": "studio@harbor.example"}],
    }
    calendars = api.freebusy().query(body=body).execute()["calendars"]
    assert [(item["start"][11:16], item["end"][11:16]) for item in calendars[BRI]["busy"]] == [
        ("10:00", "12:00"),
        ("13:00", "13:30"),
    ]
    assert calendars["studio@harbor.example"]["errors"][0]["reason"] == "notFound"


def raw(sandbox: SandboxClient, token: str, path: str = "calendars/primary/events") -> httpx2.Response:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return httpx2.get(f"{sandbox.base_url}/google/calendar/v3/{path}", headers=headers)


def test_tokens_are_checked(sandbox: SandboxClient, tokens: GoogleTokens) -> None:
    wrong = raw(sandbox, "ya29.wrong")
    assert wrong.status_code == 401
    assert wrong.json()["error"]["errors"] == [
        {"domain": "global", "reason": "authError", "message": "Invalid Credentials"}
    ]
    assert "Bearer" in wrong.headers["www-authenticate"]
    assert raw(sandbox, "").json()["error"]["errors"][0]["reason"] == "required"
    sandbox.google.access("expire")
    assert raw(sandbox, tokens.access_token).status_code == 401
    assert raw(sandbox, tokens.access_token, "colors").status_code == 404


def test_scopes_are_checked(sandbox: SandboxClient, product: Product) -> None:
    readonly = "https://www.googleapis.com/auth/calendar.events.readonly"
    narrow = sandbox.google.connect(redirect_uri=product.google_redirect_uri, scopes=(readonly,))
    api = google_calendar(sandbox.base_url, narrow.access_token)
    assert api.events().list(calendarId="primary").execute()["items"]
    assert refusal(lambda: insert(api)) == (403, "insufficientPermissions")
    wide = sandbox.google.connect(redirect_uri=product.google_redirect_uri, scopes=(CALENDAR_EVENTS,))
    api = google_calendar(sandbox.base_url, wide.access_token)
    assert insert(api)
    assert refusal(lambda: api.calendarList().list().execute()) == (403, "insufficientPermissions")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("403", (403, "rateLimitExceeded")),
        ("429", (429, "rateLimitExceeded")),
        ("500", (500, "backendError")),
        ("503", (503, "backendError")),
    ],
)
def test_faults_speak_google(sandbox: SandboxClient, api: Any, kind: str, expected: tuple[int, str]) -> None:
    sandbox.fail("google", kind, method="calendar.events.insert")
    assert refusal(lambda: insert(api)) == expected
    assert insert(api)
