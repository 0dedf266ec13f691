"""The table and ``results.md``."""

from pathlib import Path

from benchmarks.__main__ import MEASURES
from benchmarks.report import Finding, Run, all_met, markdown, table

GUIDE = Path(__file__).parents[3] / "docs/guide/benchmarks.md"
MET = Finding(
    goal_id="P1",
    measure="Ratio | of rates",
    goal="≥ 0.60",
    result="0.74",
    met=True,
    spread="0.70 to 0.75",
    absolute="about 8,700/s",
    rounds=5,
)
MISSED = Finding(goal_id="P10", measure="Worker", goal="≤ 110 MB", result="130 MB", met=False)
COMPARED = Finding(goal_id="P4", measure="In front of the pages", goal="", result="80 ms", met=None)
RUN = Run(
    about={"Processors": "2", "Rounds": "5"},
    seconds={"P1, P2, P3": 131.6, "P10": 48.4},
    failures={"P7": "NotDone: the disk is full"},
)


def test_columns_stand_under_their_heads() -> None:
    head, _, first, second = table([MET, MISSED]).splitlines()
    assert first.index("≥ 0.60") == head.index("Goal") == second.index("≤ 110 MB")


def test_results_say_what_was_measured_with_and_what_was_not() -> None:
    text = markdown([MET], RUN)
    assert "| P1 | Ratio \\| of rates | ≥ 0.60 | 0.74 | 0.70 to 0.75 | 5 | yes | about 8,700/s |" in text
    assert "- Processors: 2" in text
    assert "- P7: NotDone: the disk is full" in text


def test_results_say_how_long_each_measure_took_and_all_of_them() -> None:
    text = markdown([MET], RUN)
    assert "- P1, P2, P3: 132 s" in text
    assert "- Together: 3.0 min" in text


def test_a_missed_goal_leads_to_its_explanation() -> None:
    assert "| 130 MB |  |  | [no](../docs/guide/benchmarks.md#p10) |" in markdown([MISSED], RUN)


def test_the_guide_explains_every_goal() -> None:
    headings = {line for line in GUIDE.read_text("utf-8").splitlines() if line.startswith("### ")}
    assert {f"### {goal}" for goals in MEASURES for goal in goals} <= headings


def test_a_busy_machine_is_told_before_any_figure() -> None:
    run = Run(about={}, seconds={}, failures={}, warning="Taken on a busy machine")
    text = markdown([MET], run)
    assert text.index("**Taken on a busy machine**") < text.index("| P1 |")
    assert "**" not in markdown([MET], RUN)


def test_only_a_missed_goal_counts_against_the_run() -> None:
    assert all_met([MET, COMPARED])
    assert not all_met([MET, COMPARED, MISSED])
