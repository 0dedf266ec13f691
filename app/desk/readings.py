"""What each page does to show what has changed: the desk is on several of them and knows none by itself."""

from reflex.event import EventCallback, EventSpec

Reading = EventSpec | EventCallback[*tuple[()]]
_readings: dict[str, tuple[Reading, ...]] = {}


def read_again_on(route: str, *readings: Reading) -> None:
    """Say what a page does to show what has changed."""
    _readings[route] = readings


def readings_of(route: str) -> tuple[Reading, ...]:
    """Return what the page at a route does to show what has changed."""
    return _readings.get(route, ())
