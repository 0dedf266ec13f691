"""Days as people have them."""

from datetime import UTC, date, datetime, timedelta

import pytest

from services.calendar.days import dates_between, day_around, zone_of

BERLIN = zone_of("Europe/Berlin")


def test_a_day_begins_and_ends_at_midnight_there() -> None:
    begins_at, ends_at = day_around(datetime(2026, 11, 20, 23, 30, tzinfo=UTC), zone=BERLIN)
    assert begins_at == datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
    assert ends_at == datetime(2026, 11, 21, 23, 0, tzinfo=UTC)


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 6, 1), 24)])
def test_the_days_on_which_clocks_change(day: tuple[int, int, int], hours: int) -> None:
    begins_at, ends_at = day_around(datetime(*day, 12, 0, tzinfo=UTC), zone=BERLIN)
    assert ends_at.astimezone(UTC) - begins_at.astimezone(UTC) == timedelta(hours=hours)


def test_all_day_entries_have_dates_in_their_calendars_zone() -> None:
    starts_at = datetime(2026, 11, 19, 23, 0, tzinfo=UTC)
    assert dates_between(starts_at, starts_at + timedelta(days=2), zone=BERLIN) == (
        date(2026, 11, 20),
        date(2026, 11, 22),
    )
    assert dates_between(starts_at, starts_at, zone=BERLIN) == (date(2026, 11, 20), date(2026, 11, 21))


@pytest.mark.parametrize("name", ["", "Nowhere/City", "../etc/passwd", "/etc/localtime"])
def test_a_zone_that_nobody_knows_is_utc(name: str) -> None:
    assert zone_of(name) == zone_of("UTC")
