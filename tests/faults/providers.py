"""F11 and F12: providers that are busy, fail or are slow, and what others notice of it."""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from tests.faults.figures import percentile
from tests.faults.rig import IS_WHOLE, PATIENCE, Rig
from tests.faults.tenants import Tenant
from tests.support.product import eventually

_COUNTLESS = 1_000
_BUSY_SECONDS = 60.0 if IS_WHOLE else 12.0
_RETRY_AFTER = 10.0 if IS_WHOLE else 3.0
_PROBE_SECONDS = 30.0
_AWAY_SECONDS = 65.0 if IS_WHOLE else 35.0
_SLOW_SECONDS = 60.0 if IS_WHOLE else 10.0
_ADDED_SECONDS = 0.1
"""By how much others may be answered later, p95."""
_AT_ONCE_SECONDS = 2.0
"""Calls that are this close were under way together."""
_MANY = 40


def fail_providers(rig: Rig) -> None:
    """F11: 429 with Retry-After, then failures of the provider's own; nobody else waits for it."""
    busy, *others = rig.tenants
    calm = answer_others(rig, others)
    for play in (_ask_to_slow_down, _go_away):
        meanwhile = play(rig, busy, others)
        rig.note(play.__name__.strip("_"), f"others p95 {calm:.2f} → {meanwhile:.2f} s")
        assert meanwhile - calm < _ADDED_SECONDS * PATIENCE, f"others waited for {busy.number}: {calm} → {meanwhile} s"
    for _ in rig.rounds(quick=1, whole=10):
        rig.product.sandbox.fail("slack", "500", method="chat.postMessage", count=3)
        rig.product.sandbox.fail("twilio", "503", method="messages.create", count=3)
        with rig.load():
            eventually(lambda: not rig.product.sandbox.pending_faults(), what="the provider's failures")
        rig.recovers(within=60)


def _ask_to_slow_down(rig: Rig, busy: Tenant, others: Sequence[Tenant]) -> float:
    """The provider says how long to wait: it is called again then, not sooner and not much later."""
    rig.product.sandbox.fail(
        "slack", "429", method="chat.postMessage", count=_COUNTLESS, retry_after=round(_RETRY_AFTER)
    )
    meanwhile = _ask_all_the_while(rig, busy, others, seconds=_BUSY_SECONDS)
    calls = _refusals(rig, "429")
    rig.product.sandbox.control("faults/clear", {})
    rig.recovers(within=60)
    rounds = list(_rounds(calls))
    waits = [later[0] - earlier[-1] for earlier, later in pairwise(rounds)]
    assert len(waits) >= 2, f"the provider was not called again: {rounds}"
    soonest, latest = _RETRY_AFTER * 0.9, _RETRY_AFTER * (1 + 0.1 * PATIENCE)
    rig.note("Retry-After", f"{_RETRY_AFTER:g} s, kept {len(waits)} × {min(waits):.1f} to {max(waits):.1f} s")
    assert all(soonest <= wait <= latest for wait in waits), f"called again after {waits} s, not {_RETRY_AFTER:g} s"
    return meanwhile


def _go_away(rig: Rig, away: Tenant, others: Sequence[Tenant]) -> float:
    """The provider fails at everything: the circuit opens, and one call in 30 s finds out whether it is back."""
    rig.product.sandbox.fail("slack", "500", count=_COUNTLESS)
    meanwhile = _ask_all_the_while(rig, away, others, seconds=_AWAY_SECONDS)
    calls = _refusals(rig, "500")
    rig.product.sandbox.control("faults/clear", {})
    rig.recovers(within=60)
    first, *probes = _rounds(calls)
    assert len(probes) >= int(_AWAY_SECONDS / _PROBE_SECONDS), f"nobody looked whether it is back: {calls}"
    assert all(len(probe) == 1 for probe in probes), f"more than one call at a time: {probes}"
    moments = [first[-1], *(probe[0] for probe in probes)]
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    rig.note("circuit", f"open after {len(first)} failures, probes after {', '.join(f'{gap:.0f}' for gap in gaps)} s")
    assert min(gaps) >= _PROBE_SECONDS * 0.9, f"probes came after {gaps} s"
    return meanwhile


def _ask_all_the_while(rig: Rig, tenant: Tenant, others: Sequence[Tenant], *, seconds: float) -> float:
    """Let contacts write to the tenant in Slack, and to others by phone; return the others' delay, p95."""
    ends_at, taken = time.monotonic() + seconds, list[float]()
    rig.ask(10, tenant=tenant, provider="slack")
    eventually(lambda: bool(rig.product.sandbox.ledger().faults), what="a call that is refused")
    while time.monotonic() < ends_at:
        taken.append(answer_others(rig, others))
        rig.ask(1, tenant=tenant, provider="slack")
        _pause(rig, seconds=min(3.0, ends_at - time.monotonic()))
    return percentile(taken, 50)


def _refusals(rig: Rig, kind: str) -> list[float]:
    return sorted(item.at for item in rig.product.sandbox.ledger().faults if item.kind == kind)


def _rounds(calls: Sequence[float]) -> Iterator[list[float]]:
    """Gather calls that were under way together."""
    found: list[float] = []
    for moment in calls:
        if found and moment - found[-1] > _AT_ONCE_SECONDS:
            yield found
            found = []
        found.append(moment)
    if found:
        yield found


def slow_providers(rig: Rig) -> None:
    """F12: the provider sends a byte a second, or accepts and says nothing; others go on meanwhile."""
    slow, *others = rig.tenants
    _let_drip(rig, slow, others)
    for kind in ("slow_loris", "accept_then_hang", "hang", "accept_then_reset", "garbage"):
        rig.product.sandbox.fail("slack", kind, method="chat.postMessage", count=3)
        rig.ask(6, tenant=slow, provider="slack")
        eventually(lambda: rig.product.sandbox.pending_faults() < 3, what=f"a call that meets {kind}")
        answer_others(rig, others)
        rig.recovers(within=60)


def _let_drip(rig: Rig, slow: Tenant, others: Sequence[Tenant]) -> None:
    """More slow calls than there are threads, for long: none outlives its lease, and others have theirs."""
    calm = answer_others(rig, others)
    rig.product.sandbox.fail("slack", "slow_loris", method="chat.postMessage", count=_COUNTLESS, seconds=600)
    rig.ask(_MANY, tenant=slow, provider="slack")
    eventually(lambda: bool(rig.product.sandbox.ledger().faults), what="a call that meets a slow answer")
    ends_at, taken = time.monotonic() + _SLOW_SECONDS, list[float]()
    while time.monotonic() < ends_at:
        taken.append(answer_others(rig, others))
        _pause(rig, seconds=min(1.0, ends_at - time.monotonic()), until=lambda: rig.records.overdue(PATIENCE))
        assert not rig.records.overdue(PATIENCE), "a call goes on after its lease has run out"
    rig.product.sandbox.control("faults/clear", {})
    rig.recovers(within=60)
    rig.note("a byte a second", f"others p95 {calm:.2f} → {percentile(taken, 50):.2f} s")


def answer_others(rig: Rig, others: Sequence[Tenant]) -> float:
    """Let contacts of others ask by phone, wait for the answers, and return how long they took, p95."""
    pages = [page for tenant in others for page in rig.ask(3, tenant=tenant, provider="twilio")]
    rig.recovers(within=10, what="answers to others", done=lambda: len(rig.delays(pages)) == len(pages))
    return percentile(rig.delays(pages), 95)


def _pause(rig: Rig, *, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
    ends_at = time.monotonic() + seconds
    eventually(lambda: until() or time.monotonic() >= ends_at, what="the next round", seconds=seconds + 10)
