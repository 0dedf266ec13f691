"""Medians, percentiles, ratios and how far they spread. Without effects."""

import math
import statistics
from collections.abc import Sequence


def median(values: Sequence[float]) -> float:
    """Return the middle value.

    Raises:
        ValueError: there is none.
    """
    if not values:
        raise ValueError("There is nothing to take the median of.")
    return statistics.median(values)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least ``percent`` of the values do not exceed (nearest rank).

    Raises:
        ValueError: there is none.
    """
    if not values:
        raise ValueError("There is nothing to take a percentile of.")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return the ratios round by round: what slows a whole round down slows both.

    Raises:
        ValueError: the rounds do not match.
    """
    return [mine / other for mine, other in zip(ours, theirs, strict=True)]


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of the ratios round by round.

    Raises:
        ValueError: the rounds do not match, or there are none.
    """
    return median(ratios(ours, theirs))


def spread(rounds: Sequence[float], *, form: str = ".2f", unit: str = "") -> str:
    """Return the least and the most that a round came to: "0.58 to 0.71"; nothing if there was only one round."""
    if len(rounds) < 2:
        return ""
    return f"{min(rounds):{form}} to {max(rounds):{form}}{unit}"


def magnitude(value: float, unit: str) -> str:
    """Return an absolute number as the order of magnitude it is good for: "about 8,700/s", "about 0.31 ms"."""
    if value == 0:
        return f"0{unit}"
    digits = 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, digits)
    return f"about {rounded:,.{max(0, digits)}f}{unit}"
