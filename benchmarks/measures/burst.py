"""P11: ten thousand events in a minute: none is refused, and a minute later all are answered."""

import time

from benchmarks import ledger
from benchmarks.bench import Bench
from benchmarks.line import open_line
from benchmarks.load import Order
from benchmarks.report import Finding

_EVENTS = 10_000
_SECONDS = 60
_CHANNELS = 250
_GOAL_SECONDS = 60.0


def measure(bench: Bench) -> list[Finding]:
    """Send the burst and wait until nothing is left."""
    count = bench.plan.amount(_EVENTS)
    with open_line(bench) as line:
        order = Order(
            port=line.port,
            accounts=bench.accounts,
            count=count,
            connections=32,
            rate=count / _SECONDS,
            channels=_CHANNELS,
        )
        outcome = bench.send(order)
        began = time.monotonic()
        left = ledger.backlog(line.session)
        gone = line.wait(lambda: ledger.backlog(line.session).is_gone, seconds=_GOAL_SECONDS)
        result = f"after {time.monotonic() - began:.0f} s" if gone else f"not after {_GOAL_SECONDS:.0f} s"
        later = ledger.backlog(line.session)
    return [
        Finding(
            goal_id="P11",
            measure=f"{count:,} events in {_SECONDS} s, refused",
            goal="0",
            result=str(outcome.refused),
            met=outcome.refused == 0 and outcome.accepted == count,
        ),
        Finding(
            goal_id="P11",
            measure="Backlog gone after the last one",
            goal=f"≤ {_GOAL_SECONDS:.0f} s",
            result=result,
            met=gone,
            absolute=f"left with the last one: {_words(left)}; in the end: {_words(later)}",
        ),
    ]


def _words(backlog: ledger.Backlog) -> str:
    return f"{backlog.deliveries:,} deliveries, {backlog.turns:,} turns, {backlog.messages:,} answers"
