"""What an agent may do with its calendar."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import pytest
from pydantic import ValidationError

from services.kernel.errors import NeedsReauth, Refused, RetryLater
from services.provider_kit import registry
from services.provider_kit.contract import Action, ActionContext, ActionResult
from services.providers.google_calendar import actions
from services.providers.google_calendar.actions import CreateEvent, ListUpcomingEvents
from services.providers.google_calendar.client import GoogleClient, build_client
from tests.providers.google_calendar.wire import ALL_DAY, CANCELLED_DATE, TIMED, page, refusal
from tests.providers.harness import NOW, Reply, WireServer, build_context, json_reply, wire_server

RUN = "0197f0aa-7c1e-7b3a-9d52-2f6a3f6f0c11"
EVENT_ID = "06bv1ajs3ptjl7ai5tl3uroc24"
CONTEXT = ActionContext(run_id=RUN, agent_id="a", agent_name="Bri", now=NOW, time_zone="Europe/Berlin")
WANTED = CreateEvent(
    title="Intro call",
    starts_at=datetime(2026, 11, 23, 10, 0),  # noqa: DTZ001 -- an agent leaves the offset out
    ends_at=datetime(2026, 11, 23, 10, 30),  # noqa: DTZ001
    attendees=("kim@creators.example",),
    description="About the spring campaign.",
    add_meet_link=True,
)


def client(server: WireServer) -> GoogleClient:
    """Return a client for the server."""
    return build_client(build_context("google_calendar", server.url))


def posted(server: WireServer) -> dict[str, object]:
    """Return the JSON of the first call."""
    return cast(dict[str, object], json.loads(server.calls[0].body))


def booked(**more: object) -> Reply:
    """Return Google's answer to a booking."""
    point = {"timeZone": "Europe/Berlin"}
    mark = {"private": {"patchbay_run": RUN}}
    return json_reply(
        {
            **TIMED,
            "id": EVENT_ID,
            "summary": "Intro call",
            "start": {**point, "dateTime": "2026-11-23T10:00:00+01:00"},
            "end": {**point, "dateTime": "2026-11-23T10:30:00+01:00"},
            "extendedProperties": mark,
            **more,
        }
    )


def create(server: WireServer, wanted: CreateEvent = WANTED) -> ActionResult:
    """Book a meeting."""
    return actions.create_event(client(server), wanted, CONTEXT)


def test_the_actions_are_found_with_what_a_person_needs_to_decide() -> None:
    found = {action.name: action for action in registry.list_actions("google_calendar")}

    assert {name: action.risk for name, action in found.items()} == {
        "list_upcoming_events": "reads",
        "create_event": "writes",
    }
    assert found["create_event"].find is not None
    assert all(json.dumps(action.input.model_json_schema()) for action in found.values())


def test_the_next_meetings_are_listed_in_the_company_s_time() -> None:
    with wire_server(page(TIMED, ALL_DAY, CANCELLED_DATE)) as server:
        result = actions.list_upcoming_events(client(server), ListUpcomingEvents(days=3, limit=5), CONTEXT)

        assert server.calls[0].query == {
            "singleEvents": "true",
            "orderBy": "startTime",
            "maxResults": "5",
            "alt": "json",
            "timeMin": "2026-11-20T12:00:00+00:00",
            "timeMax": "2026-11-23T12:00:00+00:00",
        }
    shown = cast(list[dict[str, object]], result.output["events"])
    assert [(event["title"], event["starts_at"]) for event in shown] == [
        ("Shoot planning", "2026-11-20T15:00:00+01:00"),
        ("Trade fair", "2026-11-23T00:00:00+01:00"),
    ]
    assert json.dumps(result.output) and result.said == "Found 2 meetings in the next 3 days."


def test_a_meeting_is_booked_with_guests_and_a_meet_link() -> None:
    with wire_server(booked()) as server:
        result = create(server)

        (call,) = server.calls
        assert (call.method, call.path) == ("POST", "/google/calendar/v3/calendars/primary/events")
        assert call.query == {"conferenceDataVersion": "1", "sendUpdates": "all", "alt": "json"}
        assert posted(server) == {
            "id": EVENT_ID,
            "summary": "Intro call",
            "description": "About the spring campaign.",
            "start": {"dateTime": "2026-11-23T10:00:00+01:00", "timeZone": "Europe/Berlin"},
            "end": {"dateTime": "2026-11-23T10:30:00+01:00", "timeZone": "Europe/Berlin"},
            "attendees": [{"email": "kim@creators.example"}],
            "extendedProperties": {"private": {"patchbay_run": RUN}},
            "conferenceData": {"createRequest": {"requestId": RUN, "conferenceSolutionKey": {"type": "hangoutsMeet"}}},
        }
    assert result.said == "Booked “Intro call” in Google Calendar."
    assert (result.output["id"], result.output["meet_url"]) == (EVENT_ID, "https://meet.google.com/abc-defg-hij")
    assert result.output["is_booked_by_us"] is True and json.dumps(result.output)


def test_nobody_is_written_to_about_a_meeting_without_guests() -> None:
    alone = WANTED.model_copy(update={"attendees": (), "add_meet_link": False, "description": ""})
    with wire_server(booked()) as server:
        create(server, alone)

        assert server.calls[0].query == {"conferenceDataVersion": "0", "sendUpdates": "none", "alt": "json"}
        assert posted(server).keys() == {"id", "summary", "start", "end", "extendedProperties"}


@pytest.mark.parametrize(
    ("starts", "zone", "expected"),
    [
        ("2026-11-23T10:00:00", "America/New_York", "2026-11-23T10:00:00-05:00"),
        ("2026-11-23T10:00:00", "", "2026-11-23T10:00:00+01:00"),
        ("2026-11-23T10:00:00Z", "", "2026-11-23T11:00:00+01:00"),
        ("2026-11-23T10:00:00Z", "Asia/Tokyo", "2026-11-23T19:00:00+09:00"),
        ("2026-03-29T02:30:00", "", "2026-03-29T02:30:00+01:00"),
    ],
)
def test_a_time_is_meant_where_the_agent_says(starts: str, zone: str, expected: str) -> None:
    begins = datetime.fromisoformat(starts)
    wanted = CreateEvent(title="x", starts_at=begins, ends_at=begins.replace(minute=59), time_zone=zone)
    with wire_server(booked()) as server:
        create(server, wanted)

        assert posted(server)["start"] == {"dateTime": expected, "timeZone": zone or "Europe/Berlin"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": ""},
        {"time_zone": "Berlin"},
        {"ends_at": "2026-11-23T10:00:00"},
        {"ends_at": "2026-11-23T10:30:00Z"},
        {"ends_at": "2027-11-23T10:30:00"},
        {"attendees": ["kim"]},
        {"attendees": ["kim@x.example, lee@x.example"]},
        {"attendees": ["a@b.example"] * 51},
        {"calendar": "someone-else"},
    ],
)
def test_input_that_makes_no_meeting_is_refused(wrong: dict[str, object]) -> None:
    good = WANTED.model_dump(mode="json")
    assert CreateEvent.model_validate(good) == WANTED
    with pytest.raises(ValidationError):
        CreateEvent.model_validate({**good, **wrong})


def test_a_run_that_is_repeated_finds_its_meeting() -> None:
    with wire_server(refusal(409, "duplicate"), booked()) as server:
        assert create(server).output["id"] == EVENT_ID

        assert server.calls[1].path == f"/google/calendar/v3/calendars/primary/events/{EVENT_ID}"


def test_a_run_that_was_cut_off_is_looked_up() -> None:
    def find(reply: Reply) -> ActionResult | None:
        with wire_server(reply) as server:
            return actions.find_created_event(client(server), WANTED, CONTEXT)

    assert find(refusal(404, "notFound")) is None
    found = find(booked())
    assert found and found.output["id"] == EVENT_ID
    gone = find(booked(status="cancelled"))
    assert gone and "removed" in gone.said, "it is not booked once more behind the person's back"
    for reply, error in ((refusal(401, "authError"), NeedsReauth), (Reply(status=503), RetryLater)):
        with pytest.raises(error):
            find(reply)


@pytest.mark.parametrize("reply", [Reply(status=503), Reply(drop=True), Reply(body=b"<html>"), json_reply({})])
def test_a_booking_without_an_answer_may_have_happened(reply: Reply) -> None:
    with wire_server(reply) as server:
        with pytest.raises(RetryLater) as caught:
            create(server)
        assert caught.value.ambiguous and len(server.calls) == 1


def test_a_booking_that_google_refuses_is_not_looked_up() -> None:
    with wire_server(refusal(403, "insufficientPermissions")) as server:
        with pytest.raises(Refused):
            create(server)
        assert len(server.calls) == 1


def test_a_meet_link_that_google_still_makes_is_said() -> None:
    asked = {"createRequest": {"requestId": RUN, "conferenceSolutionKey": {"type": "hangoutsMeet"}}}
    with wire_server(booked(hangoutLink="", conferenceData=asked)) as server:
        result = create(server)

    assert result.output["meet_url"] == "" and "still making" in result.said


def test_a_person_reads_what_would_be_booked_and_a_contact_what_was() -> None:
    action = _action("create_event")
    far = WANTED.model_copy(update={"starts_at": datetime(2026, 11, 23, 23, 0, tzinfo=UTC), "attendees": ()})
    far = far.model_copy(update={"ends_at": datetime(2026, 11, 24, 1, 0, tzinfo=UTC), "add_meet_link": False})

    assert action.describe(WANTED) == (
        "Book “Intro call” on Mon 23 Nov 2026, 10:00–10:30 (company time) with kim@creators.example, on Google Meet"
    )
    assert action.describe(far) == "Book “Intro call” on Mon 23 Nov 2026, 23:00–Tue 24 Nov 2026, 01:00 (UTC)"
    assert _action("list_upcoming_events").describe(ListUpcomingEvents()) == "List up to 10 meetings of the next 7 days"
    assert action.recipients is not None and tuple(action.recipients(WANTED)) == ("kim@creators.example",)
    with wire_server(booked()) as server:
        output = create(server).output
    assert action.tell is not None
    assert action.tell(output) == (
        "“Intro call” is booked for Monday, 23 November 2026, 10:00 (UTC+01:00)."
        " Join here: https://meet.google.com/abc-defg-hij"
    )
    assert "cancelled" in action.tell({"id": EVENT_ID, "status": "cancelled"})


def test_each_run_has_a_meeting_of_its_own() -> None:
    other = replace(CONTEXT, run_id="0197f0aa-7c1e-7b3a-9d52-2f6a3f6f0c12")
    with wire_server(booked()) as server:
        create(server)
        actions.create_event(client(server), WANTED, other)

        first, second = (json.loads(call.body) for call in server.calls)
    assert first["id"] != second["id"]


def _action(name: str) -> Action:
    return next(action for action in registry.list_actions("google_calendar") if action.name == name)
