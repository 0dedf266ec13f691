"""What the command understands."""

import pytest

from benchmarks.__main__ import MEASURES, read_arguments
from benchmarks.bench import Plan


def test_without_arguments_everything_is_measured_as_usual() -> None:
    only, plan = read_arguments([])
    assert only == {f"P{number}" for number in range(1, 12)}
    assert plan == Plan(rounds=5, messages=1_000_000, rows=20_000, share=1.0)


def test_no_goal_is_measured_twice() -> None:
    goals = [goal for group in MEASURES for goal in group]
    assert len(goals) == len(set(goals))


def test_some_are_chosen_by_name() -> None:
    only, plan = read_arguments(["--only", "p1, P11", "--rounds", "9", "--share", "0.1"])
    assert only == {"P1", "P11"}
    assert (plan.rounds, plan.amount(1_000), plan.amount(10)) == (9, 100, 50)


def test_an_unknown_goal_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_arguments(["--only", "P12"])
    assert "choose from P1, " in capsys.readouterr().err
