"""Meetings as we read them from Google's."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from services.kernel.errors import Refused, RetryLater
from services.kernel.secret import Secret
from services.provider_kit.contract import Attendee, EventPage, ExternalEvent, SubscriptionRequest
from services.providers.google_calendar import calendar
from services.providers.google_calendar.client import build_client
from services.providers.google_calendar.events import MARKER, find_zone, read_event
from services.providers.google_calendar.schemas import Event
from tests.providers.google_calendar.wire import ALL_DAY, CANCELLED_DATE, EMAIL, TIMED, WIRE, WORKPLACE, page, refusal
from tests.providers.harness import NOW, Reply, WireServer, build_context, json_reply, wire_server

ENDS = NOW + timedelta(days=90)


def read(server: WireServer, *, cursor: str = "", page: str = "") -> EventPage:
    """Read a page from the server."""
    client = build_client(build_context("google_calendar", server.url))
    return calendar.read_page(client, calendar_id="primary", cursor=cursor, page=page, begins_at=NOW, ends_at=ENDS)


def meeting(values: Mapping[str, object], *, time_zone: str = "Europe/Berlin") -> ExternalEvent:
    """Read one event."""
    return read_event(Event.model_validate(values), time_zone=time_zone)


def test_everything_is_asked_for_between_two_times() -> None:
    with wire_server(page(nextPageToken="p2"), page(nextSyncToken="c1")) as server:
        assert read(server).next_page == "p2"
        assert read(server, page="p2").next_cursor == "c1"
        first, second = (dict(call.query) for call in server.calls)

    same = {"singleEvents": "true", "showDeleted": "true", "maxResults": "100", "alt": "json"}
    times = {"timeMin": "2026-11-20T12:00:00Z", "timeMax": "2027-02-18T12:00:00Z"}
    assert first == {**same, **times}
    assert second == {**same, **times, "pageToken": "p2"}


def test_changes_are_asked_for_by_the_cursor_alone() -> None:
    with wire_server(page(nextSyncToken="c2")) as server:
        read(server, cursor="c1", page="p7")
        query = dict(server.calls[0].query)

    assert query == {
        "singleEvents": "true",
        "showDeleted": "true",
        "maxResults": "100",
        "alt": "json",
        "syncToken": "c1",
        "pageToken": "p7",
    }


def test_a_page_says_whose_calendar_it_is() -> None:
    with wire_server(page(TIMED, WORKPLACE)) as server:
        found = read(server)

    assert (found.calendar_name, found.time_zone) == (EMAIL, "Europe/Berlin")
    assert [event.title for event in found.events] == ["Shoot planning"], "nobody meets for a place of work"


def test_other_refusals_of_a_list_are_not_taken_for_a_lost_cursor() -> None:
    for reply in (refusal(400, "invalid", location="timeMin"), refusal(404, "notFound")):
        with wire_server(reply) as server, pytest.raises(Refused):
            read(server, cursor="c1")


def test_a_meeting_is_read_whole() -> None:
    assert meeting(TIMED) == ExternalEvent(
        id="7nq1kf4h2ud8m9s3a0cb5e6g",
        title="Shoot planning",
        description="Bring the storyboard.",
        starts_at=datetime(2026, 11, 20, 14, 0, tzinfo=UTC),
        ends_at=datetime(2026, 11, 20, 14, 45, tzinfo=UTC),
        time_zone="Europe/Berlin",
        location="Studio 2",
        meet_url="https://meet.google.com/abc-defg-hij",
        conference_type="hangoutsMeet",
        html_url="https://www.google.com/calendar/event?eid=N25xMWtmNGg",
        organizer_email="ana@northwind.example",
        attendees=(Attendee(email="ana@northwind.example", response="accepted"), Attendee(email=EMAIL)),
        is_invited=True,
        etag='"3528472384000000"',
        updated_at=datetime(2026, 11, 19, 16, 9, 52, tzinfo=UTC),
    )


def test_a_whole_day_is_one_in_the_calendar_s_zone() -> None:
    berlin, kolkata = meeting(ALL_DAY), meeting(ALL_DAY, time_zone="Asia/Kolkata")

    assert berlin.is_all_day and berlin.status == "tentative" and not berlin.is_invited
    assert berlin.series_id == "3b9d2kq7v1m5n8p0r4t6s2u9"
    assert (berlin.starts_at, berlin.ends_at) == (
        datetime(2026, 11, 22, 23, 0, tzinfo=UTC),
        datetime(2026, 11, 24, 23, 0, tzinfo=UTC),
    )
    assert kolkata.starts_at == datetime(2026, 11, 22, 18, 30, tzinfo=UTC)


def test_a_whole_day_is_23_hours_when_the_clocks_change() -> None:
    day = meeting({**ALL_DAY, "start": {"date": "2026-03-29"}, "end": {"date": "2026-03-30"}})

    assert day.starts_at and day.ends_at
    assert day.ends_at - day.starts_at == timedelta(hours=23)


@pytest.mark.parametrize(
    "values",
    [
        CANCELLED_DATE,
        {"id": "x", "status": "cancelled"},
        {**TIMED, "status": "cancelled"},
        {"id": "x", "status": "confirmed", "summary": "Without a time"},
        {"id": "x", "start": {}, "end": {}},
        {**TIMED, "end": {"dateTime": "9999-12-31T23:59:59-12:00"}},
        {**ALL_DAY, "start": {"date": "0001-01-01"}},
    ],
)
def test_what_is_gone_is_only_an_id(values: Mapping[str, object]) -> None:
    assert meeting(values) == ExternalEvent(id=str(values["id"]), is_removed=True)


def test_our_own_bookings_are_known_by_their_mark() -> None:
    ours = {**TIMED, "extendedProperties": {"private": {MARKER: "0197f0aa"}}}
    public = {**TIMED, "extendedProperties": {"shared": {MARKER: "0197f0aa"}}}

    assert meeting(ours).is_booked_by_us
    assert not meeting(public).is_booked_by_us, "anybody who invites us could write that one"
    assert not meeting(TIMED).is_booked_by_us


def test_the_video_link_is_the_one_of_the_conference() -> None:
    entries = [
        {"entryPointType": "phone", "uri": "tel:+49-30-1"},
        {"entryPointType": "video", "uri": "https://zoom.example/j/1"},
    ]
    zoom = {"entryPoints": entries, "conferenceSolution": {"key": {"type": "addOn"}}}
    pending = {"createRequest": {"requestId": "r", "conferenceSolutionKey": {"type": "hangoutsMeet"}}}
    bare = {name: value for name, value in TIMED.items() if name not in ("hangoutLink", "conferenceData")}

    assert (meeting(bare).meet_url, meeting(bare).conference_type) == ("", "")
    with_zoom = meeting({**bare, "conferenceData": zoom})
    assert (with_zoom.meet_url, with_zoom.conference_type) == ("https://zoom.example/j/1", "addOn")
    waiting = meeting({**bare, "conferenceData": pending})
    assert (waiting.meet_url, waiting.conference_type) == ("", "hangoutsMeet")
    assert meeting({**bare, "hangoutLink": "https://meet.google.com/x"}).conference_type == "hangoutsMeet"


def test_links_that_a_page_must_not_show_are_left_out() -> None:
    hostile = meeting({**TIMED, "hangoutLink": "javascript:alert(1)", "htmlLink": "http://x"})

    assert (hostile.meet_url, hostile.html_url) == ("", "")


def test_a_zone_that_nobody_knows_is_utc() -> None:
    for name in ("", "Mars/Olympus", "../../etc/passwd", "a\x00b"):
        assert find_zone(name) is UTC
    floating = meeting({**TIMED, "start": {"dateTime": "2026-11-20T15:00:00", "timeZone": "Asia/Tokyo"}})
    assert floating.starts_at == datetime(2026, 11, 20, 6, 0, tzinfo=UTC)


def test_a_subscription_says_all_that_google_needs() -> None:
    assert WIRE.calendar is not None
    request = SubscriptionRequest(
        id="0197-s", token=Secret("t0k3n"), url="https://patchbay.example/push", calendar_id="primary"
    )
    with wire_server(WIRE.calendar.subscribed) as server:
        calendar.subscribe(build_client(build_context("google_calendar", server.url)), request)

        (call,) = server.calls
    assert call.path == "/google/calendar/v3/calendars/primary/events/watch"
    assert call.body == (
        b'{"id": "0197-s", "token": "t0k3n", "type": "web_hook", "address": "https://patchbay.example/push"}'
    )


@pytest.mark.parametrize("answer", [{}, {"resourceId": "r"}, {"resourceId": "r", "expiration": "soon"}])
def test_a_subscription_without_an_end_is_not_taken(answer: Mapping[str, object]) -> None:
    request = SubscriptionRequest(id="s", token=Secret("t"), url="https://patchbay.example/push", calendar_id="primary")
    with wire_server(json_reply(answer)) as server, pytest.raises(RetryLater) as caught:
        calendar.subscribe(build_client(build_context("google_calendar", server.url)), request)
    assert caught.value.ambiguous


def test_what_google_cannot_close_is_not_asked_for() -> None:
    with wire_server(Reply(status=204)) as server:
        client = build_client(build_context("google_calendar", server.url))
        calendar.unsubscribe(client, subscription_id="s", resource_id="")
        assert server.calls == []

        calendar.unsubscribe(client, subscription_id="s", resource_id="r")
        assert server.calls[0].path == "/google/calendar/v3/channels/stop"
    with wire_server(refusal(403, "forbidden")) as server, pytest.raises(Refused):
        calendar.unsubscribe(
            build_client(build_context("google_calendar", server.url)), subscription_id="s", resource_id="r"
        )
