"""Open tabs: signed-in sockets that speak as much of Reflex's protocol as keeps a page live."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from uuid import uuid4

import uvloop
from websockets.asyncio.client import ClientConnection, connect

_SOCKET = "/_event/?token={token}&EIO=4&transport=websocket"
_NAMESPACE = "/_event,"
_HYDRATE = "reflex___state____state.hydrate_and_load"
_AT_ONCE = 10
_OPEN_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who has tabs open, and of which page."""

    cookie: str
    path: str
    parameters: Mapping[str, str]
    """What the path's route takes out of it."""
    tabs: int


@dataclass(slots=True)
class Seen:
    """What the tabs have been told, all together."""

    messages: int = 0
    closed: int = 0


def run(port: int, visitors: Sequence[Visitor], control: Connection) -> None:
    """Open the tabs, say so, keep them until told to stop, and say what they saw; in a process of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(port, visitors, control))


async def _run(port: int, visitors: Sequence[Visitor], control: Connection) -> None:
    seen, gate = Seen(), asyncio.Semaphore(_AT_ONCE)
    opened: asyncio.Queue[None] = asyncio.Queue()
    count = sum(visitor.tabs for visitor in visitors)
    tabs = [
        asyncio.create_task(_keep_tab(port, visitor, seen, gate, opened))
        for visitor in visitors
        for _ in range(visitor.tabs)
    ]
    async with asyncio.timeout(_OPEN_SECONDS):
        for _ in range(count):
            await opened.get()
    control.send(count)
    await asyncio.to_thread(control.recv)
    for tab in tabs:
        tab.cancel()
    await asyncio.gather(*tabs, return_exceptions=True)
    control.send(seen)


async def _keep_tab(
    port: int, visitor: Visitor, seen: Seen, gate: asyncio.Semaphore, opened: "asyncio.Queue[None]"
) -> None:
    address = f"ws://127.0.0.1:{port}{_SOCKET.format(token=uuid4())}"
    headers = {"Cookie": visitor.cookie, "Origin": f"http://127.0.0.1:{port}"}
    await gate.acquire()
    try:
        socket = await connect(address, additional_headers=headers, proxy=None, ping_interval=None, max_size=None)
        await _hydrate(socket, visitor)
    finally:
        gate.release()
    opened.put_nowait(None)
    async with socket:
        async for message in socket:
            if message == "2":
                await socket.send("3")  # Engine.IO's ping; a tab that does not answer is taken for closed
            else:
                seen.messages += 1
    seen.closed += 1


async def _hydrate(socket: ClientConnection, visitor: Visitor) -> None:
    """Connect as Reflex's page does, and wait until the page has been loaded."""
    router = {"pathname": visitor.path, "asPath": visitor.path, "query": dict(visitor.parameters)}
    boot = {"event": {"name": _HYDRATE, "payload": {}, "router_data": router}}
    await socket.send(f"40{_NAMESPACE}{json.dumps(boot)}")
    deadline = time.monotonic() + _OPEN_SECONDS
    async for message in socket:
        if message == "2":
            await socket.send("3")
        elif '"is_hydrated_rx_state_":true' in str(message).replace(" ", ""):
            return
        assert time.monotonic() < deadline, "a page was not loaded in time"
