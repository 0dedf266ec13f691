"""P1, P2, P3: how fast a webhook is acknowledged once it is stored, against servers that store nothing."""

import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks import peers
from benchmarks.bench import Bench
from benchmarks.figures import magnitude, median, percentile, ratios, spread
from benchmarks.load import Order, Outcome
from benchmarks.report import Finding
from benchmarks.slack_events import BODY_BYTES, Account
from benchmarks.stage import Running

ALONE, SOME, MANY = 1, 16, 64
_COUNTS: Mapping[int, int] = {ALONE: 3_000, SOME: 12_000, MANY: 15_000}
_SECONDS = 1.2
_WARM_UP = 300
_STORING = ("line", "pages")
_COMMITS = 100


@dataclass(frozen=True, slots=True)
class Contestant:
    """A server that takes the same requests."""

    running: Running
    accounts: Sequence[Account]


class Rounds:
    """What was measured: for each contestant and number of connections, one outcome a round."""

    def __init__(self) -> None:
        self._outcomes: dict[tuple[str, int], list[Outcome]] = {}
        self._processor_seconds: dict[tuple[str, int], list[float]] = {}
        self.commits: list[Sequence[float]] = []
        """For each round, how many milliseconds a commit took, several times."""

    def add(self, name: str, connections: int, outcome: Outcome, processor_seconds: float = 0.0) -> None:
        self._outcomes.setdefault((name, connections), []).append(outcome)
        self._processor_seconds.setdefault((name, connections), []).append(processor_seconds)

    def microseconds(self, name: str, connections: int) -> list[float]:
        """Return the processor time of a request in the server's process, round by round."""
        outcomes, spent = self._outcomes[name, connections], self._processor_seconds[name, connections]
        return [seconds * 1e6 / outcome.accepted for outcome, seconds in zip(outcomes, spent, strict=True)]

    def rates(self, name: str, connections: int) -> list[float]:
        return [outcome.per_second for outcome in self._outcomes[name, connections]]

    def milliseconds(self, name: str, connections: int, percent: float) -> list[float]:
        return [percentile(outcome.milliseconds, percent) for outcome in self._outcomes[name, connections]]

    def accepted(self, name: str) -> int:
        return sum(outcome.accepted for (who, _), found in self._outcomes.items() if who == name for outcome in found)

    def statuses(self) -> Counter[int]:
        return sum((outcome.statuses for found in self._outcomes.values() for outcome in found), Counter[int]())


class NotStored(Exception):
    """Something was acknowledged and is not there."""


def measure(bench: Bench) -> list[Finding]:
    """Flood all contestants in turn and compare."""
    accounts = bench.accounts
    same = (Account(team="T0BENCH", signing_secret=peers.SIGNING_SECRET, path=peers.PATH),)
    contestants = {
        "bare": Contestant(bench.stage.peer("bare"), same),
        "line": Contestant(bench.stage.web(only_webhooks=True), accounts),
        "bolt": Contestant(bench.stage.peer("bolt"), same),
        "pages": Contestant(bench.stage.web(only_webhooks=False), accounts),
    }
    try:
        rounds = run_rounds(bench, contestants)
    finally:
        bench.stage.stop(*(contestant.running for contestant in contestants.values()))
    return findings(rounds, bench.plan.rounds)


def run_rounds(bench: Bench, contestants: Mapping[str, Contestant]) -> Rounds:
    """Let the contestants take turns, each round in another order; check that what was accepted is there."""
    for contestant in contestants.values():
        _flood(bench, contestant, MANY, count=_WARM_UP)
    rounds, before = Rounds(), _count_rows(bench)
    names = list(contestants)
    for number in range(bench.plan.rounds):
        turn = number % len(names)
        for connections, count in _COUNTS.items():
            for name in (*names[turn:], *names[:turn]):
                before_flood = _processor_seconds(contestants[name])
                outcome = _flood(bench, contestants[name], connections, count=bench.plan.amount(count))
                rounds.add(name, connections, outcome, _processor_seconds(contestants[name]) - before_flood)
        rounds.commits.append(_time_commits(bench))
        bench.say(f"acknowledgement: round {number + 1} of {bench.plan.rounds}")
    stored, accepted = _count_rows(bench) - before, sum(rounds.accepted(name) for name in _STORING)
    if stored != accepted or set(rounds.statuses()) != {200}:
        raise NotStored(f"{accepted} were acknowledged, {stored} stored; answers: {dict(rounds.statuses())}")
    return rounds


def findings(rounds: Rounds, count: int) -> list[Finding]:
    """Return the lines of the table."""
    lines = [
        _rate(rounds, count, "P1", "line", "bare", "Durable acknowledgement against a bare route", goal=0.60),
        _rate(rounds, count, "P1", "pages", "bare", "The same in front of the pages, one process"),
        *(
            _rate(rounds, count, "P1", "line", "bare", "Durable acknowledgement against a bare route", at=at)
            for at in (SOME, ALONE)
        ),
        _rate(rounds, count, "P2", "line", "bolt", "Against a Bolt app that stores nothing", goal=2.2),
    ]
    ours = median(rounds.milliseconds("line", MANY, 99))
    theirs = median(rounds.milliseconds("bolt", MANY, 50))
    lines.append(
        Finding(
            goal_id="P2",
            measure="Our p99 against its p50, 64 connections",
            goal="≤ 1.00",
            result=f"{ours / theirs:.2f}",
            met=ours <= theirs,
            absolute=f"{magnitude(ours, ' ms')} against {magnitude(theirs, ' ms')}",
            rounds=count,
        )
    )
    return [
        *lines,
        _latency(rounds, count, 50, goal=2.2),
        _latency(rounds, count, 99, goal=2.0),
        *(_latency_with_commit(rounds, count, percent) for percent in (50, 99)),
        _processor_time(rounds, count),
    ]


def _rate(
    rounds: Rounds,
    count: int,
    goal_id: str,
    ours: str,
    theirs: str,
    measure: str,
    *,
    goal: float | None = None,
    at: int = MANY,
) -> Finding:
    against = ratios(rounds.rates(ours, at), rounds.rates(theirs, at))
    ratio = median(against)
    mine, other = median(rounds.rates(ours, at)), median(rounds.rates(theirs, at))
    p99 = median(rounds.milliseconds(ours, at, 99))
    return Finding(
        goal_id=goal_id,
        measure=f"{measure}, {at} connection{'s' if at > 1 else ''}",
        goal=f"≥ {goal:.2f}" if goal else "",
        result=f"{ratio:.2f}",
        met=ratio >= goal if goal else None,
        spread=spread(against),
        absolute=f"{magnitude(mine, '/s')} against {magnitude(other, '/s')}; p99 {magnitude(p99, ' ms')}",
        rounds=count,
    )


def _latency(rounds: Rounds, count: int, percent: int, *, goal: float) -> Finding:
    ours, theirs = (rounds.milliseconds(name, ALONE, percent) for name in ("line", "bare"))
    against = ratios(ours, theirs)
    ratio = median(against)
    return Finding(
        goal_id="P3",
        measure=f"Acknowledgement alone, p{percent} against the bare route's",
        goal=f"≤ {goal:.2f}",
        result=f"{ratio:.2f}",
        met=ratio <= goal,
        spread=spread(against),
        absolute=f"{magnitude(median(ours), ' ms')} against {magnitude(median(theirs), ' ms')}",
        rounds=count,
    )


def _latency_with_commit(rounds: Rounds, count: int, percent: int) -> Finding:
    """Compare with what nobody can do without: the bare route, and one commit that reaches the disk."""
    ours, bare = (rounds.milliseconds(name, ALONE, percent) for name in ("line", "bare"))
    commits = [percentile(commits, percent) for commits in rounds.commits]
    against = ratios(ours, [route + commit for route, commit in zip(bare, commits, strict=True)])
    return Finding(
        goal_id="P3",
        measure=f"Acknowledgement alone, p{percent} against the bare route's plus that of one commit",
        goal="",
        result=f"{median(against):.2f}",
        spread=spread(against),
        met=None,
        absolute=f"a commit takes {magnitude(median(commits), ' ms')}",
        rounds=count,
    )


def _processor_time(rounds: Rounds, count: int) -> Finding:
    ours, bare = (rounds.microseconds(name, MANY) for name in ("line", "bare"))
    against = ratios(ours, bare)
    return Finding(
        goal_id="P1",
        measure=f"Processor time of the door's process against the bare route's, {MANY} connections",
        goal="",
        result=f"{median(against):.2f}",
        spread=spread(against),
        met=None,
        absolute=f"{magnitude(median(ours), ' µs')} against {magnitude(median(bare), ' µs')}",
        rounds=count,
    )


def _processor_seconds(contestant: Contestant) -> float:
    spent = contestant.running.process.cpu_times()
    return spent.user + spent.system


def _time_commits(bench: Bench) -> list[float]:
    """Store bodies one by one in a table without indexes; return how many milliseconds each took."""
    with bench.stage.owner() as session:
        session.execute("CREATE TABLE IF NOT EXISTS bench_commit (body bytea)")
        found: list[float] = []
        for _ in range(_COMMITS):
            body, began = os.urandom(BODY_BYTES), time.perf_counter()
            session.execute("INSERT INTO bench_commit VALUES (%s)", (body,), prepare=True, binary=True)
            found.append((time.perf_counter() - began) * 1000)
        session.execute("DROP TABLE bench_commit")
    return found


def _flood(bench: Bench, contestant: Contestant, connections: int, *, count: int) -> Outcome:
    return bench.send(
        Order(
            port=contestant.running.port,
            accounts=contestant.accounts,
            count=count,
            connections=connections,
            seconds=_SECONDS,
        )
    )


def _count_rows(bench: Bench) -> int:
    with bench.stage.owner() as session:
        row = session.execute("SELECT count(*) FROM webhook_delivery").fetchone()
    assert row is not None, "a count is always one row"
    return int(row[0])
