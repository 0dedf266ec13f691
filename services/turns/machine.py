"""What becomes of a turn: pure functions.

::

    due ──begin──▶ running ──answered──▶ done
     ▲  │             │
     │  └─ skipped    ├── failed, may be tried again ──▶ due
     │     (a person  ├── failed for good ──▶ dead, and a person is asked for
     │     is in      └── cut off: its leases run out ──▶ running again, at most three times
     │     charge)
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from models import AgentStatus, ConversationState, TurnState
from services.attempts import MOST_CUT_OFF, RetryPolicy, seconds_until_retry

CUT_OFF_WORDS = "Each attempt to answer was cut off before it ended"
FAILED_WORDS = "The agent could not answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turning:
    """A turn that is due, with what decides about it."""

    attempt: int
    """Attempts begun so far."""
    cut_offs: int = 0
    """Attempts that ended with their worker, the last one included."""
    conversation: ConversationState
    agent: AgentStatus
    agent_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How a turn stands from now on."""

    state: TurnState
    reason: str = ""
    due_at: datetime | None = None

    @property
    def needs_person(self) -> bool:
        """Whether the conversation is handed over."""
        return self.state is TurnState.DEAD


def why_silent(conversation: ConversationState, agent: AgentStatus, agent_name: str) -> str:
    """Return why an agent does not answer, in words; empty if it does."""
    if conversation is ConversationState.HUMAN:
        return "A person is in charge of this conversation"
    if conversation is ConversationState.WAITING:
        return "The conversation was handed over and waits for a person"
    if agent is AgentStatus.PAUSED:
        return f"{agent_name} is paused"
    return ""


def begin(turn: Turning, policy: RetryPolicy) -> Step:
    """Return ``running`` if a turn is answered now, or how it ends instead."""
    silent = why_silent(turn.conversation, turn.agent, turn.agent_name)
    if silent:
        return Step(state=TurnState.SKIPPED, reason=silent)
    if turn.attempt >= policy.max_attempts or turn.cut_offs >= MOST_CUT_OFF:
        return Step(state=TurnState.DEAD, reason=CUT_OFF_WORDS)
    return Step(state=TurnState.RUNNING)


def failed(error: Exception, policy: RetryPolicy, *, attempt: int, now: datetime, jitter: float) -> Step:
    """Return how a turn stands whose attempt raised.

    Args:
        error: what was raised.
        policy: how often and how soon.
        attempt: the attempt's number, from 1.
        now: the database's time.
        jitter: between 0 and 1.
    """
    seconds = seconds_until_retry(policy, error, attempt=attempt, jitter=jitter)
    if seconds is None:
        return Step(state=TurnState.DEAD, reason=FAILED_WORDS)
    return Step(state=TurnState.DUE, due_at=now + timedelta(seconds=seconds))
