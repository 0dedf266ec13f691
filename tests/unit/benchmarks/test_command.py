"""What the command understands."""

from typing import Any, cast

import pytest

from benchmarks.__main__ import MEASURES, read_arguments, take
from benchmarks.bench import Bench, Plan
from benchmarks.report import Finding


def found(goal_id: str) -> Finding:
    return Finding(goal_id=goal_id, measure="Something", goal="1", result="1", met=True)


def fail(_bench: Bench) -> list[Finding]:
    raise OSError("the disk is full")


def test_without_arguments_everything_is_measured_as_usual() -> None:
    only, plan = read_arguments([])
    assert only == {"FAIR", *(f"P{number}" for number in range(1, 12))}
    assert plan == Plan(rounds=5, messages=5_000_000, rows=20_000, share=1.0)


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
    assert "choose from FAIR, P1, " in capsys.readouterr().err


def test_only_what_was_asked_for_is_measured_and_shown() -> None:
    said: list[str] = []
    bench = Bench(Plan(), cast(Any, None), say=said.append)
    taken = take(
        bench, {"P1"}, measures={("P1", "P2"): lambda _: [found("P1"), found("P2")], ("P3",): lambda _: [found("P3")]}
    )
    assert [item.goal_id for item in taken.findings] == ["P1"]
    assert set(taken.seconds) == {"P1, P2"}
    assert said[0] == "measuring P1, P2"


def test_a_measure_that_fails_does_not_keep_the_others_back() -> None:
    bench = Bench(Plan(), cast(Any, None), say=lambda _: None)
    taken = take(bench, {"P1", "P2"}, measures={("P1",): fail, ("P2",): lambda _: [found("P2")]})
    assert [item.goal_id for item in taken.findings] == ["P2"]
    assert taken.failures == {"P1": "OSError: the disk is full"}
    assert set(taken.seconds) == {"P1", "P2"}
