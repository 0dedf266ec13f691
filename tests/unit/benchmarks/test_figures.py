"""Medians, percentiles and ratios."""

import pytest

from benchmarks.figures import magnitude, median, median_ratio, percentile, spread


def test_the_median_is_the_middle() -> None:
    assert median([9.0, 1.0, 5.0]) == 5.0
    assert median([1.0, 3.0]) == 2.0


@pytest.mark.parametrize(("percent", "value"), [(50, 50.0), (95, 95.0), (99, 99.0), (100, 100.0), (0, 1.0)])
def test_a_percentile_is_one_of_the_values(percent: float, value: float) -> None:
    assert percentile([float(number) for number in range(100, 0, -1)], percent) == value


def test_one_value_is_every_percentile() -> None:
    assert percentile([7.0], 99) == 7.0


def test_a_slow_round_does_not_move_the_ratio() -> None:
    assert median_ratio([100.0, 10.0, 100.0], [200.0, 20.0, 200.0]) == 0.5


def test_rounds_must_match() -> None:
    with pytest.raises(ValueError, match="zip"):
        median_ratio([1.0], [1.0, 2.0])


def test_the_spread_is_the_least_and_the_most_of_the_rounds() -> None:
    assert spread([0.7, 0.581, 0.7149]) == "0.58 to 0.71"
    assert spread([12.34, 9.0], form=".1f", unit=" ms") == "9.0 to 12.3 ms"


def test_one_round_spreads_over_nothing() -> None:
    assert spread([0.7]) == ""


@pytest.mark.parametrize("of_nothing", [lambda: median([]), lambda: percentile([], 50)])
def test_nothing_has_no_middle(of_nothing: object) -> None:
    assert callable(of_nothing)
    with pytest.raises(ValueError, match="nothing"):
        of_nothing()


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (8_712.3, "/s", "about 8,700/s"),
        (0.3141, " ms", "about 0.31 ms"),
        (12.6, " ms", "about 13 ms"),
        (0, "/s", "0/s"),
    ],
)
def test_absolute_numbers_are_rounded(value: float, unit: str, words: str) -> None:
    assert magnitude(value, unit) == words
