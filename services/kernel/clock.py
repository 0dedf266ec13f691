"""The one source of time."""

import functools
from datetime import UTC, datetime
from typing import Protocol
from zoneinfo import available_timezones


class Clock(Protocol):
    """Tells the time; tests pass their own."""

    def now(self) -> datetime:
        """Return the current time, aware and in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the current time, aware and in UTC."""
        return datetime.now(UTC)


@functools.cache
def zone_names() -> frozenset[str]:
    """Return the IANA names of all time zones; read once per process, as that walks the whole database of zones."""
    return frozenset(available_timezones())
