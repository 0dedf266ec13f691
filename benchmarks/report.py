"""What was found, as a table for the terminal and as ``results.md``. Without effects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

HEAD = ("", "Measure", "Goal", "Result", "Met", "Order of magnitude")
_INTRO = """# Benchmarks: results

Written by `make bench`. What each measure is and how to read it: [the guide](../docs/guide/benchmarks.md).

Ratios come from rounds that alternate within one run, load generator and servers on the same machine; they are medians.
Absolute numbers say only what order of magnitude to expect.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the table."""

    goal_id: str
    """Which goal it is about: P1 to P11."""
    measure: str
    goal: str
    result: str
    met: bool | None
    """None: shown for comparison, no goal."""
    absolute: str = ""
    rounds: int = 0


def table(findings: Sequence[Finding]) -> str:
    """Return the findings in columns for a terminal."""
    rows = [HEAD, *(_cells(finding) for finding in findings)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def markdown(findings: Sequence[Finding], *, about: Mapping[str, str], failures: Mapping[str, str]) -> str:
    """Return ``results.md``.

    Args:
        findings: the lines of the table.
        about: what was measured with: versions, processors, rounds, date.
        failures: measure → why it could not be taken.
    """
    rows = [HEAD, ("---",) * len(HEAD), *(_cells(finding) for finding in findings)]
    parts = [_INTRO, "\n".join(f"| {' | '.join(_escape(cell) for cell in row)} |" for row in rows)]
    if failures:
        parts.append("## Not measured\n\n" + "\n".join(f"- {name}: {reason}" for name, reason in failures.items()))
    parts.append("## Measured with\n\n" + "\n".join(f"- {name}: {value}" for name, value in about.items()))
    return "\n\n".join(part.strip() for part in parts) + "\n"


def all_met(findings: Sequence[Finding]) -> bool:
    """Return whether no goal was missed."""
    return all(finding.met is not False for finding in findings)


def _cells(finding: Finding) -> tuple[str, ...]:
    met = {True: "yes", False: "no", None: ""}[finding.met]
    return (finding.goal_id, finding.measure, finding.goal, finding.result, met, finding.absolute)


def _escape(text: str) -> str:
    return text.replace("|", "\\|")
