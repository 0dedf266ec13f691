"""FAIR: how much longer others wait for their answers while one company sends a hundred times as much as usual.

Each round first lets every company send at its usual rate, then one of them at a hundred times that, which is more than
two workers carry. What the others' answers take longer is the delay that the flood adds.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.pool import Pool

from benchmarks import ledger
from benchmarks.bench import Bench
from benchmarks.figures import magnitude, median, percentile, spread
from benchmarks.line import Line, NotDone, open_line
from benchmarks.load import Order, Outcome
from benchmarks.load import run as run_load
from benchmarks.report import Finding
from benchmarks.slack_events import Account

_TIMES = 100
_RATE = 6
"""Events a second that a company usually has."""
_QUIET_SECONDS, _LOUD_SECONDS = 4, 6
_CHANNELS, _FLOODED_CHANNELS = 100, 1_000
"""Of a company; Slack takes one message a second in each, so that its pace is not what holds the flood back."""
_PATIENCE_SECONDS = 120.0
_GOAL_SECONDS = 2.0


def measure(bench: Bench) -> list[Finding]:
    """Let quiet and loud take turns."""
    loud, *others = bench.accounts
    quiet_p95: list[float] = []
    loud_p95: list[float] = []
    left: list[int] = []
    with open_line(bench) as line, _second_generator() as second:
        _meet(line, (loud,), channels=bench.plan.amount(_FLOODED_CHANNELS))
        _meet(line, others, channels=_CHANNELS)
        for number in range(bench.plan.rounds):
            quiet_p95.append(percentile(_delays(line, (loud, *others), seconds=_QUIET_SECONDS), 95))
            flood = second.apply_async(run_load, (_flood(bench, line, loud),))
            loud_p95.append(percentile(_delays(line, others, seconds=_LOUD_SECONDS), 95))
            sent: Outcome = flood.get(_PATIENCE_SECONDS)
            waiting = ledger.backlog(line.session)
            left.append(waiting.deliveries + waiting.turns + waiting.messages)
            bench.say(f"fairness: round {number + 1} of {bench.plan.rounds}, {sent.per_second:,.0f}/s from one company")
            line.await_quiet(seconds=_PATIENCE_SECONDS)
    added = [with_flood - without for with_flood, without in zip(loud_p95, quiet_p95, strict=True)]
    return [_finding(added, loud_p95, left)]


@contextmanager
def _second_generator() -> Generator[Pool]:
    """Keep a second load generator at hand, ready to send at once."""
    with get_context("spawn").Pool(1) as pool:
        pool.apply(_ready)
        yield pool


def _ready() -> None:
    """Answer once everything that is needed is imported."""


def _meet(line: Line, accounts: Sequence[Account], *, channels: int) -> None:
    """Let everybody write once: who is new costs more than who is known."""
    count = channels * len(accounts)
    line.accept(Order(port=line.port, accounts=accounts, count=count, connections=8, channels=channels))
    line.await_quiet(seconds=_PATIENCE_SECONDS)


def _flood(bench: Bench, line: Line, loud: Account) -> Order:
    rate = _RATE * _TIMES
    return Order(
        port=line.port,
        accounts=(loud,),
        count=bench.plan.amount(rate * _LOUD_SECONDS),
        connections=32,
        rate=rate,
        channels=bench.plan.amount(_FLOODED_CHANNELS),
    )


def _delays(line: Line, accounts: Sequence[Account], *, seconds: int) -> list[float]:
    """Send at the usual rate and return how many seconds each answer took, from when its event was due to leave."""
    seen, rate = line.sink.count(), _RATE * len(accounts)
    count = rate * seconds
    order = Order(port=line.port, accounts=accounts, count=count, connections=8, rate=rate, channels=_CHANNELS)
    sent_at = line.accept(order).sent_at
    arrived: dict[str, float] = {}

    def all_answered() -> bool:
        nonlocal seen
        answers = line.sink.accepted(since=seen)
        seen += len(answers)
        arrived.update(answers)
        return arrived.keys() >= sent_at.keys()

    if not line.wait(all_answered, seconds=_PATIENCE_SECONDS):
        missing = len(sent_at.keys() - arrived.keys())
        raise NotDone(f"After {_PATIENCE_SECONDS:g} s {missing} of {count} events were not answered.")
    return [arrived[thread] - at for thread, at in sent_at.items()]


def _finding(added: list[float], loud_p95: list[float], left: list[int]) -> Finding:
    delay = median(added)
    return Finding(
        goal_id="FAIR",
        measure=f"Delay that one company at {_TIMES} times its usual rate adds to others' answers, p95",
        goal=f"< {_GOAL_SECONDS:.0f} s",
        result=f"{delay:.2f} s",
        met=delay < _GOAL_SECONDS,
        spread=spread(added, unit=" s"),
        absolute=f"p95 {magnitude(median(loud_p95), ' s')}; of the flood {median(left):,.0f} rows still waited",
        rounds=len(added),
    )
