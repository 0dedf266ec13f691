"""When a calendar is read again, and when its subscription is renewed."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.calendar.timing import next_poll, pause, renew_at, retry_after
from services.kernel.errors import NeedsReauth, PatchbayError, Refused, RetryLater

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("left", "expected"),
    [(None, 30 * MINUTE), (-HOUR, 30 * MINUTE), (7 * DAY, 6 * HOUR), (2 * HOUR, 2 * HOUR), (MINUTE, 30 * MINUTE)],
)
def test_next_poll(left: timedelta | None, expected: timedelta) -> None:
    assert next_poll(NOW, watched_until=NOW + left if left is not None else None) == NOW + expected


@pytest.mark.parametrize(
    ("life", "expected"),
    [
        (30 * DAY, DAY),
        (7 * DAY, DAY),
        (3 * DAY, DAY),
        (60 * HOUR, 12 * HOUR),
        (48 * HOUR, DAY),
        (HOUR, 30 * MINUTE),
        (timedelta(0), MINUTE),
        (-DAY, MINUTE),
    ],
)
def test_renewal(life: timedelta, expected: timedelta) -> None:
    assert renew_at(NOW, NOW + life) == NOW + expected


@given(st.timedeltas(min_value=2 * MINUTE, max_value=60 * DAY))
def test_renewal_comes_before_the_end_and_never_later_than_after_a_day(life: timedelta) -> None:
    due = renew_at(NOW, NOW + life)
    assert NOW + MINUTE <= due < NOW + life
    assert due <= NOW + DAY


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RetryLater("Busy.", after=timedelta(minutes=9)), 9 * MINUTE),
        (RetryLater("Busy.", after=timedelta(0)), timedelta(seconds=1)),
        (Refused("No."), HOUR),
    ],
)
def test_wait_that_somebody_set(error: PatchbayError, expected: timedelta) -> None:
    assert retry_after(error, attempt=1) == expected


@pytest.mark.parametrize(("attempt", "expected"), [(1, MINUTE), (2, 2 * MINUTE), (7, HOUR), (100, HOUR)])
def test_our_own_wait_doubles_up_to_an_hour(attempt: int, expected: timedelta) -> None:
    for wait in (pause(attempt), retry_after(RetryLater("Busy."), attempt=attempt)):
        assert expected <= wait <= expected * 1.25
    assert retry_after(NeedsReauth("Connect again."), attempt=attempt) >= expected
