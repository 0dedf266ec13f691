"""P6: the whole way, from a webhook to the agent's answer accepted by the provider."""

from collections.abc import Sequence

from benchmarks import rq_noop
from benchmarks.bench import Bench
from benchmarks.figures import magnitude, median, percentile, ratios, spread
from benchmarks.line import Line, NotDone, open_line
from benchmarks.load import Order
from benchmarks.report import Finding

_EVENTS = 1_000
_CHANNELS = 250
"""Of each company; Slack takes one message a second in each, so that its pace is not what is measured."""
_SECONDS = 60.0
_RATE = 50
_RATE_SECONDS = 12
_GOAL, _GOAL_P95 = 1.2, 500.0


def measure(bench: Bench) -> list[Finding]:
    """Let RQ and the line take turns, then see how long an answer takes at a steady rate."""
    with open_line(bench) as line:
        _carry(bench, line)  # everybody writes for the first time
        rates: list[float] = []
        noops: list[float] = []
        for number in range(bench.plan.rounds):
            line.rest()
            noops.append(bench.stage.helpers.apply(rq_noop.run, (bench.stage.urls.redis_url,)))
            line.go_on()
            rates.append(_carry(bench, line))
            bench.say(f"whole way: round {number + 1} of {bench.plan.rounds}")
        delays = steady_delays(bench, line, rate=_RATE, seconds=_RATE_SECONDS, channels=_CHANNELS)
    return [_rate(bench, rates, noops), _delay(delays)]


def steady_delays(bench: Bench, line: Line, *, rate: int, seconds: int, channels: int) -> list[float]:
    """Send at a steady rate and return, in milliseconds, from when each event was due to leave to its answer."""
    before, count = line.sink.count(), rate * seconds
    order = Order(port=line.port, accounts=bench.accounts, count=count, connections=16, rate=rate, channels=channels)
    outcome = line.accept(order)
    line.insist(lambda: line.sink.count() - before >= count, seconds=_SECONDS)
    arrived = dict(line.sink.accepted(since=before))
    return [(arrived[thread] - at) * 1000 for thread, at in outcome.sent_at.items()]


def _carry(bench: Bench, line: Line) -> float:
    """Send events as fast as they are accepted; return how many answers arrive in a second, from the first event."""
    before, began, count = line.sink.count(), line.now().timestamp(), bench.plan.amount(_EVENTS)
    line.accept(Order(port=line.port, accounts=bench.accounts, count=count, connections=8, channels=_CHANNELS))
    line.await_quiet(seconds=_SECONDS)
    answered = line.sink.accepted(since=before)
    if len(answered) != count:
        raise NotDone(f"{count} events were accepted and {len(answered)} answered.")
    return count / (max(at for _, at in answered) - began)


def _rate(bench: Bench, rates: Sequence[float], noops: Sequence[float]) -> Finding:
    against = ratios(rates, noops)
    ratio = median(against)
    return Finding(
        goal_id="P6",
        measure="Whole way with 2 workers (webhook in, answer accepted) against RQ's no-ops",
        goal=f"≥ {_GOAL:.1f}",
        result=f"{ratio:.2f}",
        met=ratio >= _GOAL,
        spread=spread(against),
        absolute=f"{magnitude(median(rates), '/s')} against {magnitude(median(noops), '/s')}",
        rounds=bench.plan.rounds,
    )


def _delay(delays: Sequence[float]) -> Finding:
    p95 = percentile(delays, 95)
    return Finding(
        goal_id="P6",
        measure=f"Whole way at {_RATE}/s, p95",
        goal=f"≤ {_GOAL_P95:.0f} ms",
        result=f"{p95:.0f} ms",
        met=p95 <= _GOAL_P95,
        absolute=f"p50 {magnitude(median(delays), ' ms')}",
    )
