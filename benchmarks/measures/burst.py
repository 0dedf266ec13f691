"""P11: ten thousand events in a minute: none is refused, and a minute later all are answered."""

import time

from benchmarks import ledger
from benchmarks.bench import Bench
from benchmarks.line import NotDone, open_line
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
        try:
            line.await_quiet(seconds=_GOAL_SECONDS)
        except NotDone as error:
            gone, result = False, str(error)
        else:
            gone, result = True, f"after {time.monotonic() - began:.0f} s"
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
            absolute=f"then left: {left.deliveries} deliveries, {left.turns} turns, {left.messages} answers",
        ),
    ]
