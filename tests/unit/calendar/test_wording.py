"""What the state of a subscription is called."""

from datetime import UTC, datetime, timedelta

import pytest

from models import Calendar, ConnectionStatus, Subscription, SubscriptionState
from services.calendar.views import WatchView
from services.calendar.wording import describe_watch
from services.kernel.ids import new_id

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


def watch(left: timedelta | None, *, error: str = "", status: ConnectionStatus = ConnectionStatus.ACTIVE) -> WatchView:
    tenant_id, calendar_id, connection_id = new_id(), new_id(), new_id()
    calendar = Calendar(
        tenant_id=tenant_id,
        id=calendar_id,
        connection_id=connection_id,
        external_id="primary",
        next_attempt_at=NOW,
        subscribe_error=error,
        created_at=NOW,
        updated_at=NOW,
    )
    row = Subscription(
        tenant_id=tenant_id,
        id=new_id(),
        connection_id=connection_id,
        calendar_id=calendar_id,
        external_id="channel",
        sealed_token=b"",
        state=SubscriptionState.ACTIVE,
        expires_at=NOW + left if left is not None else None,
        created_at=NOW,
    )
    rows = [row] if left is not None else []
    return describe_watch(calendar, rows, provider="Planner", status=status, now=NOW)


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(days=6, hours=23), "Active (expires in 6 days)"),
        (timedelta(days=1, hours=2), "Active (expires in 1 day)"),
        (timedelta(hours=5), "Active (expires in 5 hours)"),
        (timedelta(minutes=1), "Active (expires in 1 minute)"),
        (timedelta(seconds=9), "Active (expires in less than a minute)"),
    ],
)
def test_a_subscription_in_force_says_how_long(left: timedelta, words: str) -> None:
    found = watch(left)
    assert (found.state, found.words, found.expires_at, found.poll_minutes) == ("active", words, NOW + left, 360)
    assert "renews itself" in found.means


def test_without_one_the_reason_and_the_delay_are_said() -> None:
    found = watch(None, error="Planner only calls addresses that begin with https.")
    assert (found.state, found.words, found.poll_minutes) == ("failed", "Not active", 30)
    assert found.means == (
        "Planner only calls addresses that begin with https."
        " The calendar is read every 30 minutes instead: changes are seen with that delay."
    )
    assert watch(None).state == "starting"
    assert watch(-timedelta(minutes=1)).state == "starting"


def test_a_connection_out_of_use_is_not_watched() -> None:
    found = watch(timedelta(days=5), status=ConnectionStatus.PAUSED)
    assert (found.state, found.expires_at, found.poll_minutes) == ("off", None, 0)
