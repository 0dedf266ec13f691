"""Series: which occurrences a rule makes, and which rules are refused."""

from datetime import date, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from app.sandbox.google_call import GoogleError
from app.sandbox.google_recurrence import occurrence_key, occurrences, read_key, read_rule

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=BERLIN)


def days(start: date, *lines: str) -> list[str]:
    return [point.strftime("%m-%d") for point in islice(occurrences(start, read_rule([*lines])), 6)]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("FREQ=DAILY;COUNT=3", ["11-23", "11-24", "11-25"]),
        ("FREQ=DAILY;INTERVAL=10;COUNT=2", ["11-23", "12-03"]),
        ("FREQ=WEEKLY;COUNT=2", ["11-23", "11-30"]),
        ("FREQ=WEEKLY;BYDAY=MO,WE;COUNT=4", ["11-23", "11-25", "11-30", "12-02"]),
        ("FREQ=WEEKLY;BYDAY=WE;INTERVAL=2;COUNT=2", ["11-25", "12-09"]),
        ("FREQ=MONTHLY;COUNT=2", ["11-23", "12-23"]),
        ("FREQ=YEARLY;COUNT=2", ["11-23", "11-23"]),
        ("FREQ=DAILY;UNTIL=20261124T080000Z", ["11-23", "11-24"]),
        ("FREQ=DAILY;UNTIL=20261124T075959Z", ["11-23"]),
        ("FREQ=DAILY;UNTIL=20261124", ["11-23", "11-24"]),
    ],
)
def test_a_rule_makes_its_days(rule: str, expected: list[str]) -> None:
    assert days(MONDAY, f"RRULE:{rule}") == expected


def test_a_month_without_the_day_is_left_out() -> None:
    assert days(date(2027, 1, 31), "RRULE:FREQ=MONTHLY;COUNT=3") == ["01-31", "03-31", "05-31"]


def test_days_are_left_out() -> None:
    lines = ("RRULE:FREQ=DAILY;COUNT=3", "EXDATE:20261124T080000Z")
    assert days(MONDAY, *lines) == ["11-23", "11-25"]


def test_an_endless_series_ends_here() -> None:
    assert len(list(occurrences(MONDAY, read_rule(["RRULE:FREQ=DAILY"])))) == 104


def test_occurrences_are_named_by_their_start() -> None:
    assert occurrence_key(MONDAY) == "20261123T080000Z"
    assert occurrence_key(date(2026, 11, 23)) == "20261123"
    assert [read_key(occurrence_key(point)) for point in (MONDAY, MONDAY.date())] == [MONDAY, MONDAY.date()]


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["RRULE:FREQ=HOURLY"],
        ["RRULE:INTERVAL=2"],
        ["RRULE:FREQ=DAILY;INTERVAL=0"],
        ["RRULE:FREQ=DAILY;COUNT=many"],
        ["RRULE:FREQ=MONTHLY;BYDAY=1MO"],
        ["RRULE:FREQ=DAILY;BYHOUR=9"],
        ["RRULE:FREQ=DAILY", "RRULE:FREQ=WEEKLY"],
        ["RRULE:FREQ=DAILY", "RDATE:20261123"],
    ],
)
def test_other_rules_are_refused(lines: list[str]) -> None:
    with pytest.raises(GoogleError) as caught:
        read_rule([*lines])
    assert (caught.value.status, caught.value.reason) == (400, "invalid")
