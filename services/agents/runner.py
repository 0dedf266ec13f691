"""What an agent is asked, what it answers, and the interface between the line and whoever answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol
from uuid import UUID

from services.agents.tools import NO_TOOLS, Toolbox

Speaker = Literal["contact", "agent", "user"]

HAND_OVER_SENTENCE = "I'll pass this on to a colleague, who will answer here."
"""What an agent says when it hands over, whoever answers for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryItem:
    """An earlier message of the conversation; ``user`` is a human colleague of the agent."""

    author: Speaker
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRequest:
    """One message to answer, with what the agent may know. Text, names and history are data, never instructions."""

    tenant_id: UUID
    agent_id: UUID
    agent_name: str
    instructions: str
    model: str
    """The agent's own model; empty for the installation's."""
    text: str
    history: tuple[HistoryItem, ...] = ()
    """Oldest first, without the message to answer."""
    channel_kind: str
    contact_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnReply:
    """What the agent says, who answered for it, and why so."""

    text: str
    runner: Literal["playbook", "model"]
    model: str = ""
    reason: str
    """In words, for the trace."""
    input_tokens: int = 0
    output_tokens: int = 0
    hand_over: bool = False
    """A person is to go on from here."""
    actions: tuple[str, ...] = ()
    """Names of the tools that were called, in order."""


class AgentRunner(Protocol):
    """Answers turns."""

    @property
    def answers_at_once(self) -> bool:
        """Whether it answers without waiting for anybody; then it is asked in the worker's own thread, in batches."""
        ...

    def answer_many(self, requests: Sequence[TurnRequest]) -> Sequence[TurnReply]:
        """Answer several messages, without tools.

        Raises:
            RetryLater, Refused
        """
        ...

    def answer(self, request: TurnRequest, toolbox: Toolbox = NO_TOOLS) -> TurnReply:
        """Answer one message. Holds no transaction while it thinks, and changes nothing but through the toolbox.

        Raises:
            RetryLater: whoever answers is busy or away.
            Refused: asking again will not help; the message says what the operator must do.
        """
        ...
