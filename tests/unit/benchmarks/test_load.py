"""The load generator against a tiny server."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import pytest

from benchmarks.load import NO_ANSWER, BrokenServer, Order, Outcome, send
from benchmarks.slack_events import Account, EventSource

ACCOUNTS = (Account(team="T0A", signing_secret="a" * 32, path="/hook"),)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Answer = Callable[[int], bytes]


@asynccontextmanager
async def serving(answer: Answer) -> AsyncGenerator[int]:
    """Answer each request on a keep-alive connection; an empty answer closes it. Yields the port."""
    served = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:"))
                await reader.readexactly(length)
                said = answer(served)
                served += 1
                if not said:
                    break
                for part in (said[:20], said[20:]):  # a client must put answers together
                    writer.write(part)
                    await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


async def run(port: int, *, count: int = 20, connections: int = 4, rate: float = 0.0, seconds: float = 30.0) -> Outcome:
    """Send that many events."""
    order = Order(port=port, accounts=ACCOUNTS, count=count, connections=connections, rate=rate, seconds=seconds)
    return await send(order, EventSource().prepare(ACCOUNTS, count=count, channels=2, host=f"127.0.0.1:{port}"))


async def test_all_requests_are_answered_and_timed() -> None:
    async with serving(lambda _number: OK) as port:
        outcome = await run(port)
    assert (outcome.accepted, outcome.refused, len(outcome.milliseconds)) == (20, 0, 20)
    assert outcome.per_second > 0
    assert all(milliseconds > 0 for milliseconds in outcome.milliseconds)


async def test_what_is_refused_is_told_apart() -> None:
    busy = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"
    async with serving(lambda number: busy if number < 3 else OK) as port:
        outcome = await run(port)
    assert (outcome.accepted, outcome.refused) == (17, 3)


async def test_nothing_is_begun_after_the_time_is_over() -> None:
    async with serving(lambda _number: OK) as port:
        outcome = await run(port, seconds=0.0)
    assert outcome.statuses.total() == 0


async def test_a_rate_sends_all_and_notes_when_each_was_due() -> None:
    async with serving(lambda _number: OK) as port:
        outcome = await run(port, rate=500.0, connections=2)
    due = sorted(outcome.sent_at.values())
    assert outcome.accepted == len(due) == 20
    assert due[-1] - due[0] == pytest.approx(19 / 500, abs=1e-4)


async def test_the_wait_for_a_free_connection_counts() -> None:
    async with serving(lambda _number: OK) as port:
        outcome = await run(port, rate=1e6, connections=1)
    assert outcome.milliseconds == sorted(outcome.milliseconds)
    assert outcome.milliseconds[-1] > outcome.milliseconds[0]


async def test_a_closed_connection_is_an_error() -> None:
    async with serving(lambda number: b"" if number == 3 else OK) as port:
        with pytest.raises(BrokenServer, match="closed"):
            await run(port)


async def test_an_answer_without_a_length_is_an_error() -> None:
    async with serving(lambda _number: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") as port:
        with pytest.raises(BrokenServer, match="content-length"):
            await run(port)


async def test_no_answer_is_not_an_acceptance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.load.PATIENCE_SECONDS", 0.05)
    async with serving(lambda number: OK if number < 5 else b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n") as port:
        outcome = await run(port, connections=1, seconds=0.05)
    assert outcome.accepted == 5
    assert outcome.statuses[NO_ANSWER] == 1
