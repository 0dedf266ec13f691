"""Stores what arrives together in one transaction, tells the senders, and wakes workers after that."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import anyio.to_thread
from sqlalchemy.exc import DataError, IntegrityError

from services.kernel.db import Wake, is_lock_wait, is_outage
from services.webhooks.storing import NewDelivery

LARGEST_BATCH = 200
WAKE_PAUSE_SECONDS = 0.02
"""Between two wake-ups: while batches follow each other closely, one is enough for several of them."""
_LOCKED_PARTS = 2
"""When so many parts of a batch wait for locks of others, it is not about one connection's row."""

Store = Callable[[Sequence[NewDelivery]], Awaitable[Sequence[Wake]]]
_Waiting = tuple[tuple[NewDelivery, ...], asyncio.Future[None]]


class GroupCommit:
    """Collects verified deliveries and stores all that wait in one transaction.

    Args:
        store: stores deliveries durably, and returns whom to wake for them.
        wake: wakes workers; takes its time if the queue is away, and nobody waits for it.
    """

    def __init__(self, store: Store, wake: Callable[[Sequence[Wake]], None]) -> None:
        self._store = store
        self._wake = wake
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None
        self._unwoken: list[Wake] = []
        self._waker: asyncio.Task[None] | None = None

    @property
    def is_waking(self) -> bool:
        """Whether wake-ups for what was stored are still under way."""
        return bool(self._unwoken) or (self._waker is not None and not self._waker.done())

    async def add(self, deliveries: tuple[NewDelivery, ...]) -> None:
        """Return when the deliveries are durable; raises what kept them from it."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((deliveries, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        await done

    async def _write(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:LARGEST_BATCH], self._waiting[LARGEST_BATCH:]
            error = await self._write_together(group)
            if not error:
                continue
            parts = _by_connection(group)
            if len(parts) > 1 and (isinstance(error, IntegrityError | DataError) or is_lock_wait(error)):
                await self._write_apart(parts)
            else:
                self._fail(group, error)

    async def _write_together(self, group: Sequence[_Waiting]) -> Exception | None:
        """Store a group in one transaction and tell those who wait for it; else return what is in the way."""
        try:
            wakes = await self._store([item for items, _ in group for item in items])
        except Exception as error:
            return error
        self._wake_soon(wakes)
        for _, done in group:
            _settle(done, None)
        return None

    async def _write_apart(self, parts: Sequence[Sequence[_Waiting]]) -> None:
        """One connection may just have been deleted, or be locked: that must not cost the others."""
        locked = 0
        left = deque(parts)
        while left:
            part = left.popleft()
            error = await self._write_together(part)
            for _, done in part if error else ():
                _settle(done, error)
            locked += is_lock_wait(error)
            if error and (locked >= _LOCKED_PARTS or is_outage(error)):
                self._fail([waiting for part in left for waiting in part], error)
                return

    def _fail(self, group: Sequence[_Waiting], error: Exception) -> None:
        """Give up a group; if the database is away, those behind it need not find out one after the other."""
        if is_outage(error):
            group, self._waiting = [*group, *self._waiting], []
        for _, done in group:
            _settle(done, error)

    def _wake_soon(self, wakes: Sequence[Wake]) -> None:
        self._unwoken.extend(wakes)
        if self._unwoken and (self._waker is None or self._waker.done()):
            self._waker = asyncio.create_task(self._wake_all())

    async def _wake_all(self) -> None:
        """Wake at once, then once for all batches that were stored meanwhile."""
        while self._unwoken:
            wakes, self._unwoken = self._unwoken, []
            await anyio.to_thread.run_sync(self._wake, wakes)
            await asyncio.sleep(WAKE_PAUSE_SECONDS)


def _by_connection(group: Sequence[_Waiting]) -> list[list[_Waiting]]:
    parts: dict[tuple[UUID, ...], list[_Waiting]] = {}
    for items, done in group:
        parts.setdefault(tuple(item.connection_id for item in items), []).append((items, done))
    return list(parts.values())


def _settle(done: asyncio.Future[None], error: Exception | None) -> None:
    if done.cancelled():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
