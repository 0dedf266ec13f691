"""What people see of an agent's calendars, in the company's own days, and the sync that they may ask for."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from starlette.testclient import TestClient

from app.http.api import create_http_app
from models import Role
from services.calendar import (
    get_card,
    list_calendars,
    list_events,
    renew_subscription,
    request_sync,
    sync_calendar,
)
from services.calendar.timing import POLL_EVERY
from services.connections import pause
from services.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound, RetryLater
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.provider_kit.contract import Attendee, EventPage, ExternalEvent
from services.tenants import create_api_key, get_time_zone, set_time_zone
from tests.integration.connections.scene import as_role, new_agent, new_tenant
from tests.support.clock import FakeClock
from tests.support.line import OnDemandQueue
from tests.support.planner.scene import Diary, open_diary
from tests.support.planner.source import Meeting, Source

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def clock() -> FakeClock:
    """Noon in London, one o'clock in Berlin, on a Friday."""
    return FakeClock(NOON)


class TellingSource(Source):
    """Tells one page, as it is."""

    page: EventPage

    def read(self, *, cursor: str, page: str, begins_at: datetime, ends_at: datetime) -> EventPage:
        """Tell it."""
        return self.page


def meet(source: Source, id: str, at: datetime) -> None:
    source.put(id, Meeting(title=id, starts_at=at))


def test_events_between_two_times(diary: Diary, source: Source) -> None:
    for hours in (-30, -1, 0, 5, 30):
        meet(source, f"{hours}", NOON + timedelta(hours=hours))
    diary.run_due()

    def titles(begins_at: datetime, ends_at: datetime) -> list[str]:
        found = list_events(
            diary.kernel, actor=diary.actor, agent_id=diary.agent_id, begins_at=begins_at, ends_at=ends_at
        )
        return [event.title for event in found]

    assert titles(NOON - 2 * DAY, NOON + 2 * DAY) == ["-30", "-1", "0", "5", "30"]
    assert titles(NOON, NOON + timedelta(hours=5)) == ["0"]
    assert titles(NOON - timedelta(minutes=1), NOON + timedelta(hours=6)) == ["-1", "0", "5"]


def test_an_event_carries_what_the_provider_told(diary: Diary) -> None:
    source = TellingSource(diary.source.account, diary.clock, tokens=diary.source.tokens)
    event = ExternalEvent(
        id="whole",
        title="Creator call\x00",
        description="Bring the numbers.",
        starts_at=NOON,
        ends_at=NOON + timedelta(hours=1),
        time_zone="America/New_York",
        location="Room 3",
        meet_url="https://meet.example/abc",
        conference_type="hangoutsMeet",
        html_url="javascript:alert(1)",
        organizer_email="mia@northwind.example",
        attendees=(Attendee(email="bri@northwind.example", response="accepted"),),
        status="tentative",
        is_invited=True,
        is_booked_by_us=True,
        etag="1",
        updated_at=NOON,
    )
    midnight = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)  # Berlin's
    holiday = ExternalEvent(id="holiday", starts_at=midnight, ends_at=midnight + 2 * DAY, is_all_day=True)
    source.page = EventPage(events=(event, holiday), next_cursor="c", time_zone="Europe/Berlin")
    diary.sync()

    whole, all_day = list_events(
        diary.kernel, actor=diary.actor, agent_id=diary.agent_id, begins_at=NOON, ends_at=NOON + DAY
    )
    assert (whole.title, whole.description, whole.location) == ("Creator call", "Bring the numbers.", "Room 3")
    assert (whole.meet_url, whole.conference_type) == ("https://meet.example/abc", "hangoutsMeet")
    assert whole.html_url == "", "an address that is no link is not kept"
    assert (whole.time_zone, whole.status, whole.organizer_email) == (
        "America/New_York",
        "tentative",
        "mia@northwind.example",
    )
    assert [(item.email, item.response) for item in whole.attendees] == [("bri@northwind.example", "accepted")]
    assert whole.is_agent_invited and whole.is_agent_booking
    assert (whole.starts_on, whole.ends_on) == (None, None)
    assert (all_day.starts_on, all_day.ends_on) == (date(2026, 11, 21), date(2026, 11, 23))
    assert all_day.time_zone == "Europe/Berlin"


def test_an_older_state_of_a_meeting_does_not_come_back(diary: Diary) -> None:
    source = TellingSource(diary.source.account, diary.clock, tokens=diary.source.tokens)
    new = ExternalEvent(id="m", title="New", starts_at=NOON, ends_at=NOON + DAY, updated_at=NOON)
    old = replace(new, title="Old", updated_at=NOON - DAY)
    for event, expected in ((new, "New"), (old, "New")):
        source.page = EventPage(events=(event,), next_cursor="c")
        diary.sync()
        assert {title for title, _ in diary.cached().values()} == {expected}
        diary.clock.advance(POLL_EVERY)
    diary.clock.advance(8 * DAY)
    diary.sync()
    assert {title for title, _ in diary.cached().values()} == {"Old"}, "a reading of everything is the truth"


def test_card(diary: Diary, source: Source) -> None:
    kernel, actor = diary.kernel, diary.actor
    set_time_zone(kernel, actor=actor, time_zone="Europe/Berlin")
    before = get_card(kernel, actor=actor, connection_id=diary.connection_id)
    assert (before.watch.state, before.calendar.synced_at, before.meetings_today) == ("starting", None, 0)
    assert before.next_meeting is None
    times = {
        "last night there": datetime(2026, 11, 19, 22, 30, tzinfo=UTC),
        "early there": datetime(2026, 11, 19, 23, 30, tzinfo=UTC),
        "over": datetime(2026, 11, 20, 9, 0, tzinfo=UTC),
        "under way": datetime(2026, 11, 20, 11, 30, tzinfo=UTC),
        "tomorrow there": datetime(2026, 11, 20, 23, 30, tzinfo=UTC),
    }
    for title, at in times.items():
        meet(source, title, at)
    diary.run_due()

    card = get_card(kernel, actor=actor, connection_id=diary.connection_id)
    assert (card.watch.state, card.watch.words) == ("active", "Active (expires in 7 days)")
    assert card.calendar.synced_at == NOON
    assert (card.calendar.account, card.calendar.name) == (source.account, source.account)
    assert (card.time_zone, card.is_failing) == ("Europe/Berlin", False)
    assert card.meetings_today == 4, "the one of last night ended after midnight"
    assert card.next_meeting is not None and card.next_meeting.title == "under way"
    assert card.next_sync_at == NOON + timedelta(hours=6)

    set_time_zone(kernel, actor=actor, time_zone="Pacific/Kiritimati")
    assert get_card(kernel, actor=actor, connection_id=diary.connection_id).meetings_today == 2


def test_asking_for_a_sync(diary: Diary, source: Source, queue: OnDemandQueue) -> None:
    diary.run_due()
    with pytest.raises(RetryLater) as refused:
        request_sync(diary.kernel, actor=diary.actor, calendar_id=diary.id)
    assert refused.value.code == "too_many_syncs"
    diary.clock.advance(timedelta(seconds=10))
    meet(source, "new", NOON)
    queue.wakes.clear()
    request_sync(diary.kernel, actor=diary.actor, calendar_id=diary.id)
    assert [(wake.job, wake.row_id) for wake in queue.wakes] == [("sync_calendar", diary.id)]
    diary.sync()
    assert "new" in diary.cached()


def test_a_person_may_hurry_a_sync_that_fails(diary: Diary, source: Source) -> None:
    def fail(call: str) -> None:
        raise RetryLater("Slow down.", provider="planner", after=timedelta(hours=1))

    source.hook = fail
    diary.sync()
    assert get_card(diary.kernel, actor=diary.actor, connection_id=diary.connection_id).is_failing
    source.hook = lambda _call: None
    diary.clock.advance(timedelta(seconds=10))
    request_sync(diary.kernel, actor=diary.actor, calendar_id=diary.id)
    diary.sync()
    assert diary.row().synced_at == diary.clock.now()


def test_a_paused_connection_is_not_read(diary: Diary) -> None:
    diary.run_due()
    pause(diary.kernel, actor=diary.actor, connection_id=diary.connection_id)
    card = get_card(diary.kernel, actor=diary.actor, connection_id=diary.connection_id)
    assert (card.watch.state, card.next_sync_at) == ("off", None)
    diary.clock.advance(DAY)
    with pytest.raises(Conflict):
        request_sync(diary.kernel, actor=diary.actor, calendar_id=diary.id)


def test_who_may_do_what(diary: Diary) -> None:
    kernel = diary.kernel
    viewer, operator = as_role(diary.actor, Role.VIEWER), as_role(diary.actor, Role.OPERATOR)
    assert len(list_calendars(kernel, actor=viewer, agent_id=diary.agent_id)) == 1
    get_card(kernel, actor=viewer, connection_id=diary.connection_id)
    for actor in (viewer, operator):
        with pytest.raises(Forbidden):
            request_sync(kernel, actor=actor, calendar_id=diary.id)
        with pytest.raises(Forbidden):
            set_time_zone(kernel, actor=actor, time_zone="Europe/Berlin")


def test_other_tenants_calendars_do_not_exist(diary: Diary) -> None:
    kernel, stranger = diary.kernel, new_tenant(diary.kernel, "harbor").actor
    with pytest.raises(NotFound):
        list_calendars(kernel, actor=stranger, agent_id=diary.agent_id)
    with pytest.raises(NotFound):
        list_events(kernel, actor=stranger, agent_id=diary.agent_id, begins_at=NOON, ends_at=NOON + DAY)
    with pytest.raises(NotFound):
        get_card(kernel, actor=stranger, connection_id=diary.connection_id)
    with pytest.raises(NotFound):
        request_sync(kernel, actor=stranger, calendar_id=diary.id)


def test_jobs_of_another_tenant_leave_a_calendar_alone(diary: Diary, source: Source) -> None:
    stranger = new_tenant(diary.kernel, "harbor").actor
    calls: list[str] = []
    source.hook = calls.append
    before = diary.row()
    for job in (sync_calendar, renew_subscription):
        job(diary.kernel, tenant_id=stranger.tenant_id, calendar_id=diary.id)
        job(diary.kernel, tenant_id=stranger.tenant_id, calendar_id=new_id())
    assert (calls, diary.row(), diary.subscriptions()) == ([], before, [])


def test_a_notification_counts_only_for_its_own_tenant(diary: Diary) -> None:
    """A connection of one tenant, and the subscription of another."""
    diary.run_due()
    [subscription] = diary.subscriptions()
    stranger = new_tenant(diary.kernel, "harbor").actor
    other_source = Source("cal@harbor.example", diary.clock)
    other = open_diary(diary.kernel, diary.clock, stranger, new_agent(diary.kernel, stranger), other_source)
    before = diary.row(), diary.subscriptions()
    assert other.notify(subscription.external_id) == "The subscription it is about has ended."
    assert (diary.row(), diary.subscriptions()) == before


def test_time_zone(kernel: Kernel) -> None:
    owner = new_tenant(kernel, "northwind").actor
    assert get_time_zone(kernel, actor=owner) == "UTC"
    assert set_time_zone(kernel, actor=as_role(owner, Role.ADMIN), time_zone=" Europe/Berlin ") == "Europe/Berlin"
    assert get_time_zone(kernel, actor=owner) == "Europe/Berlin"
    for wrong in ("", "Berlin", "../../etc/passwd", "Europe/Berlin\x00"):
        with pytest.raises(InvalidInput):
            set_time_zone(kernel, actor=owner, time_zone=wrong)


def test_rest(diary: Diary, source: Source) -> None:
    for hours in (1, 30, 24 * 8):
        meet(source, f"in {hours} hours", NOON + timedelta(hours=hours))
    diary.run_due()
    key = create_api_key(diary.kernel, actor=diary.actor, name="Test", role=Role.ADMIN).key.reveal()
    base = f"{diary.kernel.settings.public_url}/api/v1"
    events = f"/agents/{diary.agent_id}/calendar/events"
    calendar = f"/connections/{diary.connection_id}/calendar"
    with TestClient(create_http_app(diary.kernel), base_url=base) as api:
        api.headers["authorization"] = f"Bearer {key}"
        week = api.get(events).json()["items"]
        assert [item["title"] for item in week] == ["in 1 hours", "in 30 hours"]
        day = api.get(events, params={"from": "2026-11-21T00:00:00+01:00", "to": "2026-11-22T00:00:00+01:00"})
        assert [item["title"] for item in day.json()["items"]] == ["in 30 hours"]
        for wrong in ({"from": "2026-11-21T00:00:00"}, {"to": "2020-01-01T00:00:00Z"}, {"to": "2030-01-01T00:00:00Z"}):
            assert api.get(events, params=wrong).status_code == 422, wrong
        assert api.get(f"/agents/{new_id()}/calendar/events").status_code == 404
        card = api.get(calendar).json()
        assert (card["watch"]["words"], card["meetings_today"]) == ("Active (expires in 7 days)", 1)
        early = api.post(f"{calendar}/sync")
        assert (early.status_code, early.json()["code"]) == (503, "too_many_syncs")
        diary.clock.advance(timedelta(minutes=1))
        assert api.post(f"{calendar}/sync").status_code == 200
        assert diary.row().next_attempt_at == diary.clock.now()
