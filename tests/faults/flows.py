"""F11 to F18, F20 and F24: what comes in, and what providers answer, is more, later or other than it should be."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit
from uuid import UUID

from services import connections, limits
from services.limits import AlarmView, LimitDraft, LimitView
from tests.faults.events import Event, in_another_time
from tests.faults.rig import IS_WHOLE, PATIENCE, Rig
from tests.faults.tenants import Tenant, connect
from tests.support.product import eventually

_SKEWS = {-297: 200, 297: 200, -303: 401, 303: 401}
"""Seconds that the sender's clock is wrong by → what it is told. Five minutes are the limit; a request takes time."""
_WINDOW = 50
_COUNTLESS = 1_000_000


def fail_providers(rig: Rig) -> None:
    """F11: 429 with Retry-After, then failures of the provider's own; nobody else waits for it."""
    busy, *others = rig.tenants
    rig.product.sandbox.fail("slack", "429", method="chat.postMessage", count=3, retry_after=2)
    rig.ask(10, tenant=busy, provider="slack")
    eventually(lambda: len(rig.product.sandbox.ledger().faults) == 3, what="three refusals")
    _answered_meanwhile(rig, others)
    rig.recovers(within=60)
    _obeyed(rig, seconds=2)
    for _ in rig.rounds(quick=1, whole=10):
        rig.product.sandbox.fail("slack", "500", method="chat.postMessage", count=3)
        rig.product.sandbox.fail("twilio", "503", method="messages.create", count=3)
        with rig.load():
            eventually(lambda: not rig.product.sandbox.pending_faults(), what="the provider's failures")
        rig.recovers(within=60)


def _obeyed(rig: Rig, *, seconds: float) -> None:
    """Retry-After: nothing is sent again before its time, but for what was on its way already."""
    ledger = rig.product.sandbox.ledger()
    refused = [item.at for item in ledger.faults if item.kind == "429"]
    taken = [item.at for item in ledger.answers if item.service == "slack" and item.account.endswith("0")]
    early = [at for at in taken for moment in refused if 0.5 < at - moment < seconds * 0.9]
    assert not early, f"{len(early)} messages were sent before the provider wanted more"


def slow_providers(rig: Rig) -> None:
    """F12: the provider sends a byte a second, or accepts and says nothing; others go on meanwhile."""
    slow, *others = rig.tenants
    for kind in ("slow_loris", "accept_then_hang", "hang", "accept_then_reset", "garbage"):
        rig.product.sandbox.fail("slack", kind, method="chat.postMessage", count=3, seconds=30)
        rig.ask(6, tenant=slow, provider="slack")
        eventually(lambda: rig.product.sandbox.pending_faults() < 3, what=f"a call that meets {kind}")
        _answered_meanwhile(rig, others)
        rig.recovers(within=60)


def _answered_meanwhile(rig: Rig, others: Sequence[Tenant]) -> None:
    """Wait until others, who ask now, have been answered."""
    places = {page.event.place for tenant in others for page in rig.ask(2, tenant=tenant, provider="twilio")}

    def are_answered() -> bool:
        return places <= {item.place for item in rig.seen()}

    rig.recovers(within=10, what="answers to others", done=are_answered)


def double(rig: Rig) -> None:
    """F13: each event one to five times at once, and again when all is long done."""
    pages = rig.ask(60)
    rig.sender.send_again(page.event for page in pages for _ in range(rig.rng.randrange(5)))
    rig.recovers(within=30)
    rig.sender.send_again(page.event for page in pages)
    rig.recovers(within=30)
    assert rig.statuses().keys() == {200}


def reorder(rig: Rig) -> None:
    """F14: windows of 50 in any order, edits and deletions before what they are about."""
    for _ in rig.rounds(quick=1, whole=6):
        questions = [rig.contacts.ask() for _ in range(_WINDOW - 10)]
        later = [rig.contacts.about(event) for event in questions if event.provider == "slack"][:10]
        window = [*questions, *later]
        rig.rng.shuffle(window)
        rig.forgiven |= {event.message for event in later}
        rig.sender.send(window)
        rig.recovers(within=30)


def skew_clocks(rig: Rig) -> None:
    """F15: signatures of another time, a worker that is ten minutes ahead, and one that is an hour late."""
    for seconds, expected in _SKEWS.items():
        event = in_another_time(rig.contacts.ask(provider="slack"), seconds=seconds)
        status = rig.sender.post(event).status
        assert status == expected, f"{seconds} s: {status}"
    workers = [
        rig.product.spawn_command("worker", "--number", name, environment={"RIG_CLOCK_SECONDS": skew})
        for name, skew in (("8", "600"), ("9", "-3600"))
    ]
    try:
        with rig.load():
            rig.ask(40)
            for _ in range(3):
                rig.await_answered()
        rig.recovers(within=30)
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait(timeout=20)


def revoke_access(rig: Rig) -> None:
    """F16: the provider refuses the token in the midst of the work; what waits leaves once it is connected again."""
    *others, tenant = rig.tenants
    known = _losses(rig, tenant)
    rig.product.sandbox.fail("slack", "401", method="chat.postMessage", count=1_000)
    rig.ask(10, tenant=tenant, provider="slack")
    rig.recovers(within=30, what="a connection that waits", done=lambda: _status(rig, tenant) == "needs_reauth")
    rig.ask(5, tenant=tenant, provider="slack")
    _answered_meanwhile(rig, others)
    rig.product.sandbox.control("faults/clear", {})
    company = tenant.company
    keys = {"bot_token": company.bot_token, "signing_secret": company.app.signing_secret}
    connect(rig.kernel, tenant.actor, "slack", keys, agent_id=tenant.shop.agent.id)
    rig.recovers(within=10)
    assert _status(rig, tenant) == "active"
    assert _losses(rig, tenant) == known + 1, "it was said more than once"


def _status(rig: Rig, tenant: Tenant) -> str:
    return connections.get_connection(rig.kernel, actor=tenant.actor, connection_id=tenant.shop.slack.id).status


def _losses(rig: Rig, tenant: Tenant) -> int:
    history = connections.list_transitions(rig.kernel, actor=tenant.actor, connection_id=tenant.shop.slack.id)
    return sum(item.to_status == "needs_reauth" for item in history.items)


def poison(rig: Rig) -> None:
    """F17: a message that fails, kills or never lets go whoever reads it; it is put aside, the others are answered."""
    *others, tenant = rig.tenants
    for act in ("raise", "die", "loop"):
        event = rig.contacts.by_phone(tenant, text=f"poison: {act}")
        rig.forgiven.add(event.message)
        rig.sender.send([event])
        _answered_meanwhile(rig, others)
        rig.recovers(within=60, what="a dead letter", done=lambda event=event: rig.is_dead(event.message))
        _answered_meanwhile(rig, [tenant, *others])


def burst(rig: Rig) -> None:
    """F18: ten times as much for a minute, then one tenant a hundred times; nobody is turned away."""
    small, big = rig.tenants[1], rig.tenants[0]
    seconds = 60 if IS_WHOLE else 5
    with rig.load(rate=50, most=_COUNTLESS, asks=rig.contacts.ask):
        _watch(rig, seconds=seconds / 2)
    # One in ten asks something; the rest is overheard, as in a busy channel.
    with rig.load(rate=500, most=_COUNTLESS, asks=lambda: _overheard(rig, big if rig.rng.random() < 0.6 else None)):
        _watch(rig, seconds=seconds)
    rig.recovers(within=300)
    with (
        rig.load(rate=200, most=_COUNTLESS, asks=lambda: _overheard(rig, big)),
        rig.load(rate=2, asks=lambda: rig.contacts.ask(small)),
    ):
        _watch(rig, seconds=seconds / 2)
    rig.recovers(within=300)
    assert not [status for status in rig.statuses() if status and status >= 500], rig.statuses()


def _overheard(rig: Rig, tenant: Tenant | None) -> Event:
    event = rig.contacts.ask(tenant)
    if rig.rng.random() < 0.1:
        return event
    silent = rig.contacts.overhear(tenant or rig.tenants[event.tenant])
    rig.forgiven.add(silent.message)
    return silent


def _watch(rig: Rig, *, seconds: float) -> None:
    """Let time go by, and copy the sandbox's books, which forget."""
    began = time.monotonic()

    def is_over() -> bool:
        rig.collect()
        return time.monotonic() - began > seconds

    eventually(is_over, what="the end of the burst", seconds=seconds * 10)


def slow_clients(rig: Rig) -> None:
    """F20: 500 connections that send ten bytes a second; whoever is not slow is answered as ever."""
    host, port = urlsplit(rig.product.address).hostname or "", urlsplit(rig.product.address).port or 0
    stop = asyncio.Event()
    dawdling = asyncio.run_coroutine_threadsafe(
        _dawdle(host, port, path=urlsplit(rig.tenants[0].slack_url).path, count=500, stop=stop), rig.sender.loop
    )
    with rig.load(letters=False):
        for _ in range(10):
            rig.await_accepted()
    rig.sender.loop.call_soon_threadsafe(stop.set)
    dawdling.result(timeout=30)
    rig.recovers(within=30)
    taken = sorted(item.ended - item.began for item in rig.attempts())
    assert rig.statuses().keys() == {200}
    assert taken[int(len(taken) * 0.99)] < 0.5 * PATIENCE


async def _dawdle(host: str, port: int, *, path: str, count: int, stop: asyncio.Event) -> None:
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n"
    )

    async def client() -> None:
        _, writer = await asyncio.open_connection(host, port)
        try:
            for byte in head.encode() + b"{" * 10_000:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.wait([waiting], timeout=0.1)
                if stop.is_set():
                    break
        except OSError:
            return
        finally:
            writer.close()

    waiting = asyncio.ensure_future(stop.wait())
    await asyncio.gather(*(client() for _ in range(count)))
    waiting.cancel()


def storm(rig: Rig) -> None:
    """F24: two machines that answer one another; it ends at the limit, and the tenant is told."""
    tenant = rig.tenants[4]
    most = 15
    before = limits.get_agent_limits(rig.kernel, actor=tenant.actor, agent_id=tenant.shop.agent.id).limits
    wide = [_draft(item) for item in before]
    used = next(item.windows[1].used for item in before if item.group == "sms")
    narrow = [replace(item, per_hour=used + most, excess="drop") if item.group == "sms" else item for item in wide]
    limits.set_agent_limits(rig.kernel, actor=tenant.actor, agent_id=tenant.shop.agent.id, drafts=narrow)
    try:
        asked = _converse(rig, tenant, most=most + 10)
        rig.recovers(within=60)
        told = [item for item in rig.seen() if item.place.provider == "twilio"]
        assert len(told) <= most < asked, f"{len(told)} answers to {asked} messages"
        assert _alarms(rig, tenant), "nobody was told"
    finally:
        limits.set_agent_limits(rig.kernel, actor=tenant.actor, agent_id=tenant.shop.agent.id, drafts=wide)


def _draft(view: LimitView) -> LimitDraft:
    minute, hour, day = (item.most for item in view.windows)
    return LimitDraft(group=view.group, per_minute=minute, per_hour=hour, per_day=day, excess=view.excess)


def _alarms(rig: Rig, tenant: Tenant) -> Mapping[UUID, Sequence[AlarmView]]:
    with rig.kernel.unit_of_work(tenant.actor.tenant_id) as work:
        return limits.list_alarms(work, [tenant.shop.twilio.id], now=rig.kernel.clock.now())


def _converse(rig: Rig, tenant: Tenant, *, most: int) -> int:
    """Ask, and ask again as soon as there is an answer; return how often."""
    for place in range(most):
        event = rig.contacts.by_phone(tenant, caller="+14155559999")
        rig.forgiven.add(event.message)
        rig.sender.send([event])
        goal = place + 1
        if not _comes_true(lambda goal=goal: len(rig.seen()) >= goal, seconds=5 * PATIENCE):
            return goal
    return most


def _comes_true(condition: Callable[[], bool], *, seconds: float) -> bool:
    try:
        eventually(condition, what="", seconds=seconds)
    except AssertionError:
        return False
    return True
