"""What becomes of a turn, by who is in charge and what came of an attempt."""

from datetime import UTC, datetime, timedelta

import pytest

from models import AgentStatus, ConversationState, TurnState
from services.attempts import MOST_CUT_OFF
from services.kernel.errors import Refused, RetryLater
from services.sending.machine import Policy
from services.turns.machine import Turning, begin, failed

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
POLICY = Policy(max_attempts=5, retry_base_seconds=5)


def turning(
    conversation: ConversationState = ConversationState.AGENT,
    agent: AgentStatus = AgentStatus.ACTIVE,
    *,
    attempt: int = 0,
    cut_offs: int = 0,
) -> Turning:
    return Turning(attempt=attempt, cut_offs=cut_offs, conversation=conversation, agent=agent, agent_name="Bri")


def test_what_nobody_else_answers_is_answered() -> None:
    assert begin(turning(), POLICY).state is TurnState.RUNNING


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        (turning(ConversationState.HUMAN), "A person is in charge of this conversation"),
        (turning(ConversationState.WAITING), "The conversation was handed over and waits for a person"),
        (turning(agent=AgentStatus.PAUSED), "Bri is paused"),
    ],
)
def test_an_agent_is_silent_where_it_is_not_in_charge(turn: Turning, words: str) -> None:
    step = begin(turn, POLICY)

    assert (step.state, step.reason, step.needs_person) == (TurnState.SKIPPED, words, False)


@pytest.mark.parametrize(
    "turn", [turning(attempt=5), turning(attempt=3, cut_offs=MOST_CUT_OFF)], ids=["tried", "kills"]
)
def test_what_was_tried_too_often_goes_to_a_person(turn: Turning) -> None:
    step = begin(turn, POLICY)

    assert step.state is TurnState.DEAD and step.needs_person


def test_a_failure_that_time_heals_is_tried_again() -> None:
    step = failed(RetryLater("Busy.", after=timedelta(seconds=7)), POLICY, attempt=1, now=NOW, jitter=0)

    assert (step.state, step.due_at) == (TurnState.DUE, NOW + timedelta(seconds=7))


@pytest.mark.parametrize(("error", "attempt"), [(Refused("No."), 1), (RetryLater("Busy."), 5), (ValueError(), 5)])
def test_others_go_to_a_person(error: Exception, attempt: int) -> None:
    assert failed(error, POLICY, attempt=attempt, now=NOW, jitter=0).needs_person
