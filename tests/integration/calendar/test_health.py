"""A calendar that is no longer read, or no longer watched, needs a person."""

from datetime import timedelta

from services.health import list_findings
from services.kernel.errors import Refused
from tests.support.planner.scene import Diary
from tests.support.planner.source import Source


def codes(diary: Diary) -> list[tuple[str, str]]:
    found = list_findings(diary.kernel, actor=diary.actor, connection_id=diary.connection_id)
    return [(finding.code, finding.severity) for finding in found]


def refuse(source: Source, refused: str) -> None:
    def answer(call: str) -> None:
        if call == refused:
            raise Refused("Not like this.", provider="planner")

    source.hook = answer


def go_on(diary: Diary, *, hours: int) -> None:
    for _ in range(hours):
        diary.clock.advance(timedelta(hours=1))
        diary.run_due()


def test_nothing_is_wrong_with_a_calendar_that_is_well(diary: Diary) -> None:
    diary.run_due()
    assert codes(diary) == []
    go_on(diary, hours=30)
    assert codes(diary) == []


def test_a_calendar_that_cannot_be_read(diary: Diary, source: Source) -> None:
    diary.run_due()
    refuse(source, "read_page")
    go_on(diary, hours=7)
    assert codes(diary) == []
    go_on(diary, hours=2)
    assert codes(diary) == [("sync_failing", "error")]
    source.hook = lambda _call: None
    go_on(diary, hours=1)
    assert codes(diary) == []


def test_a_provider_that_never_told_us_of_changes(diary: Diary, source: Source) -> None:
    refuse(source, "subscribe")
    diary.run_due()
    assert codes(diary) == []
    go_on(diary, hours=2)
    [finding] = list_findings(diary.kernel, actor=diary.actor, connection_id=diary.connection_id)
    assert (finding.code, finding.severity) == ("watch_refused", "error")
    assert finding.what.endswith(": Not like this.")
    source.hook = lambda _call: None
    go_on(diary, hours=1)
    assert codes(diary) == []


def test_a_subscription_that_cannot_be_renewed(diary: Diary, source: Source) -> None:
    diary.run_due()
    refuse(source, "subscribe")
    go_on(diary, hours=24 * 5)
    assert codes(diary) == []
    go_on(diary, hours=25)
    assert codes(diary) == [("watch_expires", "warning")]
    go_on(diary, hours=24)
    assert codes(diary) == [("watch_expires", "error")]
    source.hook = lambda _call: None
    go_on(diary, hours=1)
    assert codes(diary) == []
