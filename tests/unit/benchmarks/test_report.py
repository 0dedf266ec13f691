"""The table and ``results.md``."""

from benchmarks.report import Finding, all_met, markdown, table

MET = Finding(
    goal_id="P1", measure="Ratio | of rates", goal="≥ 0.60", result="0.74", met=True, absolute="about 8,700/s"
)
MISSED = Finding(goal_id="P10", measure="Worker", goal="≤ 110 MB", result="130 MB", met=False)
COMPARED = Finding(goal_id="P4", measure="In front of the pages", goal="", result="80 ms", met=None)


def test_columns_stand_under_their_heads() -> None:
    head, _, first, second = table([MET, MISSED]).splitlines()
    assert first.index("≥ 0.60") == head.index("Goal") == second.index("≤ 110 MB")


def test_results_say_what_was_measured_with_and_what_was_not() -> None:
    text = markdown([MET], about={"Processors": "2", "Rounds": "5"}, failures={"P7": "NotDone: the disk is full"})
    assert "| P1 | Ratio \\| of rates | ≥ 0.60 | 0.74 | yes | about 8,700/s |" in text
    assert "- Processors: 2" in text
    assert "- P7: NotDone: the disk is full" in text


def test_only_a_missed_goal_counts_against_the_run() -> None:
    assert all_met([MET, COMPARED])
    assert not all_met([MET, COMPARED, MISSED])
