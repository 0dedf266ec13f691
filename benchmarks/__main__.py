"""``python -m benchmarks``: measure, print the table, and write ``results.md`` if everything was measured.

Ends with exit code 1 if a goal was missed or a measure could not be taken.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from benchmarks import machine
from benchmarks.bench import Bench, Measure, Plan
from benchmarks.measures import ack, burst, crowd, fairness, history, limits, processing, rotation, whole_way
from benchmarks.report import Finding, Run, all_met, durations, markdown, table
from benchmarks.stage import set_up

RESULTS = Path(__file__).with_name("results.md")
MEASURES: Mapping[tuple[str, ...], Measure] = {
    ("P1", "P2", "P3"): ack.measure,
    ("P4", "P10"): crowd.measure,
    ("P5",): processing.measure,
    ("P6",): whole_way.measure,
    ("P8",): limits.measure,
    ("P9",): rotation.measure,
    ("P11",): burst.measure,
    ("FAIR",): fairness.measure,
    ("P7",): history.measure,
}
"""Goals → what measures them, in the order in which they are taken; what leaves much on the disk comes last."""
_EVERYTHING = frozenset(goal for goals in MEASURES for goal in goals)


@dataclass(slots=True)
class Taken:
    """What came of the measures."""

    findings: list[Finding] = field(default_factory=list[Finding])
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    failures: dict[str, str] = field(default_factory=dict[str, str])


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what was asked for and return the exit code."""
    only, plan = read_arguments(argv)
    signal.signal(signal.SIGTERM, _end)
    load = machine.load_average()
    warning = machine.busy_warning(load, processors=os.cpu_count() or 1)
    if warning:
        _say(warning)
    with set_up() as stage:
        taken = take(Bench(plan, stage, say=_say), only)
        facts = machine.facts(postgres=stage.postgres_version(), load_before=load)
    run = Run(about=_about(plan, facts), seconds=taken.seconds, failures=taken.failures, warning=warning)
    print(table(taken.findings))
    for lines in (durations(run.seconds), run.about):
        print("\n" + ", ".join(f"{name}: {value}" for name, value in lines.items()))
    if warning:
        print(f"\n{warning}")
    if only == _EVERYTHING and plan.share == 1:
        RESULTS.write_text(markdown(taken.findings, run), encoding="utf-8")
        print(f"Written to benchmarks/{RESULTS.name}")
    return 0 if all_met(taken.findings) and not taken.failures else 1


def take(bench: Bench, only: Collection[str], *, measures: Mapping[tuple[str, ...], Measure] = MEASURES) -> Taken:
    """Take the measures that tell something about these goals; one that fails does not keep the others back."""
    taken = Taken()
    for goals, measure in measures.items():
        if set(goals).isdisjoint(only):
            continue
        name, began = ", ".join(goals), time.monotonic()
        bench.say(f"measuring {name}")
        try:
            taken.findings += [item for item in measure(bench) if item.goal_id in only]
        except Exception as error:
            taken.failures[name] = f"{type(error).__name__}: {error}"
            bench.say(f"not measured: {taken.failures[name]}")
        taken.seconds[name] = time.monotonic() - began
        bench.say(f"{name} took {taken.seconds[name]:.0f} s")
    return taken


def _end(number: int, _frame: FrameType | None) -> None:
    """Leave by the way on which everything that was started is ended."""
    sys.exit(128 + number)


def read_arguments(argv: Sequence[str] | None) -> tuple[frozenset[str], Plan]:
    """Return which goals are asked for, and how much is measured."""
    arguments = _parser().parse_args(argv)
    plan = Plan(rounds=arguments.rounds, messages=arguments.messages, rows=arguments.rows, share=arguments.share)
    return arguments.only, plan


def _parser() -> argparse.ArgumentParser:
    usual = Plan()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Patchbay against its goals.")
    parser.add_argument(
        "--only",
        type=_chosen(_EVERYTHING),
        default=_EVERYTHING,
        metavar="P1,P2",
        help="only these; all if not set",
    )
    parser.add_argument("--rounds", type=int, default=usual.rounds, help="how often each comparison is repeated")
    parser.add_argument(
        "--messages", type=int, default=usual.messages, help="up to how many messages the history grows"
    )
    parser.add_argument("--rows", type=int, default=usual.rows, help="how many secrets are re-encrypted")
    parser.add_argument("--share", type=float, default=usual.share, help="of the usual requests, to try this out: 0.1")
    return parser


class _chosen:  # noqa: N801 - argparse names it in its message
    def __init__(self, everything: frozenset[str]) -> None:
        self._everything = everything

    def __call__(self, text: str) -> frozenset[str]:
        asked = frozenset(part.strip().upper() for part in text.split(","))
        if not asked <= self._everything:
            raise argparse.ArgumentTypeError(f"choose from {', '.join(sorted(self._everything))}")
        return asked


def _about(plan: Plan, facts: Mapping[str, str]) -> dict[str, str]:
    return {
        "Date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "Rounds": str(plan.rounds),
        **({} if plan.share == 1 else {"Share of the usual requests": f"{plan.share:g}"}),
        **facts,
    }


def _say(text: str) -> None:
    print(f"· {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
