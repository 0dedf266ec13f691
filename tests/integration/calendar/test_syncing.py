"""The cache follows its source: whatever is lost, doubled or cut off in between."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from services.calendar.timing import FULL_EVERY, POLL_EVERY, WATCHED_POLL_EVERY
from services.kernel.db import Notice
from services.kernel.kernel import Kernel
from services.webhooks import sweep
from tests.integration.calendar.meetings import put, truth
from tests.support.line import OnDemandQueue
from tests.support.planner.scene import Diary
from tests.support.planner.source import Source


def test_first_sync_reads_everything_page_by_page(diary: Diary, source: Source) -> None:
    for number in range(10):
        put(source, f"m{number}", in_days=number)
    put(source, "long ago", in_days=-31)
    put(source, "far ahead", in_days=366)

    diary.sync()

    assert diary.cached() == truth(diary)
    assert len(diary.cached()) == 10
    row = diary.row()
    assert (row.name, row.time_zone, row.attempt, row.lease_token) == (source.account, "Europe/Berlin", 0, None)
    assert row.synced_at == diary.clock.now()
    assert row.sync_note == "Everything was read: 10 meetings."
    assert row.next_attempt_at == diary.clock.now() + POLL_EVERY


def test_a_calendar_that_is_not_due_is_left_alone(diary: Diary, source: Source) -> None:
    diary.sync()
    calls: list[str] = []
    source.hook = calls.append
    diary.sync()
    assert calls == []


def test_changes_are_read_from_the_cursor_on(diary: Diary, source: Source) -> None:
    put(source, "stays")
    put(source, "goes")
    series = put(source, "series", count=5)
    diary.sync()
    source.put("goes", None)
    put(source, "stays", title="Renamed", in_days=3)
    put(source, "comes", in_days=2)
    source.put("series", replace(series, cancelled=frozenset({2}), moved={3: series.starts_at + timedelta(days=9)}))
    diary.clock.advance(POLL_EVERY)

    diary.sync()

    assert diary.cached() == truth(diary)
    assert "goes" not in diary.cached() and "series_2" not in diary.cached()
    assert diary.row().sync_note == "4 meetings changed, 1 gone."


def test_several_notifications_cause_one_sync(diary: Diary, source: Source, queue: OnDemandQueue) -> None:
    diary.run_due()
    [subscription] = diary.subscriptions()
    queue.wakes.clear()
    put(source, "new")
    said = [diary.notify(subscription.external_id) for _ in range(3)]

    assert said == ["The calendar changed: it is read next."] * 3
    assert {wake.job for wake in queue.wakes} == {"sync_calendar"}
    calls: list[str] = []
    source.hook = calls.append
    for _ in queue.wakes:
        diary.sync()
    assert calls == ["read_page"]
    assert diary.cached() == truth(diary)
    assert diary.row().next_attempt_at == diary.clock.now() + WATCHED_POLL_EVERY


def test_a_notification_of_an_unknown_subscription_changes_nothing(diary: Diary) -> None:
    diary.run_due()
    before = diary.row()
    assert diary.notify("never was") == "The subscription it is about has ended."
    assert diary.row() == before


def test_a_change_during_a_sync_causes_another_one(diary: Diary, source: Source, queue: OnDemandQueue) -> None:
    diary.run_due()
    [subscription] = diary.subscriptions()
    diary.notify(subscription.external_id)

    def change_meanwhile(call: str) -> None:
        source.hook = lambda _call: None
        put(source, "late")
        diary.notify(subscription.external_id)

    source.hook = change_meanwhile
    queue.wakes.clear()
    diary.sync()

    assert diary.row().next_attempt_at <= diary.clock.now()
    assert [wake.job for wake in queue.wakes] == ["sync_calendar", "sync_calendar"]
    diary.sync()
    assert diary.cached() == truth(diary)
    assert diary.row().next_attempt_at > diary.clock.now()


def test_a_lost_cursor_means_reading_everything_and_forgetting_what_is_gone(diary: Diary, source: Source) -> None:
    put(source, "stays")
    put(source, "goes")
    diary.sync()
    source.put("goes", None)
    source.lose_cursors()
    diary.clock.advance(POLL_EVERY)

    diary.sync()

    assert diary.cached() == truth(diary)
    row = diary.row()
    assert row.cursor_at == diary.clock.now()
    assert row.sync_note == ("Planner no longer knew how far we had read: everything was read anew. 1 meeting, 1 gone.")


def test_a_cursor_lost_between_two_pages_is_no_different(diary: Diary, source: Source) -> None:
    for number in range(7):
        put(source, f"m{number}")
    diary.sync()
    for number in range(7):
        put(source, f"m{number}", title="Moved", in_days=2)
    diary.clock.advance(POLL_EVERY)
    calls: list[str] = []

    def lose_at_second_page(call: str) -> None:
        calls.append(call)
        if len(calls) == 2:
            source.lose_cursors()

    source.hook = lose_at_second_page
    diary.sync()
    assert len(calls) == 2 + 3
    assert diary.cached() == truth(diary)


def test_the_window_moves_on_every_week(diary: Diary, source: Source) -> None:
    put(source, "soon in the past", in_days=-28)
    put(source, "soon near enough", in_days=370)
    diary.sync()
    assert set(diary.cached()) == {"soon in the past"}

    diary.clock.advance(FULL_EVERY)
    diary.run_due()
    assert set(diary.cached()) == {"soon near enough"}


def test_what_leaves_the_window_is_forgotten(diary: Diary, source: Source) -> None:
    put(source, "postponed")
    diary.sync()
    put(source, "postponed", in_days=500)
    diary.clock.advance(POLL_EVERY)
    diary.sync()
    assert diary.cached() == {} == truth(diary)


def test_sweeper_finds_what_is_due(diary: Diary, kernel: Kernel, queue: OnDemandQueue) -> None:
    queue.wakes.clear()
    sweep.run(kernel)
    assert {(wake.job, wake.row_id) for wake in queue.wakes if wake.row_id == diary.id} == {
        ("sync_calendar", diary.id),
        ("renew_subscription", diary.id),
    }
    diary.run_due()
    queue.wakes.clear()
    sweep.run(kernel)
    assert diary.id not in {wake.row_id for wake in queue.wakes}


def test_somebody_who_lost_the_lease_writes_nothing(diary: Diary, source: Source) -> None:
    """A worker that stood still comes back with yesterday's pages."""
    put(source, "deleted meanwhile")

    def stand_still(call: str) -> None:
        source.after = lambda _call: None
        diary.let_lease_run_out()
        diary.clock.advance(timedelta(minutes=5))
        source.put("deleted meanwhile", None)
        diary.sync()

    source.after = stand_still
    diary.sync()
    assert diary.cached() == {} == truth(diary)
    assert diary.row().lease_token is None


def test_workers_that_want_the_same_calendar_read_it_once(diary: Diary, source: Source) -> None:
    for number in range(7):
        put(source, f"m{number}")
    calls: list[str] = []
    source.hook = calls.append
    with ThreadPoolExecutor(8) as pool:
        for job in [pool.submit(job) for _ in range(4) for job in (diary.sync, diary.renew)]:
            job.result()
    diary.run_due()
    assert calls.count("subscribe") == 1
    assert len(diary.subscriptions()) == 1
    assert calls.count("read_page") <= 3 + 1, "everything once, and once more for the new subscription"
    assert diary.cached() == truth(diary)


class Listener:
    """Hears what open pages are told."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, UUID]] = []

    def publish(self, notices: Sequence[Notice]) -> None:
        """Remember."""
        self.heard += [(notice.topic, notice.row_id) for notice in notices]


def test_open_pages_are_told(diary: Diary, kernel: Kernel) -> None:
    listener = Listener()
    diary.sync(replace(kernel, live=listener))
    assert listener.heard == [("calendar", diary.connection_id)]
    diary.renew(replace(kernel, live=listener))
    assert listener.heard == [("calendar", diary.connection_id)] * 2
