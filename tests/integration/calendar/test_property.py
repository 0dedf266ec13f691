"""Whatever happens to a calendar and to the word of it, once it is quiet the cache equals the source."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from services.kernel.settings import Settings
from tests.integration.connections.scene import new_agent, new_tenant
from tests.support.clock import FakeClock
from tests.support.databases import copied_database, url_of
from tests.support.kernels import build_kernel
from tests.support.line import OnDemandQueue
from tests.support.planner.scene import Diary, TokenWire, open_diary, planner_registered, with_planner_app
from tests.support.planner.source import Meeting, Source
from workers.runtime.embedded import EmbeddedUrls

RUNS = 500
IDS = ("a", "b", "c", "d", "e")
EVER = timedelta(days=365_000)
QUIET = timedelta(hours=7)
"""Longer than any pause between two polls."""


class Killed(BaseException):
    """The process ends here; nothing of its own runs any more."""


@dataclass(slots=True)
class Told:
    """Subscribed at the source; what the provider tells us goes through a person's hands."""

    diary: Diary
    subscription_id: str

    def deliver(self) -> None:
        """Process one notification."""
        self.diary.notify(self.subscription_id)


Step = Callable[[Told], None]

ids = st.sampled_from(IDS)
days = st.one_of(st.integers(-3, 10), st.integers(-33, -28), st.integers(362, 368))
"""Around today, and around both ends of what is cached."""
titles = st.sampled_from(("Call", "Review", "Shoot"))


def _meeting(told: Told, days: int, title: str, count: int = 1) -> Meeting:
    return Meeting(title=title, starts_at=told.diary.clock.now() + timedelta(days=days, minutes=7), count=count)


def put(id: str, days: int, title: str, count: int) -> Step:
    def act(told: Told) -> None:
        told.diary.source.put(id, _meeting(told, days, title, count))

    return act


def cancel_date(id: str, number: int) -> Step:
    def act(told: Told) -> None:
        meeting = told.diary.source.meetings.get(id)
        if meeting is not None and meeting.count > 1:
            told.diary.source.put(id, replace(meeting, cancelled=meeting.cancelled | {number % meeting.count}))

    return act


def move_date(id: str, number: int, days: int) -> Step:
    def act(told: Told) -> None:
        meeting = told.diary.source.meetings.get(id)
        if meeting is not None:
            moved = {**meeting.moved, number % meeting.count: told.diary.clock.now() + timedelta(days=days)}
            told.diary.source.put(id, replace(meeting, moved=moved))

    return act


def delete(id: str) -> Step:
    def act(told: Told) -> None:
        told.diary.source.put(id, None)

    return act


def lose_cursors(told: Told) -> None:
    told.diary.source.lose_cursors()


def set_page_size(size: int) -> Step:
    def act(told: Told) -> None:
        told.diary.source.page_size = size

    return act


def lose_notifications(told: Told) -> None:
    told.diary.source.notifications.clear()


def deliver(times: int) -> Step:
    """Deliver what waits: each alike, so that their order cannot matter, and some more than once."""

    def act(told: Told) -> None:
        if told.diary.source.notifications:
            told.diary.source.notifications.clear()
            for _ in range(times):
                told.deliver()

    return act


def deliver_late(told: Told) -> None:
    """Deliver a notification of something that was read long ago."""
    told.deliver()


def sync(told: Told) -> None:
    told.diary.sync()


def interrupted(what: Step, *, call: int, dies: bool) -> Step:
    """Sync, while something happens before a page is read; the process may die of it."""

    def act(told: Told) -> None:
        calls: list[str] = []

        def interrupt(name: str) -> None:
            calls.append(name)
            if len(calls) == call:
                what(told)
                if dies:
                    raise Killed

        told.diary.source.hook = interrupt
        try:
            told.diary.sync()
        except Killed:
            told.diary.let_lease_run_out()
        finally:
            told.diary.source.hook = lambda _call: None

    return act


def wait(hours: int) -> Step:
    def act(told: Told) -> None:
        told.diary.clock.advance(timedelta(hours=hours))

    return act


changes = st.one_of(
    st.builds(put, ids, days, titles, st.sampled_from((1, 1, 3))),
    st.builds(cancel_date, ids, st.integers(0, 2)),
    st.builds(move_date, ids, st.integers(0, 2), days),
    st.builds(delete, ids),
)
steps = st.one_of(
    changes,
    changes,
    st.just(lose_cursors),
    st.builds(set_page_size, st.integers(1, 4)),
    st.just(lose_notifications),
    st.builds(deliver, st.integers(1, 3)),
    st.just(deliver_late),
    st.just(sync),
    st.builds(interrupted, st.one_of(changes, st.just(lose_cursors)), call=st.integers(1, 3), dies=st.booleans()),
    st.builds(wait, st.sampled_from((1, 7, 190))),
)


@pytest.fixture(scope="module")
def told(servers: EmbeddedUrls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """One calendar for all runs; the rows go after each."""
    folder: Path = tmp_path_factory.mktemp("property")
    with planner_registered(), copied_database(servers.database_owner_url) as name:
        clock = FakeClock()
        source = Source("property@northwind.example", clock)
        given_settings = Settings(
            data_dir=folder,
            database_url=url_of(servers.database_url, name),
            redis_url=servers.redis_url,
            sandbox=True,
            public_url="http://127.0.0.1:8000",
        )
        built = build_kernel(with_planner_app(given_settings), clock=clock)
        kernel = replace(built, queue=OnDemandQueue(), http=TokenWire(source))
        owner = new_tenant(kernel, "northwind").actor
        source.life = EVER
        diary = open_diary(kernel, clock, owner, new_agent(kernel, owner), source, token_lifetime=EVER)
        diary.renew()
        [subscription] = diary.subscriptions()
        yield Told(diary, subscription.external_id)
        built.close()


@settings(
    max_examples=RUNS,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(story=st.lists(steps, min_size=1, max_size=9))
def test_when_it_is_quiet_the_cache_equals_the_source(told: Told, story: list[Step]) -> None:
    begin_anew(told)
    for step in story:
        step(told)
    diary = told.diary
    diary.clock.advance(QUIET)
    diary.sync()

    row = diary.row()
    assert row.next_attempt_at > diary.clock.now() and row.cursor_at is not None
    window = row.cursor_at - timedelta(days=30), row.cursor_at + timedelta(days=365)
    assert diary.cached() == diary.source.truth(*window)


def begin_anew(told: Told) -> None:
    """Empty the source and the cache, in one statement each."""
    told.diary.source.forget()
    told.diary.source.page_size = 2
    with told.diary.kernel.unscoped_session("test empties the calendar") as session:
        session.connection().execute(text("DELETE FROM calendar_event"))
        session.connection().execute(
            text(
                "UPDATE calendar SET cursor = '', cursor_at = NULL, attempt = 0, lease_until = NULL,"
                " lease_token = NULL, changed_at = NULL, next_attempt_at = :now"
            ),
            {"now": told.diary.clock.now()},
        )
