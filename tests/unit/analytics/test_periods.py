"""Hours and days in any zone, at any time: nothing is counted twice, and nothing is left out."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analytics.periods import SPANS, Period, Unit, period_of

ZONES = (
    *("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham"),
    *("America/Havana", "Africa/Cairo", "Asia/Beirut", "America/Santiago", "Pacific/Apia", "Africa/Casablanca"),
)
"""Half and quarter hours off; clocks that change by half an hour, or at midnight."""
HOUR = timedelta(hours=1)


@st.composite
def times(draw: st.DrawFn) -> datetime:
    """Any time of twenty years, and often one beside a full hour."""
    seconds = draw(st.integers(0, 20 * 365 * 86_400))
    at = datetime(2013, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    beside = draw(st.sampled_from([None, -1, 0, 1]))
    return at if beside is None else at.replace(minute=0, second=0) + timedelta(microseconds=beside)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(SPANS)), times(), st.sampled_from(ZONES))
def test_every_moment_of_a_period_is_in_one_bucket(name: str, now: datetime, zone_name: str) -> None:
    zone, span = ZoneInfo(zone_name), SPANS[name]
    period = period_of(span, now=now, zone=zone)
    assert all(edge.tzinfo is UTC for edge in period.edges)
    assert all(before < after for before, after in pairwise(period.edges))
    assert period.edges[-2] <= now < period.until
    assert len(period.edges) == span.count + 1
    assert period.before_since < period.before_until <= period.since


@settings(max_examples=400, deadline=None)
@given(times(), st.sampled_from(ZONES))
def test_days_begin_with_their_first_moment(now: datetime, zone_name: str) -> None:
    zone = ZoneInfo(zone_name)
    for edge in period_of(SPANS["30d"], now=now, zone=zone).edges:
        day, eve = edge.astimezone(zone).date(), (edge - timedelta(microseconds=1)).astimezone(zone).date()
        assert eve < day


@settings(max_examples=400, deadline=None)
@given(times(), st.sampled_from(ZONES))
def test_hours_are_hours_and_end_with_the_one_that_has_begun(now: datetime, zone_name: str) -> None:
    zone = ZoneInfo(zone_name)
    period = period_of(SPANS["24h"], now=now, zone=zone)
    assert {after - before for before, after in pairwise(period.edges)} == {HOUR}
    assert period.edges[-2].astimezone(zone).minute == 0
    assert (period.before_since, period.before_until) == (period.since - 24 * HOUR, now - 24 * HOUR)


def berlin(span: str, now: str) -> Period:
    """Return a period in a zone whose clocks change."""
    return period_of(SPANS[span], now=datetime.fromisoformat(now), zone=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(("now", "hours"), [("2026-03-30T10:00+02:00", 23), ("2026-10-26T10:00+01:00", 25)])
def test_day_on_which_clocks_change_is_shorter_or_longer(now: str, hours: int) -> None:
    period = berlin("7d", now)
    lengths = [after - before for before, after in pairwise(period.edges)]
    assert lengths == [24 * HOUR] * 5 + [hours * HOUR] + [24 * HOUR]
    assert period.unit is Unit.DAY


def test_period_before_is_cut_at_the_time_it_is_now() -> None:
    period = berlin("7d", "2026-04-01T15:30+02:00")
    assert period.since == datetime.fromisoformat("2026-03-26T00:00+01:00")
    assert period.before_since == datetime.fromisoformat("2026-03-19T00:00+01:00")
    assert period.before_until == datetime.fromisoformat("2026-03-25T15:30+01:00")


def test_hour_that_comes_twice_is_two() -> None:
    period = berlin("24h", "2026-10-25T03:20+01:00")
    zone = ZoneInfo("Europe/Berlin")
    assert [edge.astimezone(zone).hour for edge in period.edges[-5:]] == [1, 2, 2, 3, 4]


def test_day_that_a_zone_left_out_is_left_out() -> None:
    """Samoa went from 29 to 31 December 2011."""
    now = datetime(2012, 1, 2, tzinfo=UTC)
    period = period_of(SPANS["7d"], now=now, zone=ZoneInfo("Pacific/Apia"))
    assert len(period.edges) == 7
