"""In which order tests run, and which of them share a worker: what takes longest begins first, one product serves many.

Nothing here changes what a test means; each must pass alone and in any order.
"""

from collections.abc import Sequence

import pytest
from xdist.scheduler import LoadFileScheduling

ONE_PRODUCT = ("tests/e2e/", "tests/integration/outside/")
"""Starting the product takes longer than most journeys: these share one, on one worker."""

ONE_RIG = ("tests/faults/",)

BEGIN_WITH = (
    "tests/e2e/test_journey.py",  # the set-up link is good until there is a company, and the others create some
    "tests/e2e/test_four_channels_journey.py",  # before other companies stand in the same Slack workspace
    *ONE_PRODUCT,
    *ONE_RIG,
)
"""What runs for minutes; the rest fills the gaps."""


class SharedScheduling(LoadFileScheduling):
    """Gives each file to one worker, and all files that share a product to the same."""

    def _split_scope(self, nodeid: str) -> str:
        groups = (ONE_PRODUCT, ONE_RIG)
        return next((group[0] for group in groups if nodeid.startswith(group)), super()._split_scope(nodeid))


def put_in_order(items: list[pytest.Item]) -> None:
    """Sort the tests in place; files stay whole."""
    items.sort(key=lambda item: _rank(item.nodeid, BEGIN_WITH))


def _rank(nodeid: str, prefixes: Sequence[str]) -> int:
    return next((rank for rank, prefix in enumerate(prefixes) if nodeid.startswith(prefix)), len(prefixes))
