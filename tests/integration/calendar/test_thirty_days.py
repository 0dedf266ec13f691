"""A month by the clock: tokens and subscriptions are renewed before they end, and nothing is ever missed."""

from datetime import timedelta

from models import ConnectionStatus
from tests.support.planner.scene import Diary, TokenWire
from tests.support.planner.source import Meeting, Source


def test_nothing_expires_in_thirty_days(diary: Diary, source: Source, wire: TokenWire) -> None:
    diary.run_due()
    ends_at, last_meeting_at = diary.clock.now() + timedelta(days=30), diary.clock.now()
    while diary.clock.now() < ends_at:
        diary.clock.advance(diary.next_due_at() - diary.clock.now())
        assert source.living(), "somebody tells us"
        token_ends_at = diary.connection().token_expires_at
        assert token_ends_at is not None and token_ends_at > diary.clock.now()
        diary.run_due()
        if diary.clock.now() - last_meeting_at > timedelta(days=2):
            last_meeting_at = diary.clock.now()
            id = f"meeting on {last_meeting_at:%d %B}"
            source.put(id, Meeting(title=id, starts_at=last_meeting_at))
            for subscription_id in source.notifications:
                diary.notify(subscription_id)
            source.notifications.clear()
            diary.run_due()
            assert id in diary.cached()

    connection = diary.connection()
    assert (connection.status, connection.error_count, connection.last_error) == (ConnectionStatus.ACTIVE, 0, "")
    assert len(diary.subscriptions()) == len(source.living()) == 1
    assert len(source.overlaps) >= 29, "renewed daily"
    assert set(source.overlaps) == {2}, "each was stopped only when its successor worked"
    assert wire.renewals >= 90
