"""What of a provider's list lies inside what is cached."""

from datetime import UTC, datetime, timedelta

import pytest

from services.calendar.applying import Window, window_around
from services.provider_kit.contract import ExternalEvent

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_window() -> None:
    assert window_around(NOW) == Window(NOW - timedelta(days=30), NOW + timedelta(days=365))


@pytest.mark.parametrize(
    ("begin", "end", "is_inside"),
    [
        (-2 * HOUR, -HOUR, False),
        (-HOUR, timedelta(0), False),
        (-HOUR, HOUR, True),
        (timedelta(0), timedelta(0), True),
        (HOUR, HOUR, True),
        (HOUR, None, True),
        (9 * HOUR, 11 * HOUR, True),
        (10 * HOUR, 11 * HOUR, False),
    ],
)
def test_whatever_reaches_into_the_window_is_kept(begin: timedelta, end: timedelta | None, is_inside: bool) -> None:
    event = ExternalEvent(id="m", starts_at=NOW + begin, ends_at=NOW + end if end is not None else None)
    assert Window(NOW, NOW + 10 * HOUR).holds(event) is is_inside


def test_an_entry_without_a_time_is_nowhere() -> None:
    assert not window_around(NOW).holds(ExternalEvent(id="m"))
