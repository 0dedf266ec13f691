"""HTTP/1.1 towards the product, and no more of it than a provider needs: cheap enough to send hundreds a second."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

_IDLE_SECONDS = 1.0
"""A connection that was idle for longer is not used again: the server might just be closing it."""

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the product answered; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Wire:
    """Connections to one address, used again while they are fresh. Lives on one event loop.

    Args:
        host: where the product listens.
        port: likewise.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._idle: deque[tuple[float, Connection]] = deque()

    async def post(self, path: str, *, headers: Mapping[str, str], body: bytes, seconds: float) -> Reply | None:
        """Post and return the answer; None if there was none in time."""
        connection: Connection | None = None
        try:
            async with asyncio.timeout(seconds):
                connection = await self._connect()
                reply = await _exchange(connection, self._head(path, headers, len(body)) + body)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            if connection:
                connection[1].transport.abort()
            return None
        self._keep(connection, reply)
        return reply

    def close(self) -> None:
        """Let go of all connections."""
        while self._idle:
            self._idle.pop()[1][1].transport.abort()

    async def _connect(self) -> Connection:
        now = asyncio.get_running_loop().time()
        while self._idle:
            since, connection = self._idle.pop()
            if now - since < _IDLE_SECONDS and not connection[0].at_eof():
                return connection
            connection[1].transport.abort()
        return await asyncio.open_connection(self._host, self._port)

    def _keep(self, connection: Connection, reply: Reply) -> None:
        if reply.headers.get("connection", "").lower() == "close":
            connection[1].close()
        else:
            self._idle.append((asyncio.get_running_loop().time(), connection))

    def _head(self, path: str, headers: Mapping[str, str], size: int) -> bytes:
        lines = [f"POST {path} HTTP/1.1", f"host: {self._host}:{self._port}", f"content-length: {size}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


async def _exchange(connection: Connection, request: bytes) -> Reply:
    reader, writer = connection
    writer.write(request)
    # What the server does not want to read any more must not keep us from its answer.
    with contextlib.suppress(ConnectionError):
        await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Reply(status=int(head[0].split(" ")[1]), headers=headers, body=body)
