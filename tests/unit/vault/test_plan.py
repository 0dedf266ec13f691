"""The table of a rotation's steps."""

import itertools

import pytest

from models import RotationState
from services.vault.plan import UNDER_WAY, Act, Facts, Step, next_step

S = RotationState


def facts(
    state: RotationState, *, waiting: int = 0, left: bool = False, kept: bool = False, finished: bool = False
) -> Facts:
    return Facts(state=state, waiting_for=waiting, has_rows_left=left, is_kept_long_enough=kept, is_finished=finished)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (facts(S.ADDED, waiting=2), Step(Act.WAIT, S.ADDED)),
        (facts(S.ADDED), Step(Act.PROMOTE, S.PROMOTED)),
        (facts(S.PROMOTED, left=True), Step(Act.REENCRYPT, S.PROMOTED)),
        (facts(S.PROMOTED), Step(Act.CONFIRM, S.REENCRYPTED)),
        (facts(S.REENCRYPTED), Step(Act.RETIRE, S.RETIRED)),
        (facts(S.REENCRYPTED, left=True), Step(Act.REENCRYPT, S.PROMOTED)),
        (facts(S.RETIRED), Step(Act.WAIT, S.RETIRED)),
        (facts(S.RETIRED, kept=True), Step(Act.DESTROY, S.DONE)),
        (facts(S.RETIRED, kept=True, left=True), Step(Act.WAIT, S.RETIRED)),
        (facts(S.DONE, kept=True, finished=True), Step(Act.NOTHING, S.DONE)),
        (facts(S.REVERTING, left=True), Step(Act.REENCRYPT, S.REVERTING)),
        (facts(S.REVERTING), Step(Act.RETIRE, S.REVERTED)),
        (facts(S.REVERTED), Step(Act.WAIT, S.REVERTED)),
        (facts(S.REVERTED, kept=True), Step(Act.DESTROY, S.REVERTED)),
        (facts(S.REVERTED, kept=True, finished=True), Step(Act.NOTHING, S.REVERTED)),
    ],
    ids=str,
)
def test_the_next_step(known: Facts, expected: Step) -> None:
    assert next_step(known) == expected


ALL = [
    facts(state, waiting=waiting, left=left, kept=kept, finished=finished)
    for state, waiting, left, kept, finished in itertools.product(
        S, (0, 1), (False, True), (False, True), (False, True)
    )
]


@pytest.mark.parametrize("known", ALL, ids=str)
def test_no_key_is_switched_off_or_destroyed_while_a_secret_is_under_it(known: Facts) -> None:
    step = next_step(known)
    if known.has_rows_left:
        assert step.act not in (Act.RETIRE, Act.DESTROY)
    if step.act is Act.DESTROY:
        assert known.is_kept_long_enough and known.state in (S.RETIRED, S.REVERTED)
    if known.waiting_for and known.state is S.ADDED:
        assert step.state is S.ADDED


def test_a_rotation_comes_to_rest_from_every_state() -> None:
    for state in UNDER_WAY:
        for _ in range(len(S)):
            state = next_step(facts(state)).state
        assert state in (S.RETIRED, S.REVERTED)
