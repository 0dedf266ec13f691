"""Acts that may take long, such as a provider's answer: a bounded number of threads that tenants share fairly.

A worker gives a batch to :meth:`SlowActs.run` and gets back what was done within its patience. What takes longer goes
on in its thread and is settled from there, while the worker serves other tenants.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from uuid import UUID

from services.kernel.db import is_outage
from services.kernel.log import get_logger

MOST_THREADS = 16
_FIRST_PATIENCE_SECONDS = 0.004
"""How long one thread works alone before another helps: quick acts need no more, and threads cost."""

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Generic[ItemT, ResultT]):
    """What came of a batch within the patience."""

    results: Sequence[ResultT]
    left: Sequence[ItemT]
    """What was not begun."""


@dataclass(slots=True)
class _Round(Generic[ItemT, ResultT]):
    """One batch under way."""

    items: deque[ItemT]
    act: Callable[[ItemT], ResultT]
    settle_late: Callable[[ResultT], None]
    changed: threading.Condition = field(default_factory=threading.Condition)
    results: list[ResultT] = field(default_factory=list[ResultT])
    failure: BaseException | None = None
    running: int = 0
    is_over: bool = False

    def take(self) -> ItemT | None:
        with self.changed:
            if self.is_over or not self.items or self.failure:
                return None
            self.running += 1
            return self.items.popleft()

    def finish(self, result: ResultT) -> bool:
        """Hand in a result; return whether it came too late for that."""
        with self.changed:
            self.running -= 1
            if not self.is_over:
                self.results.append(result)
                self.changed.notify_all()
            return self.is_over

    def fail(self, error: BaseException) -> bool:
        """Hand in what an act raised; return whether it came too late for that."""
        with self.changed:
            self.running -= 1
            if not self.is_over:
                self.failure = error
                self.changed.notify_all()
            return self.is_over

    def wait(self, seconds: float) -> bool:
        """Wait until all is done, or the time is over; return whether all is done."""

        def is_done() -> bool:
            return self.failure is not None or (not self.items and not self.running)

        with self.changed:
            return self.changed.wait_for(is_done, timeout=seconds)


class SlowActs:
    """The process's threads for acts that may take long.

    Args:
        threads: how many there are at most; one tenant may hold half of them.
    """

    def __init__(self, threads: int = MOST_THREADS) -> None:
        self._most, self._most_of_one = threads, max(1, threads // 2)
        self._changed = threading.Condition()
        self._held: Counter[UUID] = Counter()
        self._lost: BaseException | None = None

    def free_for(self, tenant_id: UUID) -> int:
        """Return how many more acts of a tenant could begin now."""
        with self._changed:
            return self._free_for(tenant_id)

    def run(
        self,
        tenant_id: UUID,
        items: Sequence[ItemT],
        act: Callable[[ItemT], ResultT],
        *,
        settle_late: Callable[[ResultT], None],
        seconds: float,
    ) -> Done[ItemT, ResultT]:
        """Act on each item, several at a time, and return what was done in time.

        Args:
            tenant_id: whose items they are.
            items: what to act on.
            act: what is done with each; holds no transaction, and raises only what shall end the worker's job.
            settle_late: takes what comes of an act that took longer, in its thread.
            seconds: how long to wait.

        Raises:
            BaseException: what an act raised.
        """
        work = _Round(deque(items), act, settle_late)
        ends_at = time.monotonic() + seconds
        patience = _FIRST_PATIENCE_SECONDS
        while not work.failure and (work.items or work.running):
            left = ends_at - time.monotonic()
            if left <= 0:
                break
            helps = bool(work.items) and self._begin(tenant_id, work)
            if work.wait(min(left, patience if helps or work.items else left)):
                break
            patience *= 2
        return _close(work)

    def wait(self, *, seconds: float) -> bool:
        """Wait for what is under way; return whether all of it ended.

        Raises:
            BaseException: what an act raised that nobody waited for any more.
        """
        with self._changed:
            is_done = self._changed.wait_for(lambda: not self._held.total(), timeout=seconds)
            lost, self._lost = self._lost, None
        if lost:
            raise lost
        return is_done

    def close(self, *, seconds: float = 10.0) -> None:
        """Wait for what is under way; what takes longer is left to its leases."""
        if not self.wait(seconds=seconds):
            _log.warning("slow.acts.left", count=self._held.total())

    def _free_for(self, tenant_id: UUID) -> int:
        return min(self._most - self._held.total(), self._most_of_one - self._held[tenant_id])

    def _begin(self, tenant_id: UUID, work: _Round[ItemT, ResultT]) -> bool:
        """Have one more thread work on a batch, if one is free; return whether one is."""
        with self._changed:
            if self._free_for(tenant_id) <= 0:
                return False
            self._held[tenant_id] += 1
        context = copy_context()
        threading.Thread(target=context.run, args=(self._work, tenant_id, work), name="slow-act", daemon=True).start()
        return True

    def _work(self, tenant_id: UUID, work: _Round[ItemT, ResultT]) -> None:
        try:
            while (item := work.take()) is not None:
                try:
                    result = work.act(item)
                except BaseException as error:
                    if work.fail(error):
                        raise
                    return
                if work.finish(result):
                    work.settle_late(result)
                    return
        except Exception as error:
            if is_outage(error):
                _log.warning("slow.act.cut_off")  # its lease runs out, and what became of it is looked up
            else:
                _log.exception("slow.act.not_settled")
        except BaseException as error:
            self._lost = error
        finally:
            with self._changed:
                self._held[tenant_id] -= 1
                self._changed.notify_all()


def _close(work: _Round[ItemT, ResultT]) -> Done[ItemT, ResultT]:
    with work.changed:
        work.is_over = True
        left = list(work.items)
        work.items.clear()
    if work.failure:
        raise work.failure
    return Done(results=work.results, left=left)
