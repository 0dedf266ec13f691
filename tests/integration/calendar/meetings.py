"""Meetings for tests, and what the cache must be equal to."""

from datetime import timedelta

from tests.support.planner.scene import Diary
from tests.support.planner.source import Meeting, Source


def put(source: Source, id: str, *, title: str = "Creator call", in_days: float = 1, count: int = 1) -> Meeting:
    """Create or change an entry, some days from now."""
    meeting = Meeting(title=title, starts_at=source.clock.now() + timedelta(days=in_days), count=count)
    source.put(id, meeting)
    return meeting


def truth(diary: Diary) -> object:
    """Return what takes place at the source within what is cached."""
    read_at = diary.row().cursor_at
    assert read_at is not None
    return diary.source.truth(read_at - timedelta(days=30), read_at + timedelta(days=365))
