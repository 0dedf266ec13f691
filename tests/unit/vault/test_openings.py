"""When so many secrets are opened that somebody should look."""

import pytest

from services.vault.openings import judge_openings

DAY = [10, 12, 14] * 8


@pytest.mark.parametrize(
    ("counts", "within_an_hour", "usual", "is_unusual"),
    [
        ([], 0, 0, False),
        ([0, 11, *DAY], 11, 12, False),
        ([121, 0, *DAY], 121, 12, True),
        ([0, 121, *DAY], 121, 12, True),  # seen until the hour after
        ([120, 0, *DAY], 120, 12, False),  # ten times the usual is not far above it
        ([99, 0, *[1] * 24], 99, 1, False),  # too few to alarm anybody
        ([500, 0, *DAY[:11]], 500, 12, False),  # too little is known
        ([500, 0, *[0, 10] * 24], 500, 10, True),  # quiet hours say nothing about what is usual
    ],
)
def test_far_above_the_usual_is_unusual(counts: list[int], within_an_hour: int, usual: int, is_unusual: bool) -> None:
    found = judge_openings(counts)
    assert (found.within_an_hour, found.usual, found.is_unusual) == (within_an_hour, usual, is_unusual)
