"""What was found, as a table for the terminal and as ``results.md``. Without effects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

HEAD = ("", "Measure", "Goal", "Median", "Spread", "Rounds", "Met", "Order of magnitude")
GUIDE = "../docs/guide/benchmarks.md"
_INTRO = f"""# Benchmarks: results

Written by `make bench`. What each measure is and how to read it: [the guide]({GUIDE}).

Ratios come from rounds that alternate within one run, load generator and servers on the same machine; they are medians,
and the spread is the least and the most that a round came to.
Absolute numbers say only what order of magnitude to expect.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the table."""

    goal_id: str
    """Which goal it is about: P1 to P11, or FAIR."""
    measure: str
    goal: str
    result: str
    met: bool | None
    """None: shown for comparison, no goal."""
    spread: str = ""
    """The least and the most that a round came to."""
    absolute: str = ""
    rounds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is told about a run beside its findings."""

    about: Mapping[str, str]
    """What was measured with: processors, versions, date."""
    seconds: Mapping[str, float]
    """Measure → how long it took."""
    failures: Mapping[str, str]
    """Measure → why it could not be taken."""
    warning: str = ""
    """Why the figures are not to be relied on; empty if they are."""


def table(findings: Sequence[Finding]) -> str:
    """Return the findings in columns for a terminal."""
    rows = [HEAD, *(_cells(finding) for finding in findings)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def markdown(findings: Sequence[Finding], run: Run) -> str:
    """Return ``results.md``."""
    rows = [HEAD, ("---",) * len(HEAD), *(_linked(finding) for finding in findings)]
    parts = [_INTRO, f"**{run.warning}**" if run.warning else ""]
    parts.append("\n".join(f"| {' | '.join(row)} |" for row in rows))
    if run.failures:
        parts.append("## Not measured\n\n" + _items(run.failures))
    parts.append("## Measured with\n\n" + _items(run.about))
    parts.append("## How long it took\n\n" + _items(durations(run.seconds)))
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def durations(seconds: Mapping[str, float]) -> dict[str, str]:
    """Return how long each measure took and all of them together, as words."""
    each = {name: f"{taken:.0f} s" for name, taken in seconds.items()}
    return {**each, "Together": f"{sum(seconds.values()) / 60:.1f} min"}


def all_met(findings: Sequence[Finding]) -> bool:
    """Return whether no goal was missed."""
    return all(finding.met is not False for finding in findings)


def _cells(finding: Finding) -> tuple[str, ...]:
    met = {True: "yes", False: "no", None: ""}[finding.met]
    rounds = str(finding.rounds or "")
    return (
        *(finding.goal_id, finding.measure, finding.goal, finding.result, finding.spread),
        *(rounds, met, finding.absolute),
    )


def _linked(finding: Finding) -> tuple[str, ...]:
    """Return the cells for Markdown; a goal that was missed leads to what its limit is."""
    cells = [cell.replace("|", "\\|") for cell in _cells(finding)]
    if finding.met is False:
        cells[HEAD.index("Met")] = f"[no]({GUIDE}#{finding.goal_id.lower()})"
    return tuple(cells)


def _items(lines: Mapping[str, str]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in lines.items())
