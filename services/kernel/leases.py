"""Leases on work rows: a worker takes a row for a while, by the database's time, and lets it go or dies.

The database's clock decides, so that workers whose clocks differ never hold the same row.
"""

import random
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_
from sqlmodel import col

from models import Connection, Conversation, WorkRow


def in_seconds(seconds: float) -> Any:
    """Return the database's time that many seconds from now, to assign to a column.

    ``clock_timestamp``, not the transaction's start.
    """
    return func.clock_timestamp() + timedelta(seconds=seconds)


def is_free(row: type[WorkRow] | type[Conversation] | type[Connection]) -> ColumnElement[bool]:
    """Return the condition that nobody holds the row."""
    return or_(col(row.lease_until).is_(None), col(row.lease_until) < func.clock_timestamp())


def is_due(row: type[WorkRow]) -> ColumnElement[bool]:
    """Return the condition that the row may be taken by now."""
    return col(row.next_attempt_at) <= func.clock_timestamp()


def backoff_seconds(attempt: int, *, base: float, longest: float = 3600.0, jitter: float | None = None) -> float:
    """Return how long to wait after the given attempt failed: doubling, with up to a quarter of jitter.

    Args:
        attempt: number of the attempt that failed, from 1.
        base: seconds after the first.
        longest: cap in seconds, before jitter.
        jitter: fraction between 0 and 1, drawn if not given.
    """
    drawn = random.random() if jitter is None else jitter  # noqa: S311 (spreads load, guards nothing)
    return min(base * 2 ** (max(attempt, 1) - 1), longest) * (1 + drawn / 4)
