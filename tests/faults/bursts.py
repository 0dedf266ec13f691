"""F18 and F20: more than usual, more of one than of all others, and callers who take their time."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from itertools import cycle
from urllib.parse import urlsplit

from tests.faults.events import Event
from tests.faults.figures import percentile
from tests.faults.rig import IS_WHOLE, PATIENCE, Rig
from tests.faults.tenants import Tenant
from workers.runtime import process

_COUNTLESS = 1_000_000
_BURST_SECONDS = 60.0 if IS_WHOLE else 5.0
_CROWD_SECONDS = 30.0 if IS_WHOLE else 8.0
_BASE_RATE, _BURST_RATE = (50, 500) if IS_WHOLE else (5, 50)
_USUAL_RATE = 2.0 if IS_WHOLE else 0.5
"""Events a second of each tenant, before one has a hundred times as many. Less, where others share the machine."""
_MOST_ADDED_SECONDS = 2.0
_SLOW_CLIENTS = 500
_SLOW_CLIENT_SECONDS = 15.0
"""Longer than the webhook line reads on."""
_BEAT_SECONDS = 0.1


def burst(rig: Rig) -> None:
    """F18: ten times as much for a minute; nobody is turned away, nobody waits at the door."""
    with rig.load(rate=_BASE_RATE, most=_COUNTLESS, asks=rig.contacts.ask, letters=False):
        _watch(rig, seconds=_BURST_SECONDS / 2)
    big = rig.tenants[0]
    with rig.load(rate=_BURST_RATE, most=_COUNTLESS, asks=lambda: _busy_channels(rig, big), letters=False):
        began = time.monotonic()
        _watch(rig, seconds=_BURST_SECONDS)
        ended = time.monotonic()
    rig.recovers(within=300)
    _was_open(rig, began=began, ended=ended, most_seconds=0.5)
    _crowd(rig)
    rig.recovers(within=300)


def _crowd(rig: Rig) -> None:
    """One tenant has a hundred times its usual load: the others are answered at most 2 s later, p95."""
    big, *others = rig.tenants
    calm = _answered_beside(rig, big, others, rate=_USUAL_RATE)
    flooded = _answered_beside(rig, big, others, rate=100 * _USUAL_RATE)
    rig.note("one tenant × 100", f"others p95 {calm:.2f} → {flooded:.2f} s")
    assert flooded - calm < _MOST_ADDED_SECONDS * PATIENCE, f"others waited {flooded:.1f} s instead of {calm:.1f} s"


def _answered_beside(rig: Rig, big: Tenant, others: Sequence[Tenant], *, rate: float) -> float:
    """Let one tenant have such a rate and the others theirs; return the others' delay, p95."""
    turn = cycle(others)
    known = len(rig.sender.books)
    with (
        rig.load(rate=rate, most=_COUNTLESS, asks=lambda: _overheard(rig, big, asks=0.25), letters=False),
        rig.load(
            rate=_USUAL_RATE * len(others), most=_COUNTLESS, asks=lambda: rig.contacts.ask(next(turn)), letters=False
        ),
    ):
        began = time.monotonic()
        _watch(rig, seconds=_CROWD_SECONDS)
        ended = time.monotonic()
    pages = [page for page in rig.sender.books[known:] if page.event.tenant != big.number]
    rig.recovers(within=300, what="answers to others", done=lambda: len(rig.delays(pages)) == len(pages))
    _was_open(rig, began=began, ended=ended, most_seconds=0.5)
    return percentile(rig.delays(pages), 95)


def _busy_channels(rig: Rig, big: Tenant) -> Event:
    """Let one tenant have most of what comes."""
    return _overheard(rig, big if rig.rng.random() < 0.6 else None)


def _overheard(rig: Rig, tenant: Tenant | None, *, asks: float = 0.1) -> Event:
    """Let few ask something; the rest is overheard, as in a busy channel."""
    event = rig.contacts.ask(tenant)
    if rig.rng.random() < asks:
        return event
    silent = rig.contacts.overhear(tenant or rig.tenants[event.tenant])
    rig.forgiven.add(silent.message)
    return silent


def _watch(rig: Rig, *, seconds: float) -> None:
    """Let time go by, and copy the sandbox's books, which forget."""
    ends_at = time.monotonic() + seconds

    def is_over() -> bool:
        rig.collect()
        return time.monotonic() >= ends_at

    assert process.wait_until(is_over, timeout_seconds=seconds * 10, interval_seconds=1.0)


def _was_open(rig: Rig, *, began: float, ended: float, most_seconds: float) -> None:
    """Hold the door to its promise for what came between two moments: only 2xx, and soon."""
    attempts = [item for item in rig.attempts() if began <= item.began < ended]
    taken = percentile([item.ended - item.began for item in attempts], 99)
    rate = len(attempts) / (ended - began)
    rig.note(f"{rate:.0f} a second", f"door p99 {taken * 1000:.0f} ms")
    assert {item.status for item in attempts} == {200}, rig.statuses()
    assert taken < most_seconds * PATIENCE, f"{taken:.2f} s at the door, p99"


def slow_clients(rig: Rig) -> None:
    """F20: 500 connections that send ten bytes a second; whoever is not slow is answered as ever."""
    stop = asyncio.Event()
    dawdling = asyncio.run_coroutine_threadsafe(_dawdle(rig, stop), rig.sender.loop)
    began = time.monotonic()
    with rig.load(letters=False):
        while time.monotonic() < began + _SLOW_CLIENT_SECONDS:
            rig.await_accepted()
    ended = time.monotonic()
    rig.sender.loop.call_soon_threadsafe(stop.set)
    answers = dawdling.result(timeout=60)
    rig.recovers(within=30)
    _was_open(rig, began=began, ended=ended, most_seconds=0.5)
    timed_out = sum(answer.startswith(b"HTTP/1.1 408") for answer in answers)
    rig.note("slow bodies", f"{timed_out} of {len(answers)} refused with 408")
    assert timed_out == len(answers), f"what slow bodies were told: {set(answers)}"


async def _dawdle(rig: Rig, stop: asyncio.Event) -> list[bytes]:
    """Let clients dawdle until told to stop; return what those were told whose bodies do not come."""
    host, port = rig.listens_at
    path = urlsplit(rig.tenants[0].slack_url).path
    post = f"POST {path} HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-type: application/json\r\ncontent-length: 99999"
    upgrade = (
        f"GET /_event/?EIO=4&transport=websocket&token=slow HTTP/1.1\r\nhost: {host}:{port}\r\n"
        f"origin: {rig.product.address}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
        "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="
    )
    heads, bodies = [post.encode(), upgrade.encode()], [f"{post}\r\n\r\n".encode(), f"{upgrade}\r\n\r\n".encode()]
    # A frame of half a megabyte, which never comes whole.
    frame = b"\x81\xff" + (500_000).to_bytes(8, "big") + b"mask"
    kinds = [(b"", heads[0]), (b"", heads[1]), (bodies[0], b"{" * 90_000), (bodies[1], frame + b"x" * 90_000)]
    clients = [_drip(rig, *kinds[number % 4], stop=stop) for number in range(_SLOW_CLIENTS)]
    return (await asyncio.gather(*clients))[2::4]


async def _drip(rig: Rig, at_once: bytes, slowly: bytes, *, stop: asyncio.Event) -> bytes:
    """Send some bytes at once and the others one by one; return how the answer begins, if there is one."""
    reader, writer = await asyncio.open_connection(*rig.listens_at)
    with contextlib.suppress(OSError):
        writer.write(at_once)
        for byte in slowly:
            if stop.is_set() or reader.at_eof() or writer.is_closing():
                break
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(_BEAT_SECONDS)
        answer = b""
        with contextlib.suppress(TimeoutError):
            answer = await asyncio.wait_for(reader.read(12), timeout=0.5)
        writer.close()
        return answer
    return b""
