"""Receipts in any order: a message ends as if they had come in theirs."""

import random
from collections.abc import Sequence

import pytest

from models import MessageState
from services.sending.receipts import LATE, outcome_of

PERMUTATIONS = 10_000
RUNS = (
    ("sent", "delivered"),
    ("sent", "failed"),
    ("sent", "bounced"),
    ("sent", "delivered", "bounced"),
    ("sent", "delivered", "complained"),
    ("sent", "delivered", "bounced", "complained"),
)


def after(statuses: Sequence[str], *, state: MessageState) -> tuple[MessageState, str]:
    """Return how a message stands after receipts."""
    code = ""
    for status in statuses:
        outcome = outcome_of(status, state=state, code=code)
        if outcome is not None:
            state, code = outcome.state, status if status in LATE else ""
    return state, code


@pytest.mark.parametrize("state", [MessageState.SENDING, MessageState.SENT, MessageState.UNKNOWN])
@pytest.mark.parametrize("run", RUNS, ids=" ".join)
def test_receipts_in_any_order_end_as_the_ordered_ones(run: Sequence[str], state: MessageState) -> None:
    rng, expected = random.Random(" ".join(run)), after(run, state=state)
    for _ in range(PERMUTATIONS // len(RUNS)):
        shuffled = [*run, *rng.choices(run, k=rng.randrange(4))]  # some come more than once
        rng.shuffle(shuffled)
        assert after(shuffled, state=state) == expected, shuffled
