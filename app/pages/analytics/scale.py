"""How high a chart is: round numbers that people read. Without effects."""

from collections.abc import Callable, Iterable, Sequence
from itertools import count

from app.pages.analytics.shapes import Tick

_LINES = 4
"""Most lines above the ground."""
_SECOND, _MINUTE, _HOUR = 1_000, 60_000, 3_600_000
_TIMES = (
    *(1, 2, 5, 10, 20, 50, 100, 200, 500),
    *(step * _SECOND for step in (1, 2, 5, 10, 15, 30)),
    *(step * _MINUTE for step in (1, 2, 5, 10, 15, 30)),
    *(step * _HOUR for step in (1, 2, 4, 6, 12, 24, 48, 96, 192, 384, 768)),
)


def counts() -> Iterable[int]:
    """Return how far apart lines may be for numbers of things."""
    return (base * 10**power for power in count() for base in (1, 2, 5))


def times() -> Iterable[int]:
    """Return the same for times, in milliseconds."""
    return _TIMES


def rates() -> Iterable[int]:
    """Return the same for rates, in percent."""
    return (1, 2, 5, 10, 20, 25)


def top_of(values: Sequence[float | None], steps: Iterable[int]) -> tuple[float, int]:
    """Return how high a chart is, and how far apart its lines are.

    Args:
        values: what is drawn; None for nothing.
        steps: distances to choose from, rising.
    """
    most = max((value for value in values if value is not None), default=0)
    step = 1
    for step in steps:
        if step * _LINES >= most:
            break
    lines = max(1, -int(-most // step))
    return lines * step, step


def ticks(top: float, step: int, words: Callable[[int], str]) -> tuple[Tick, ...]:
    """Return the lines across a chart, from the ground up."""
    return tuple(
        Tick(at=round(100 * place * step / top, 2), label=words(place * step)) for place in range(round(top / step) + 1)
    )


def height(value: float | None, top: float) -> float | None:
    """Return how high something is drawn, in percent."""
    return None if value is None else round(100 * value / top, 2)
