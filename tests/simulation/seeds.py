"""Which runs are made: those of a base that stays, those of the day, and those that failed once."""

from datetime import UTC, datetime

BASE = 0
"""The first seed of the runs that are the same every day."""
KEPT = (233, 344, 482, 582, 703, 716, 724, 955, 1097, 1229)
"""Seeds that failed once; they always run. Add yours."""


def seed_of_the_day() -> int:
    """Return the first seed of today's runs; each day has a hundred thousand of its own."""
    return datetime.now(UTC).date().toordinal() * 100_000


def list_seeds(count: int) -> list[int]:
    """Return so many seeds, half of the base and half of the day, and those that are kept."""
    today = seed_of_the_day()
    half = count // 2
    return [*KEPT, *range(BASE, BASE + count - half), *range(today, today + half)]
