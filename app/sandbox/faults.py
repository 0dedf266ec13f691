"""What can be made to go wrong with a provider's answer: a table of kinds."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.sandbox.state import Fault, Happened, Store

Handler = Callable[[], Awaitable[Response]]
Refusal = Callable[[int, Fault], Response]
"""Words a 429 or a 500 as the service does."""


ABORT = "patchbay.abort"
"""ASGI extension: a function that drops the connection."""
RELEASED = "patchbay.released"
"""ASGI extension: an event that lets callers go who are kept waiting."""


class HangingUp(Response):
    """Sends nothing and closes the connection, after a while or at once.

    Args:
        seconds: how long the caller is kept waiting first.
    """

    def __init__(self, *, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait for the caller to give up, then close the connection."""
        if await self._outlasts(receive, released=scope["extensions"][RELEASED]):
            await _hang_up(scope, receive)

    async def _outlasts(self, receive: Receive, *, released: asyncio.Event) -> bool:
        """Return whether the caller is still there when it is to be let go, or the server stops."""
        gone, free = asyncio.ensure_future(_gone(receive)), asyncio.ensure_future(released.wait())
        try:
            done, _ = await asyncio.wait({gone, free}, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            return True
        finally:
            gone.cancel()
            free.cancel()
        return gone not in done


class SlowLoris(Response):
    """Begins an answer and goes on with one byte a second, until the caller has enough.

    Args:
        seconds: how long it goes on at most.
    """

    def __init__(self, *, seconds: float) -> None:
        super().__init__(media_type="application/json")
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send blanks, which every JSON document may begin with, then close the connection."""
        head = [(b"content-type", b"application/json"), (b"content-length", b"1000000")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        released: asyncio.Event = scope["extensions"][RELEASED]
        gone = asyncio.ensure_future(_gone(receive))
        try:
            async with asyncio.timeout(self._seconds):
                while not gone.done() and not released.is_set():
                    await send({"type": "http.response.body", "body": b" ", "more_body": True})
                    await asyncio.wait({gone}, timeout=1)
        except TimeoutError:
            pass
        finally:
            gone.cancel()
        await _hang_up(scope, receive)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault. ``acts`` is True if the call takes effect although its caller does not learn so."""

    respond: Callable[[Fault, Refusal], Response]
    acts: bool = False


KINDS: Mapping[str, Kind] = {
    "429": Kind(lambda fault, refusal: refusal(429, fault)),
    "500": Kind(lambda fault, refusal: refusal(500, fault)),
    "503": Kind(lambda fault, refusal: refusal(503, fault)),
    "403": Kind(lambda fault, refusal: refusal(403, fault)),
    "401": Kind(lambda fault, refusal: refusal(401, fault)),
    "garbage": Kind(lambda fault, refusal: Response("<html><body>502 Bad Gateway</body></html>", 200)),
    "hang": Kind(lambda fault, refusal: HangingUp(seconds=fault.seconds)),
    "slow_loris": Kind(lambda fault, refusal: SlowLoris(seconds=fault.seconds)),
    "reset": Kind(lambda fault, refusal: HangingUp(seconds=0)),
    "accept_then_500": Kind(lambda fault, refusal: refusal(500, fault), acts=True),
    "accept_then_hang": Kind(lambda fault, refusal: HangingUp(seconds=fault.seconds), acts=True),
    "accept_then_reset": Kind(lambda fault, refusal: HangingUp(seconds=0), acts=True),
}


async def answer_or_fail(store: Store, *, service: str, method: str, handle: Handler, refusal: Refusal) -> Response:
    """Count a call and answer it, or let the fault that is due happen instead."""
    name = f"{service} {method}"
    store.state.calls[name] = store.state.calls.get(name, 0) + 1
    fault = _take_fault(store, service=service, method=method, now=time.time())
    if fault is None:
        return await handle()
    kind = KINDS[fault.kind]
    if kind.acts:
        await handle()
    return kind.respond(fault, refusal)


def _take_fault(store: Store, *, service: str, method: str, now: float) -> Fault | None:
    for fault in store.state.faults:
        if fault.service == service and fault.method in {method, "*"}:
            fault.count -= 1
            store.state.happened.append(Happened(service=service, method=method, kind=fault.kind, at=now))
            taken = fault.model_copy()
            store.state.faults = [item for item in store.state.faults if item.count > 0]
            store.touch()
            return taken
    return None


async def _hang_up(scope: Scope, receive: Receive) -> None:
    """Drop the connection; the server must see that it is lost before the application returns without an answer."""
    abort: Callable[[], None] = scope["extensions"][ABORT]
    abort()
    await _gone(receive)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
