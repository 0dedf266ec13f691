"""P5: how many deliveries two workers process in a second, against RQ alone."""

from datetime import datetime

from benchmarks import ledger, rq_noop
from benchmarks.bench import Bench
from benchmarks.figures import magnitude, median, ratios, spread
from benchmarks.line import Line, open_line
from benchmarks.load import Order
from benchmarks.report import Finding

_EVENTS = 2_000
_CHANNELS = 50
"""Of each company; so many events wait in a channel at once as a busy day brings."""
_GOAL = 4.0
_SECONDS = 30.0


def measure(bench: Bench) -> list[Finding]:
    """Let RQ and the workers take turns."""
    with open_line(bench) as line:
        _meet_everybody(bench, line)
        rates: list[float] = []
        noops: list[float] = []
        for number in range(bench.plan.rounds):
            line.rest()
            noops.append(bench.stage.helpers.apply(rq_noop.run, (bench.stage.urls.redis_url,)))
            rates.append(_process(bench, line))
            bench.say(f"processing: round {number + 1} of {bench.plan.rounds}")
        _let_go(line)
    against = ratios(rates, noops)
    ratio = median(against)
    return [
        Finding(
            goal_id="P5",
            measure="Deliveries processed by 2 workers (parsed, routed, stored, turn due) against RQ's no-ops",
            goal=f"≥ {_GOAL:.1f}",
            result=f"{ratio:.1f}",
            met=ratio >= _GOAL,
            spread=spread(against, form=".1f"),
            absolute=f"{magnitude(median(rates), '/s')} against {magnitude(median(noops), '/s')}",
            rounds=bench.plan.rounds,
        )
    ]


def _meet_everybody(bench: Bench, line: Line) -> None:
    """Let everybody write once, and hold the conversations, so that turns become due and none is run."""
    count = _CHANNELS * len(bench.accounts)
    line.accept(Order(port=line.port, accounts=bench.accounts, count=count, connections=8, channels=_CHANNELS))
    line.await_quiet(seconds=60)
    line.session.execute("UPDATE conversation SET lease_until = now() + interval '1 day'")


def _let_go(line: Line) -> None:
    line.session.execute("UPDATE turn SET state = 'skipped' WHERE state = 'due'")
    line.session.execute("UPDATE conversation SET lease_until = NULL")


def _process(bench: Bench, line: Line) -> float:
    """Accept events while the workers rest, wake them, and return how many are processed in a second."""
    ledger.clear(line.session)
    line.session.execute("UPDATE turn SET state = 'skipped' WHERE state = 'due'")
    since, count = line.now(), bench.plan.amount(_EVENTS)
    line.accept(Order(port=line.port, accounts=bench.accounts, count=count, connections=8, channels=_CHANNELS))
    began = line.now()
    line.go_on()
    line.wait(lambda: not ledger.backlog(line.session).deliveries, seconds=_SECONDS)
    done, ended = _done(line, since)
    return done / (ended - began).total_seconds()


def _done(line: Line, since: datetime) -> tuple[int, datetime]:
    row = line.session.execute(
        "SELECT count(*), max(finished_at) FROM webhook_delivery WHERE state = 'processed' AND received_at >= %s",
        (since,),
    ).fetchone()
    assert row is not None and row[1], "the workers processed nothing"
    return int(row[0]), row[1]
