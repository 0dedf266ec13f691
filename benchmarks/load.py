"""The load generator: keep-alive connections on raw sockets, no client library that would be measured along.

Closed: each connection sends its next request when it has its answer. Open: requests leave at fixed times, and the
time a request had to wait for a free connection counts, so that a slow server cannot hide behind a slow client.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import uvloop

from benchmarks.slack_events import FRESH_SECONDS, Account, EventSource, Prepared

NO_ANSWER = 0
"""Stands for a status where none came in time."""
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to send where."""

    port: int
    accounts: Sequence[Account]
    count: int
    """Most requests."""
    connections: int
    seconds: float = PATIENCE_SECONDS
    """No request is begun later than this, unless there is a rate."""
    rate: float = 0.0
    """Requests a second at fixed times; 0: as fast as the answers come."""
    channels: int = 64


@dataclass(slots=True)
class Outcome:
    """What became of it."""

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter[int])
    milliseconds: list[float] = field(default_factory=list[float])
    """How long each answer took, in the order of the answers."""
    sent_at: dict[str, float] = field(default_factory=dict[str, float])
    """Message → when it was due to leave, ``time.time()``; only with a rate."""

    @property
    def accepted(self) -> int:
        """How many were answered with 2xx."""
        return sum(count for status, count in self.statuses.items() if 200 <= status < 300)

    @property
    def refused(self) -> int:
        """How many were answered otherwise."""
        return self.statuses.total() - self.accepted

    @property
    def per_second(self) -> float:
        """Accepted requests a second."""
        return self.accepted / self.seconds


class BrokenServer(Exception):
    """The server closed a connection or answered in a way that this client does not read."""


_SOURCE = EventSource()


def run(order: Order) -> Outcome:
    """Prepare requests, send them, and return what came of it; runs in the load generator's own process.

    Raises:
        BrokenServer
    """
    began = time.time()
    requests = _SOURCE.prepare(
        order.accounts, count=order.count, channels=order.channels, host=f"127.0.0.1:{order.port}"
    )
    if time.time() - began > FRESH_SECONDS:
        raise BrokenServer("Preparing took longer than signatures are good for; send fewer requests.")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(send(order, requests))


async def send(order: Order, requests: Sequence[Prepared]) -> Outcome:
    """Send prepared requests as ordered.

    Raises:
        BrokenServer
    """
    loop = asyncio.get_running_loop()
    outcome = Outcome()
    connections = [
        (await loop.create_connection(_Connection, "127.0.0.1", order.port))[1] for _ in range(order.connections)
    ]
    sending = _Open(order, requests, outcome) if order.rate else _Closed(order, requests, outcome)
    began = time.perf_counter()
    try:
        lasts = order.count / order.rate if order.rate else order.seconds
        async with asyncio.timeout(lasts + PATIENCE_SECONDS):
            await sending.run(connections)
    except TimeoutError:
        outcome.statuses[NO_ANSWER] = order.count - outcome.statuses.total() if order.rate else sending.under_way
    finally:
        outcome.seconds = time.perf_counter() - began
        for connection in connections:
            connection.close()
    return outcome


class _Connection(asyncio.Protocol):
    """One connection; at most one request is under way."""

    def __init__(self) -> None:
        self.on_answer: Callable[[_Connection, int], None] | None = None
        self.on_loss: Callable[[str], None] | None = None
        self.sent_at = 0.0
        self._transport: asyncio.Transport | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def request(self, data: bytes, *, at: float) -> None:
        assert self._transport is not None, "connected before anything is sent"
        self.sent_at = at
        self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _content_length(self._buffer[:end])
        if length is None:
            self._lose("an answer has no content-length")
        elif len(self._buffer) >= end + 4 + length:
            status = int(self._buffer[9:12])
            self._buffer = b""
            if self.on_answer:
                self.on_answer(self, status)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose("a connection was closed")

    def close(self) -> None:
        self.on_answer = self.on_loss = None
        if self._transport:
            self._transport.close()

    def _lose(self, reason: str) -> None:
        if self.on_loss:
            self.on_loss(reason)


class _Sending:
    """Gives requests to connections until all that were begun are answered."""

    def __init__(self, order: Order, requests: Sequence[Prepared], outcome: Outcome) -> None:
        self._loop = asyncio.get_running_loop()
        self._order = order
        self._outcome = outcome
        self._left = deque(requests)
        self.under_way = 0
        self._done: asyncio.Future[None] = self._loop.create_future()

    async def run(self, connections: Sequence[_Connection]) -> None:
        for connection in connections:
            connection.on_answer, connection.on_loss = self._answered, self._lost
        self._begin(connections)
        await self._done

    def _begin(self, connections: Sequence[_Connection]) -> None:
        raise NotImplementedError

    def _answered(self, connection: _Connection, status: int) -> None:
        raise NotImplementedError

    def _note(self, connection: _Connection, status: int) -> None:
        self.under_way -= 1
        self._outcome.statuses[status] += 1
        self._outcome.milliseconds.append((time.perf_counter() - connection.sent_at) * 1000)

    def _lost(self, reason: str) -> None:
        if not self._done.done():
            self._done.set_exception(BrokenServer(f"{reason.capitalize()} while requests were under way."))

    def _finish(self) -> None:
        if not self._done.done():
            self._done.set_result(None)


class _Closed(_Sending):
    """The next request leaves with the answer to the one before."""

    def _begin(self, connections: Sequence[_Connection]) -> None:
        self._deadline = time.perf_counter() + self._order.seconds
        for connection in connections:
            self._next(connection)

    def _answered(self, connection: _Connection, status: int) -> None:
        self._note(connection, status)
        self._next(connection)

    def _next(self, connection: _Connection) -> None:
        now = time.perf_counter()
        if self._left and now < self._deadline:
            self.under_way += 1
            connection.request(self._left.popleft().data, at=now)
        elif not self.under_way:
            self._finish()


class _Open(_Sending):
    """Requests leave at fixed times, on whichever connection is free."""

    def _begin(self, connections: Sequence[_Connection]) -> None:
        # In turn, or the server would close the ones that are left idle.
        self._free = deque(connections)
        self._waiting: deque[tuple[float, Prepared]] = deque()
        self._number = 0
        self._began = time.perf_counter()
        self._began_at = time.time()
        self._tick()

    def _tick(self) -> None:
        elapsed = time.perf_counter() - self._began
        while self._left and self._number / self._order.rate <= elapsed:
            due = self._number / self._order.rate
            request = self._left.popleft()
            self._outcome.sent_at[request.thread] = self._began_at + due
            self._waiting.append((self._began + due, request))
            self._number += 1
        self._send_waiting()
        if self._left:
            self._loop.call_at(self._began + self._number / self._order.rate, self._tick)

    def _answered(self, connection: _Connection, status: int) -> None:
        self._note(connection, status)
        self._free.append(connection)
        self._send_waiting()
        if not self._left and not self._waiting and not self.under_way:
            self._finish()

    def _send_waiting(self) -> None:
        while self._waiting and self._free:
            due, request = self._waiting.popleft()
            self.under_way += 1
            self._free.popleft().request(request.data, at=due)


def _content_length(head: bytes) -> int | None:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return None
