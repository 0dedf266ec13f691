"""What arrives together is stored together, told at once, and wakes workers once."""

import asyncio
import threading
from collections.abc import Sequence
from uuid import UUID

import psycopg
import pytest
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from app.http.group_commit import GroupCommit
from services.kernel.db import Wake
from services.kernel.ids import new_id
from services.webhooks.storing import NewDelivery

TENANT = new_id()
LOCKED = OperationalError("", {}, psycopg.errors.LockNotAvailable())
AWAY = OperationalError("", {}, psycopg.OperationalError())
DELETED = IntegrityError("", {}, psycopg.errors.ForeignKeyViolation())
ODD = DataError("", {}, psycopg.errors.CharacterNotInRepertoire())


def delivery(connection_id: UUID) -> NewDelivery:
    """Return a delivery for a connection."""
    words = dict.fromkeys(("provider", "kind", "event_type", "dedupe_key", "query"), "")
    return NewDelivery(id=new_id(), tenant_id=TENANT, connection_id=connection_id, headers={}, body=b"", **words)


class Backend:
    """Notes what is stored and woken; either can be held up, and connections can be in trouble."""

    def __init__(self) -> None:
        self.troubles: dict[UUID, Exception] = {}
        self.stored: list[list[UUID]] = []
        self.tried = 0
        self.woken: list[int] = []
        self.may_store, self.is_storing = asyncio.Event(), asyncio.Event()
        self.may_wake, self.is_waking = threading.Event(), threading.Event()
        self.may_store.set()
        self.may_wake.set()
        self.commits = GroupCommit(self.store, self.wake)

    async def store(self, deliveries: Sequence[NewDelivery]) -> list[Wake]:
        """Store all, or nothing if one of the connections is in trouble."""
        self.tried += 1
        self.is_storing.set()
        await self.may_store.wait()
        for item in deliveries:
            if trouble := self.troubles.get(item.connection_id):
                raise trouble
        self.stored.append([item.connection_id for item in deliveries])
        return [Wake("process_delivery", TENANT, item.id) for item in deliveries]

    def wake(self, wakes: Sequence[Wake]) -> None:
        """Wake workers."""
        self.is_waking.set()
        assert self.may_wake.wait(10)
        self.woken.append(len(wakes))

    async def add(self, *connections: UUID) -> list[Exception | None]:
        """Add a delivery each while the first one is being stored; return what became of them."""
        self.may_store.clear()
        first = asyncio.create_task(self.commits.add((delivery(connections[0]),)))
        await self.is_storing.wait()
        others = [asyncio.create_task(self.commits.add((delivery(item),))) for item in connections[1:]]
        await asyncio.sleep(0)
        self.may_store.set()
        found = await asyncio.gather(first, *others, return_exceptions=True)
        return [error if isinstance(error, Exception) else None for error in found]

    async def rest(self) -> None:
        """Return when everybody has been woken."""
        while self.commits.is_waking:  # noqa: ASYNC110 (it says so, and nothing else)
            await asyncio.sleep(0)


async def test_each_committed_batch_wakes_once() -> None:
    backend = Backend()
    assert await backend.add(*(new_id() for _ in range(21))) == [None] * 21
    await backend.rest()
    assert [len(batch) for batch in backend.stored] == [1, 20]
    assert sum(backend.woken) == 21
    assert len(backend.woken) <= 2


async def test_nobody_waits_for_a_queue_that_does_not_answer() -> None:
    backend = Backend()
    backend.may_wake.clear()
    assert await backend.add(new_id()) == [None]
    await asyncio.to_thread(backend.is_waking.wait)
    assert await backend.add(*(new_id() for _ in range(5))) == [None] * 5
    assert backend.woken == []
    assert backend.commits.is_waking
    backend.may_wake.set()
    await backend.rest()
    assert backend.woken == [1, 5]


@pytest.mark.parametrize("trouble", [DELETED, LOCKED, ODD], ids=["deleted", "locked", "odd"])
async def test_one_connection_in_trouble_does_not_cost_the_others(trouble: Exception) -> None:
    backend = Backend()
    bad = new_id()
    backend.troubles[bad] = trouble
    good = [new_id() for _ in range(5)]
    assert await backend.add(good[0], good[1], bad, good[2], bad, *good[3:]) == [
        *(None, None, trouble, None, trouble, None, None)
    ]
    assert {connection for batch in backend.stored for connection in batch} == set(good)
    await backend.rest()
    assert sum(backend.woken) == 5


async def test_a_table_that_is_locked_is_not_tried_for_each_connection() -> None:
    backend = Backend()
    connections = [new_id() for _ in range(50)]
    backend.troubles = dict.fromkeys(connections, LOCKED)
    assert await backend.add(*connections) == [LOCKED] * 50
    assert backend.tried <= 6


async def test_while_the_database_is_away_nobody_queues_up_to_find_out() -> None:
    backend = Backend()
    connections = [new_id() for _ in range(50)]
    backend.troubles = dict.fromkeys(connections, AWAY)
    assert await backend.add(*connections) == [AWAY] * 50
    assert backend.tried == 1
    backend.troubles.clear()
    assert await backend.add(new_id()) == [None]
