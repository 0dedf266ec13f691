"""How histories are written and judged."""

from uuid import UUID

from benchmarks.histories import Span
from benchmarks.measures.history import flat, quick

TENANT = UUID(int=1)
SIZES = [10_000, 1_000_000, 5_000_000]


def test_sessions_write_every_row_once_between_them() -> None:
    parts = Span(TENANT, 10, 21).parts(3)
    assert [number for part in parts for number in range(part.first, part.end)] == list(range(10, 21))


def test_the_largest_history_is_held_against_the_smallest_round_by_round() -> None:
    found = flat("list", SIZES, [[1.0, 10.0, 1.0], [9.0, 9.0, 9.0], [1.2, 12.0, 1.6]])
    assert (found.result, found.spread, found.rounds, found.met) == ("1.20", "1.20 to 1.60", 3, True)
    assert flat("list", SIZES, [[1.0], [1.0], [1.4]]).met is False


def test_every_large_history_is_held_to_the_limit() -> None:
    found = quick("search", SIZES, [[300.0], [120.0], [5.0]])
    assert (found.result, found.met) == ("120.0 ms", False)
    assert "of 1,000,000 and of 5,000,000 messages" in found.measure


def test_of_small_histories_the_largest_is_held_to_it() -> None:
    found = quick("search", SIZES[:1], [[30.0]])
    assert (found.result, found.met) == ("30.0 ms", True)
