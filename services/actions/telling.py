"""Tells the contact what became of an action after the agent's answer: one short message by the agent, once."""

from collections.abc import Mapping
from datetime import datetime

from models import ActionRun, ActionRunState, AgentStatus, Author, Conversation, ConversationState
from services.actions import repository
from services.actions.catalogue import find_action
from services.conversations import add_reply, hand_over
from services.kernel.db import UnitOfWork

MAX_CHARACTERS = 1_000
_SPEAKS = (ConversationState.AGENT, ConversationState.WAITING)
_SENTENCES: Mapping[ActionRunState, str] = {
    ActionRunState.SUCCEEDED: "This is done now: {label}.",
    ActionRunState.REJECTED: "I asked a colleague, who decided against it: {label}.",
    ActionRunState.CANCELLED: "I'm sorry, this could not be done after all: {label}. A colleague will answer here.",
    ActionRunState.FAILED: "I'm sorry, this did not work: {label}. A colleague will look into it and answer here.",
    ActionRunState.UNKNOWN: "I could not find out whether this worked: {label}. A colleague will look into it.",
}
"""The action's own name is all that is told: its description may hold what is not for the contact."""
_NEEDS_PERSON: Mapping[ActionRunState, str] = {
    ActionRunState.CANCELLED: "An action could not be carried out any more",
    ActionRunState.FAILED: "An action failed",
    ActionRunState.UNKNOWN: "Nobody knows whether an action was carried out",
}


def tell(work: UnitOfWork, run: ActionRun, conversation: Conversation | None, *, provider: str, now: datetime) -> None:
    """Let the agent say how a run ended, unless somebody else is in charge; hand over if it did not end well.

    In the transaction that ends the run, so that it is said once.
    """
    agent = repository.find_agent(work, run.agent_id)
    if conversation is None or agent is None or conversation.state not in _SPEAKS:
        return
    if agent.status is AgentStatus.PAUSED:
        return
    asked = repository.find_asked(work, run.turn_id) if run.turn_id else None
    add_reply(
        work,
        conversation=conversation,
        text=_sentence(run, provider),
        author=Author.AGENT,
        author_label=agent.name,
        reply_to=asked.reply_to if asked else "",
        trace_id=run.trace_id,
        now=now,
        answers=asked.id if asked else None,
        idempotency_key=f"action_run:{run.id}",
    )
    reason = _NEEDS_PERSON.get(run.state)
    if reason and conversation.state is ConversationState.AGENT:
        hand_over(work, conversation, reason, now, trace_id=run.trace_id)


def _sentence(run: ActionRun, provider: str) -> str:
    action = find_action(provider, run.action)
    if run.state is ActionRunState.SUCCEEDED and action and action.tell:
        return action.tell(run.output)[:MAX_CHARACTERS]
    label = action.label if action else run.action.replace("_", " ")
    return _SENTENCES[run.state].format(label=label.rstrip("."))
