"""Tells a tab of changes at once, and under a burst no more often than it can look."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from services.kernel.log import get_logger

KeyT = TypeVar("KeyT")
log = get_logger(__name__)


class Pacer(Generic[KeyT]):
    """Passes the first change on at once; what comes before the next may go is one change, the latest.

    Used from one event loop only.

    Args:
        tell: passes a change on; returns when whoever was told has looked.
        gap_seconds: how long to wait after that before the next.
    """

    def __init__(self, tell: Callable[[KeyT, str], Awaitable[None]], *, gap_seconds: float) -> None:
        self._tell = tell
        self._gap_seconds = gap_seconds
        self._latest: dict[KeyT, str] = {}
        self._at_work: dict[KeyT, asyncio.Task[None]] = {}

    def note(self, key: KeyT, row_id: str) -> None:
        """Note a change; returns at once."""
        self._latest[key] = row_id
        if key not in self._at_work:
            self._at_work[key] = asyncio.create_task(self._pass_on(key), name="patchbay-pace")

    async def _pass_on(self, key: KeyT) -> None:
        try:
            while key in self._latest:
                await self._tell(key, self._latest.pop(key))
                await asyncio.sleep(self._gap_seconds)
        except Exception:
            # One tab's trouble is not the others', and the next change tries again.
            log.warning("live.tab.failed", exc_info=True)
            self._latest.pop(key, None)
        finally:
            del self._at_work[key]
