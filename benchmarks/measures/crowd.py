"""P4: acknowledgement while two hundred tabs are live and the workers are busy. P10: the memory all that takes."""

import math
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.connection import Connection

from benchmarks import ledger, tabs
from benchmarks.bench import Bench
from benchmarks.figures import magnitude, median, percentile
from benchmarks.line import Line, open_line
from benchmarks.load import NO_ANSWER, Order, Outcome
from benchmarks.report import Finding
from benchmarks.stage import Running
from services.tenants import session_cookie_name, sign_in_with_link

_TABS = 200
_RATE, _SECONDS = 50, 12
_CHANNELS = 50
_GOAL_MS = 50.0
_WEB_MB, _WORKER_MB, _TAB_KB = 140, 110, 250
_CATCH_UP_SECONDS = 60.0


def measure(bench: Bench) -> list[Finding]:
    """Measure the memory at rest, with tabs open, and the acknowledgement with all of it at work."""
    with open_line(bench) as line:
        web = bench.stage.web(only_webhooks=False)
        try:
            return _measure(bench, line, web)
        finally:
            bench.stage.stop(web)


def _measure(bench: Bench, line: Line, web: Running) -> list[Finding]:
    say, visitors = bench.say, _visitors(bench)
    with _open_tabs(web.port, [_one_tab(visitor) for visitor in visitors]):
        """The first page that is opened loads what all of them share."""
    say("tabs: one of each company was opened")
    _stream(bench, line.port)
    line.wait(lambda: ledger.backlog(line.session).is_gone, seconds=_CATCH_UP_SECONDS)
    empty = _memory(web)
    with _open_tabs(web.port, visitors) as control:
        say(f"tabs: {_TABS} are open")
        full = _memory(web)
        apart, together = _stream(bench, line.port), _stream(bench, web.port)
        control.send("stop")
        seen: tabs.Seen = control.recv()
    workers = [_memory(worker) for worker in line.workers]
    say(f"tabs: {_TABS} tabs were told {seen.messages} times; {seen.closed} were closed")
    return [
        _latency(apart, "the door in a process of its own", goal=_GOAL_MS),
        _latency(together, "the door in front of the pages", goal=None),
        _size("Web process, a page opened and webhooks served", empty, goal=_WEB_MB),
        _size("Worker, after work", median(workers), goal=_WORKER_MB),
        _tab_size((full - empty) / _TABS),
    ]


def _visitors(bench: Bench) -> list[tabs.Visitor]:
    """Let each owner sign in and look at the agent's conversations, where most changes show."""
    kernel, companies = bench.stage.kernel, bench.companies
    name = session_cookie_name(kernel.settings)
    found: list[tabs.Visitor] = []
    for company in companies:
        signed_in = sign_in_with_link(kernel, company.sign_in_link.rpartition("/")[2])
        found.append(
            tabs.Visitor(
                cookie=f"{name}={signed_in.session_token.reveal()}",
                path=f"/admin/ai-team/{company.agent_id}/conversations",
                parameters={"agent_id": str(company.agent_id)},
                tabs=_TABS // len(companies),
            )
        )
    return found


def _one_tab(visitor: tabs.Visitor) -> tabs.Visitor:
    return replace(visitor, tabs=1)


@contextmanager
def _open_tabs(port: int, visitors: Sequence[tabs.Visitor]) -> Generator[Connection]:
    """Keep tabs open for the length of the block, in a process of its own."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=tabs.run, args=(port, visitors, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        ours.recv()
        yield ours
    finally:
        ours.close()
        process.terminate()
        process.join()


def _stream(bench: Bench, port: int) -> Outcome:
    count = bench.plan.amount(_RATE * _SECONDS)
    order = Order(port=port, accounts=bench.accounts, count=count, connections=16, rate=_RATE, channels=_CHANNELS)
    return bench.send(order)


def _latency(outcome: Outcome, where: str, *, goal: float | None) -> Finding:
    p99 = percentile([*outcome.milliseconds, *[math.inf] * outcome.statuses[NO_ANSWER]], 99)
    return Finding(
        goal_id="P4",
        measure=f"Acknowledgement at {_RATE}/s, p99, {_TABS} live tabs, workers busy; {where}",
        goal=f"≤ {goal:.0f} ms" if goal else "",
        result=f"{p99:.1f} ms",
        met=(p99 <= goal and not outcome.refused) if goal else None,
        absolute=f"p50 {magnitude(median(outcome.milliseconds), ' ms')}; {outcome.refused} refused",
    )


def _memory(running: Running) -> float:
    """Return a process's resident memory in bytes; of what it shares with others, its part (PSS)."""
    return float(running.process.memory_full_info().pss)


def _size(what: str, size: float, *, goal: int) -> Finding:
    megabytes = size / 1e6
    return Finding(
        goal_id="P10", measure=what, goal=f"≤ {goal} MB", result=f"{megabytes:.0f} MB", met=megabytes <= goal
    )


def _tab_size(size: float) -> Finding:
    kilobytes = size / 1e3
    return Finding(
        goal_id="P10",
        measure=f"Each open tab in the web process, of {_TABS}",
        goal=f"≤ {_TAB_KB} kB",
        result=f"{kilobytes:.0f} kB",
        met=kilobytes <= _TAB_KB,
    )
