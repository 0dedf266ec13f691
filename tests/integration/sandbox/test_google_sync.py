"""Lists of events: windows, pages, sync tokens, and what ends them."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.sandbox.conftest import Product
from tests.integration.sandbox.test_google_events import insert, refusal
from tests.support.clock import FakeClock
from tests.support.google_calendar import google_calendar
from tests.support.sandbox import SandboxClient, running_sandbox
from tests.support.sandbox_google import BRI

Entries = dict[str, dict[str, Any]]


@pytest.fixture
def api(sandbox: SandboxClient, product: Product) -> Any:
    tokens = sandbox.google.connect(redirect_uri=product.google_redirect_uri)
    return google_calendar(sandbox.base_url, tokens.access_token)


def pages(api: Any, **query: object) -> list[dict[str, Any]]:
    """Return all pages of a list."""
    found: list[dict[str, Any]] = []
    request = api.events().list(calendarId="primary", **query)
    while request is not None:
        found.append(request.execute())
        request = api.events().list_next(request, found[-1])
    return found


def items(api: Any, **query: object) -> list[dict[str, Any]]:
    return [item for page in pages(api, **query) for item in page["items"]]


def synced(api: Any, entries: Entries, token: str, **query: object) -> str:
    """Bring a copy up to date as a careful client would, and return the next token."""
    found = pages(api, syncToken=token, **query) if token else pages(api, **query)
    for page in found:
        for item in page["items"]:
            entries[item["id"]] = item
            if item["status"] == "cancelled" and "recurringEventId" not in item:
                # What belonged to a deleted series is gone with it.
                for id in [key for key, value in entries.items() if value.get("recurringEventId") == item["id"]]:
                    del entries[id]
                del entries[item["id"]]
    return found[-1]["nextSyncToken"]


def hour(day: str, hours: int) -> dict[str, str]:
    return {"dateTime": f"2027-06-{day}T{hours:02d}:00:00Z"}


def add(api: Any, summary: str, day: str, start: int, end: int, **fields: object) -> str:
    return insert(api, summary=summary, start=hour(day, start), end=hour(day, end), **fields)["id"]


WINDOW = {"timeMin": "2027-06-10T10:00:00Z", "timeMax": "2027-06-10T12:00:00Z"}


def test_a_window_holds_what_overlaps_it(api: Any) -> None:
    add(api, "before", "10", 9, 10)
    add(api, "into", "10", 9, 11)
    add(api, "inside", "10", 11, 12)
    add(api, "after", "10", 12, 13)
    insert(api, summary="day", start={"date": "2027-06-10"}, end={"date": "2027-06-11"})
    rule = ["RRULE:FREQ=WEEKLY;COUNT=2"]
    series = insert(api, summary="weekly", recurrence=rule, **zoned("03", 10, 12))["id"]
    found = items(api, singleEvents=True, orderBy="startTime", **WINDOW)
    assert [item["summary"] for item in found] == ["day", "into", "weekly", "inside"]
    assert found[2]["recurringEventId"] == series
    assert {item["summary"] for item in items(api, **WINDOW)} == {"into", "inside", "day", "weekly"}


def zoned(day: str, start: int, end: int) -> dict[str, dict[str, str]]:
    return {name: {**hour(day, at), "timeZone": "Etc/UTC"} for name, at in (("start", start), ("end", end))}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"orderBy": "startTime"}, (400, "badRequest")),
        ({"timeMin": "2027-06-10T10:00:00"}, (400, "badRequest")),
        ({"timeMin": WINDOW["timeMax"], "timeMax": WINDOW["timeMin"]}, (400, "timeRangeEmpty")),
        ({"maxResults": 0}, (400, "invalid")),
        ({"pageToken": "nonsense"}, (400, "invalid")),
        ({"syncToken": "nonsense"}, (400, "invalid")),
        ({"updatedMin": "2020-01-01T00:00:00Z"}, (410, "updatedMinTooLongAgo")),
    ],
)
def test_a_senseless_list_is_refused(api: Any, query: dict[str, object], expected: tuple[int, str]) -> None:
    assert refusal(lambda: api.events().list(calendarId="primary", **query).execute()) == expected


def test_only_the_last_page_has_a_sync_token(api: Any) -> None:
    found = pages(api, maxResults=3)
    assert len(found) > 2
    assert all(len(page["items"]) == 3 for page in found[:-1])
    assert [("nextPageToken" in page, "nextSyncToken" in page) for page in found] == [
        *[(True, False)] * (len(found) - 1),
        (False, True),
    ]
    ids = [item["id"] for page in found for item in page["items"]]
    assert sorted(ids) == sorted({item["id"] for item in items(api)})
    wrong = {"pageToken": found[0]["nextPageToken"], "singleEvents": True}
    assert refusal(lambda: api.events().list(calendarId="primary", **wrong).execute()) == (400, "invalid")


@pytest.mark.parametrize("query", [{"orderBy": "updated"}, {"q": "sync"}, {"iCalUID": "x@google.com"}])
def test_a_chosen_list_has_no_sync_token(api: Any, query: dict[str, object]) -> None:
    assert "nextSyncToken" not in pages(api, **query)[-1]
    assert "nextSyncToken" in pages(api, **WINDOW)[-1]


def test_words_and_properties_are_found(api: Any) -> None:
    booked = insert(api, summary="Zebra talk", extendedProperties={"private": {"patchbay": "42"}})
    assert [item["id"] for item in items(api, q="zebra")] == [booked["id"]]
    assert [item["id"] for item in items(api, privateExtendedProperty="patchbay=42")] == [booked["id"]]
    assert [item["id"] for item in items(api, iCalUID=booked["iCalUID"])] == [booked["id"]]
    assert not items(api, privateExtendedProperty="patchbay=43")


def test_deleted_entries_are_listed_when_asked_for(api: Any) -> None:
    event = insert(api, summary="Short-lived")
    api.events().delete(calendarId="primary", eventId=event["id"]).execute()
    assert event["id"] not in {item["id"] for item in items(api)}
    shown = {item["id"]: item for item in items(api, showDeleted=True)}
    assert shown[event["id"]].keys() == {"kind", "etag", "id", "status"}
    # A cancelled occurrence is listed with its series, and not among single events.
    assert any(item["status"] == "cancelled" for item in items(api))
    assert not any(item["status"] == "cancelled" for item in items(api, singleEvents=True))


def test_a_sync_token_brings_what_changed_and_nothing_else(sandbox: SandboxClient, api: Any) -> None:
    moved, cancelled = sandbox.google.events()[0].id, sandbox.google.events()[1].id
    token = pages(api)[-1]["nextSyncToken"]
    assert not items(api, syncToken=token)
    added = sandbox.google.add("New")
    sandbox.google.move(moved, minutes=90)
    sandbox.google.cancel(cancelled)
    found = pages(api, syncToken=token, maxResults=2)
    assert [len(page["items"]) for page in found] == [2, 1]
    changed = {item["id"]: item for page in found for item in page["items"]}
    assert changed.keys() == {added.event, moved, cancelled}
    assert changed[cancelled].keys() == {"kind", "etag", "id", "status"}
    assert changed[cancelled]["status"] == "cancelled"
    assert not items(api, syncToken=found[-1]["nextSyncToken"])


def test_a_sync_token_remembers_the_window(api: Any) -> None:
    daily = insert(api, recurrence=["RRULE:FREQ=DAILY;COUNT=30"], **zoned("01", 11, 12))["id"]
    single = add(api, "inside", "10", 10, 11)
    windowed = {"singleEvents": True, "showDeleted": True}
    token = pages(api, **windowed, **WINDOW)[-1]["nextSyncToken"]
    api.events().patch(calendarId="primary", eventId=daily, body={"summary": "Renamed"}).execute()
    moved = {"start": hour("20", 10), "end": hour("20", 11)}
    api.events().patch(calendarId="primary", eventId=single, body=moved).execute()
    changed = {item["id"]: item for item in items(api, syncToken=token, **windowed)}
    assert changed.keys() == {f"{daily}_20270610T110000Z", single}
    assert changed[single]["start"]["dateTime"].startswith("2027-06-20")


@pytest.mark.parametrize(
    "query",
    [
        {"timeMin": WINDOW["timeMin"]},
        {"timeMax": WINDOW["timeMax"]},
        {"orderBy": "updated"},
        {"q": "x"},
        {"iCalUID": "x"},
        {"updatedMin": WINDOW["timeMin"]},
        {"privateExtendedProperty": "a=b"},
        {"showDeleted": False},
    ],
)
def test_a_sync_token_stands_alone(api: Any, query: dict[str, object]) -> None:
    token = pages(api)[-1]["nextSyncToken"]
    wrong = {"syncToken": token, **query}
    status, _ = refusal(lambda: api.events().list(calendarId="primary", **wrong).execute())
    assert status == 400


def test_a_sync_token_belongs_to_one_list(api: Any) -> None:
    token = pages(api)[-1]["nextSyncToken"]
    assert items(api, syncToken=token, showDeleted=True) == []
    other = api.calendarList().list().execute()["items"][1]["id"]
    assert refusal(lambda: api.events().list(calendarId=other, syncToken=token).execute()) == (400, "invalid")
    assert refusal(lambda: items(api, syncToken=token, singleEvents=True)) == (400, "invalid")


def test_changes_between_pages_come_with_the_next_sync(sandbox: SandboxClient, api: Any) -> None:
    first = api.events().list(calendarId="primary", maxResults=2).execute()
    entries: Entries = {item["id"]: item for item in first["items"]}
    sandbox.google.move(sandbox.google.events()[0].id, minutes=15)
    sandbox.google.delete(sandbox.google.events()[-1].id)
    added = sandbox.google.add("Meanwhile").event
    rest = pages(api, maxResults=2, pageToken=first["nextPageToken"])
    entries |= {item["id"]: item for page in rest for item in page["items"]}
    synced(api, entries, rest[-1]["nextSyncToken"])
    fresh: Entries = {}
    synced(api, fresh, "")
    assert entries == fresh and added in fresh


def test_lost_tokens_demand_a_full_sync(sandbox: SandboxClient, api: Any) -> None:
    token = pages(api)[-1]["nextSyncToken"]
    sandbox.google.lose_sync_tokens(calendar=BRI)
    for _ in range(2):
        assert refusal(lambda: items(api, syncToken=token)) == (410, "fullSyncRequired")
    assert not items(api, syncToken=pages(api)[-1]["nextSyncToken"])


def test_a_token_grows_old(tmp_path: Path, product: Product) -> None:
    clock = FakeClock()
    with running_sandbox(tmp_path, public_url=product.url, clock=clock) as sandbox:

        def connect() -> Any:
            tokens = sandbox.google.connect(redirect_uri=product.google_redirect_uri)
            return google_calendar(sandbox.base_url, tokens.access_token)

        token = pages(connect())[-1]["nextSyncToken"]
        clock.advance(timedelta(days=27))
        api = connect()
        later = pages(api, syncToken=token)[-1]["nextSyncToken"]
        clock.advance(timedelta(days=2))
        api = connect()
        assert refusal(lambda: items(api, syncToken=token)) == (410, "fullSyncRequired")
        assert items(api, syncToken=later) == []


def test_a_moved_series_takes_its_old_occurrences_away(sandbox: SandboxClient, api: Any) -> None:
    entries: Entries = {}
    token = synced(api, entries, "", singleEvents=True)
    series = next(item["recurringEventId"] for item in entries.values() if "recurringEventId" in item)
    before = {id for id, item in entries.items() if item.get("recurringEventId") == series}
    body = {"start": at_zone("2027-01-05T10:00:00"), "end": at_zone("2027-01-05T11:00:00")}
    api.events().patch(calendarId="primary", eventId=series, body=body).execute()
    changed = {item["id"]: item for item in items(api, syncToken=token, singleEvents=True)}
    assert {id for id, item in changed.items() if item["status"] == "cancelled"} >= before
    assert all(item["recurringEventId"] == series for item in changed.values())
    assert all(changed[id]["originalStartTime"] == entries[id]["originalStartTime"] for id in before)


def at_zone(local: str) -> dict[str, str]:
    return {"dateTime": local, "timeZone": "Europe/Berlin"}


ACTS = st.lists(
    st.tuples(st.sampled_from(["add", "series", "move", "cancel", "delete", "longer", "sync"]), st.integers(0, 50)),
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS, single=st.booleans())
def test_a_careful_copy_stays_true(sandbox: SandboxClient, api: Any, acts: list[tuple[str, int]], single: bool) -> None:
    """Whatever people do, syncing from token to token ends where a full sync begins."""
    sandbox.reset()
    query = {"singleEvents": True} if single else {}
    copy: Entries = {}
    token = synced(api, copy, "", **query)
    for act, number in acts:
        if act == "sync":
            token = synced(api, copy, token, maxResults=5, **query)
            continue
        events = sandbox.google.events()
        play(sandbox, act, number, events[number % len(events)].id if events else "")
    synced(api, copy, token, **query)
    fresh: Entries = {}
    synced(api, fresh, "", **query)
    live = [{id: item for id, item in found.items() if alive(item)} for found in (copy, fresh)]
    assert live[0] == live[1]


def alive(item: dict[str, Any]) -> bool:
    return item["status"] != "cancelled"


def play(sandbox: SandboxClient, act: str, number: int, event: str) -> None:
    people = sandbox.google
    if act == "add":
        people.add(f"Event {number}", minutes=number + 1)
    elif act == "series":
        people.add(f"Series {number}", recurrence=[f"RRULE:FREQ=DAILY;COUNT={number % 5 + 1}"])
    elif event and act == "move":
        people.move(event, minutes=number - 25)
    elif event and act == "longer":
        people.change(event.partition("_")[0], {"recurrence": ["RRULE:FREQ=DAILY;COUNT=3"]})
    elif event:
        (people.cancel if act == "cancel" else people.delete)(event)
