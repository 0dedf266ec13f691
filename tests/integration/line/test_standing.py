"""A statement that stands ready: each run is durable when it returns; a lost connection costs one run at most."""

import asyncio
import json
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy.exc import DataError, OperationalError

from services.kernel.db import Database, is_outage
from services.kernel.kernel import Kernel
from services.kernel.settings import Settings
from services.kernel.standing import BYTEA, INTEGER, MOMENT, TEXT, UUIDS, BinaryType, Prepared, StandingStatement

MEBIBYTE = 1024 * 1024
ONE = UUID("01890000-0000-7000-8000-000000000001")
Stand = Callable[..., StandingStatement]


@pytest.fixture
def own(kernel: Kernel) -> Generator[Database]:
    """The product's database, with connections that end with the test."""
    found = Database(kernel.settings.database_url)
    yield found
    found.dispose()


@pytest.fixture
def stand(own: Database) -> Stand:
    """Let a statement stand ready."""

    def build(sql: str, *oids: int, limit_seconds: float = 10.0) -> StandingStatement:
        prepared = Prepared(sql, oids)
        return own.unscoped_statement("test", statement=prepared, patience_seconds=1, limit_seconds=limit_seconds)

    return build


def end_sessions(settings: Settings) -> int:
    """End all sessions of the product, as a server does that restarts; return how many there were."""
    with psycopg.connect(settings.database_owner_url) as owner:
        ended = owner.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'patchbay'"
        )
        return len(ended.fetchall())


async def test_each_run_is_a_transaction_of_its_own(stand: Stand, kernel: Kernel) -> None:
    transaction = stand("SELECT pg_current_xact_id()::text")
    assert len({(await transaction.run([]))[0] for _ in range(3)}) == 3
    [durable] = await stand("SHOW synchronous_commit").run([])
    assert durable == b"on"


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (TEXT, ["", "plain", 'quoted "\\,{}', "Zoë 🦊"]),
        (INTEGER, [0, 1, -1, 2**31 - 1, -(2**31)]),
        (UUIDS, [ONE, UUID(int=2**128 - 1)]),
        (BYTEA, [b"", bytes(range(256))]),
        (TEXT, []),
    ],
    ids=["text", "integers", "ids", "bytes", "none"],
)
async def test_values_arrive_as_they_were(stand: Stand, kind: BinaryType, values: list[Any]) -> None:
    found = await stand("SELECT to_jsonb(item) FROM unnest($1) AS item", kind.array_oid).run([kind.array(values)])
    shown = [f"\\x{value.hex()}" if kind is BYTEA else str(value) if kind is UUIDS else value for value in values]
    assert [json.loads(item[1:]) for item in found] == shown  # jsonb's binary form: a version, then the text


@pytest.mark.parametrize("year", [1999, 2031])
async def test_moments_arrive_to_the_microsecond(stand: Stand, year: int) -> None:
    at = datetime(year, 12, 31, 23, 59, 59, 999_999, UTC)
    compare = stand("SELECT ($1 = $2::timestamptz)::int4", MOMENT.oid, TEXT.oid)
    assert await compare.run([MOMENT.encode(at), at.isoformat().encode()]) == [INTEGER.encode(1)]


async def test_more_than_a_socket_takes_at_once_is_sent_all_the_same(stand: Stand) -> None:
    body = b"x" * (24 * MEBIBYTE)
    assert await stand("SELECT length($1)", BYTEA.oid).run([body]) == [INTEGER.encode(len(body))]


async def test_what_the_server_refuses_is_raised_and_the_next_run_goes_through(stand: Stand) -> None:
    divide = stand("SELECT 6 / $1", INTEGER.oid)
    with pytest.raises(DataError):
        await divide.run([INTEGER.encode(0)])
    assert await divide.run([INTEGER.encode(3)]) == [INTEGER.encode(2)]


async def test_a_server_that_ended_the_session_is_asked_anew(stand: Stand, kernel: Kernel) -> None:
    session = stand("SELECT pg_backend_pid()")
    [before] = await session.run([])
    assert await asyncio.to_thread(end_sessions, kernel.settings) >= 1
    [after] = await session.run([])
    assert after != before


async def test_a_lost_connection_lets_go_of_its_socket_once(
    stand: Stand, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of a closed socket may soon be that of a caller's connection, which must be left alone."""
    session, loop = stand("SELECT 1"), asyncio.get_running_loop()
    await session.run([])
    let_go, is_lost, remove = list[int](), asyncio.Event(), loop.remove_reader

    def note(socket: int) -> bool:
        let_go.append(socket)
        is_lost.set()
        return remove(socket)

    monkeypatch.setattr(loop, "remove_reader", note)
    await asyncio.to_thread(end_sessions, kernel.settings)
    await asyncio.wait_for(is_lost.wait(), timeout=30)
    await session.run([])
    assert len(let_go) == 1


async def test_a_session_that_ends_during_a_run_is_an_outage(stand: Stand, kernel: Kernel) -> None:
    sleep = stand("SELECT pg_backend_pid() FROM pg_sleep(30)")
    quick = stand("SELECT 1")
    await quick.run([])
    running = asyncio.create_task(sleep.run([]))
    while not await asyncio.to_thread(is_asleep, kernel.settings):  # noqa: ASYNC110 (the server says so)
        await asyncio.sleep(0)
    await asyncio.to_thread(end_sessions, kernel.settings)
    with pytest.raises(OperationalError) as caught:
        await running
    assert is_outage(caught.value)


async def test_a_run_that_takes_too_long_is_given_up_and_the_next_one_is_not(stand: Stand) -> None:
    sleep = stand("SELECT 1 FROM pg_sleep($1 * 30)", INTEGER.oid, limit_seconds=0.3)
    with pytest.raises(OperationalError) as caught:
        await sleep.run([INTEGER.encode(1)])
    assert is_outage(caught.value)
    assert await sleep.run([INTEGER.encode(0)]) == [INTEGER.encode(1)]


def is_asleep(settings: Settings) -> bool:
    """Return whether a session of the database is in ``pg_sleep``."""
    with psycopg.connect(settings.database_owner_url) as owner:
        found = owner.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
        ).fetchone()
    return found is not None and found[0] > 0
