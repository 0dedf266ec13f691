"""``python -m benchmarks``: measure, print the table, and write ``results.md`` if everything was measured.

Ends with exit code 1 if a goal was missed or a measure could not be taken.
"""

import argparse
import os
import platform
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FrameType

from benchmarks.bench import Bench, Measure, Plan
from benchmarks.measures import ack, burst, crowd, history, limits, processing, rotation, whole_way
from benchmarks.report import Finding, all_met, markdown, table
from benchmarks.stage import set_up

RESULTS = Path(__file__).with_name("results.md")
MEASURES: Mapping[tuple[str, ...], Measure] = {
    ("P1", "P2", "P3"): ack.measure,
    ("P4", "P10"): crowd.measure,
    ("P5",): processing.measure,
    ("P6",): whole_way.measure,
    ("P7",): history.measure,
    ("P8",): limits.measure,
    ("P9",): rotation.measure,
    ("P11",): burst.measure,
}
"""Goals → what measures them, in the order in which they are taken."""
_EVERYTHING = frozenset(goal for goals in MEASURES for goal in goals)
_PACKAGES = ("uvicorn", "uvloop", "httptools", "starlette", "slack-bolt", "reflex", "rq", "redis", "psycopg")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what was asked for and return the exit code."""
    only, plan = read_arguments(argv)
    signal.signal(signal.SIGTERM, _end)
    began = time.monotonic()
    found: list[Finding] = []
    failures: dict[str, str] = {}
    with set_up() as stage:
        bench = Bench(plan, stage, say=_say)
        for goals, measure in MEASURES.items():
            if not set(goals) & only:
                continue
            _say(f"measuring {', '.join(goals)}")
            try:
                found += [item for item in measure(bench) if item.goal_id in only]
            except Exception as error:
                failures[", ".join(goals)] = f"{type(error).__name__}: {error}"
                _say(f"not measured: {failures[', '.join(goals)]}")
    print(table(found))
    about = _about(plan, seconds=time.monotonic() - began)
    print("\n" + ", ".join(f"{name}: {value}" for name, value in about.items()))
    if only == _EVERYTHING and plan.share == 1:
        RESULTS.write_text(markdown(found, about=about, failures=failures), encoding="utf-8")
        print(f"Written to benchmarks/{RESULTS.name}")
    return 0 if all_met(found) and not failures else 1


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


def _about(plan: Plan, *, seconds: float) -> dict[str, str]:
    return {
        "Date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "Processors": str(os.cpu_count()),
        "Rounds": str(plan.rounds),
        **({} if plan.share == 1 else {"Share of the usual requests": f"{plan.share:g}"}),
        "Took": f"{seconds / 60:.0f} min",
        "Python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _say(text: str) -> None:
    print(f"· {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
