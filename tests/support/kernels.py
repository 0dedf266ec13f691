"""Kernels for tests: built as the product builds its own, on connections that outlast the test.

Opening connections, and writing each statement out as SQL for the first time, would be a third of a short test.
"""

import functools

from services.kernel import kernel
from services.kernel.clock import Clock
from services.kernel.db import Database
from services.kernel.kernel import Kernel
from services.kernel.settings import Settings


class KeptDatabase(Database):
    """Keeps its connections when the test is over, for the next test on the same database."""

    def dispose(self) -> None:
        """Close what only this test used, and see that it gave every connection back."""
        self.close_standing()
        in_use = self.pool_use().in_use
        assert not in_use, f"{in_use} connections were not given back"


def build_kernel(settings: Settings, *, clock: Clock | None = None) -> Kernel:
    """Create the seams from settings, as ``services.kernel.kernel.build_kernel`` does."""
    return kernel.build_kernel(settings, clock=clock, database=_database(settings.database_url))


@functools.lru_cache(maxsize=8)
def _database(url: str) -> KeptDatabase:
    return KeptDatabase(url)
