"""When tokens end, and when they are renewed."""

from datetime import UTC, datetime, timedelta

import pytest

from services.connections.clients import USABLE
from services.connections.token_times import AHEAD, plan_times
from services.provider_kit.auth import OAuth2

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def scheme(*, lifetime: int = 0, idle_days: int = 0) -> OAuth2:
    """Return a scheme whose tokens are renewed."""
    return OAuth2(label="Connect", refresh=True, default_lifetime_seconds=lifetime, idle_lifetime_days=idle_days)


def test_a_token_is_renewed_fifteen_minutes_before_its_end() -> None:
    times = plan_times(scheme(), has_refresh_token=True, expires_at=NOW + HOUR, now=NOW)
    assert (times.expires_at, times.refresh_due_at) == (NOW + HOUR, NOW + HOUR - AHEAD)
    assert timedelta(minutes=15) <= AHEAD


@pytest.mark.parametrize("minutes", [2, 10, 29])
def test_a_short_token_is_renewed_at_half_its_life(minutes: int) -> None:
    life = timedelta(minutes=minutes)
    times = plan_times(scheme(), has_refresh_token=True, expires_at=NOW + life, now=NOW)
    assert times.refresh_due_at == NOW + life / 2


def test_the_scheme_says_how_long_a_token_lives_if_the_answer_does_not() -> None:
    times = plan_times(scheme(lifetime=3600), has_refresh_token=True, expires_at=None, now=NOW)
    assert times.expires_at == NOW + HOUR


def test_a_token_without_an_end_is_left_alone() -> None:
    for has_refresh_token in (True, False):
        times = plan_times(scheme(), has_refresh_token=has_refresh_token, expires_at=None, now=NOW)
        assert (times.expires_at, times.refresh_due_at) == (None, None)
    assert plan_times(scheme(lifetime=3600), has_refresh_token=False, expires_at=None, now=NOW).expires_at is None


def test_a_grant_that_dies_when_idle_is_used_every_day() -> None:
    for expires_at in (None, NOW + timedelta(days=30)):
        times = plan_times(scheme(idle_days=7), has_refresh_token=True, expires_at=expires_at, now=NOW)
        assert times.refresh_due_at == NOW + timedelta(days=1)
    times = plan_times(scheme(idle_days=7), has_refresh_token=True, expires_at=NOW + HOUR, now=NOW)
    assert times.refresh_due_at == NOW + HOUR - AHEAD


def test_a_token_that_cannot_be_renewed_is_looked_at_when_it_is_over() -> None:
    times = plan_times(scheme(idle_days=7), has_refresh_token=False, expires_at=NOW + HOUR, now=NOW)
    assert times.refresh_due_at == NOW + HOUR - USABLE
