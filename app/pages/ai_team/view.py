"""What the list of agents shows, computed from the services' views."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.components.words import counted
from services.agents import AgentView


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRow:
    """One agent in the list."""

    id: str
    name: str
    initial: str
    purpose: str
    chip: str
    chip_kind: str
    connections: str
    knowledge: str
    last_answer_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstStep:
    """One step of a tenant's beginning; true state decides what is done, never clicks."""

    number: str
    title: str
    detail: str
    look: str
    """``done``, ``now`` or ``later``."""
    agent_id: str
    """The agent the step is about; empty for the first step."""


def agent_row(agent: AgentView) -> AgentRow:
    """Return how an agent is listed."""
    chip, kind = _chip(agent)
    return AgentRow(
        id=str(agent.id),
        name=agent.name,
        initial=agent.name[:1].upper(),
        purpose=agent.purpose,
        chip=chip,
        chip_kind=kind,
        connections=counted(agent.connection_count, "connection"),
        knowledge=counted(agent.playbook_count, "playbook entry", "playbook entries"),
        last_answer_at=agent.last_answer_at.isoformat() if agent.last_answer_at else "",
    )


def first_steps(agents: Sequence[AgentView]) -> tuple[FirstStep, ...]:
    """Return the way to the first answered message; nothing once it has been walked."""
    connected = next((agent for agent in agents if agent.connection_count), None)
    answered = any(agent.last_answer_at for agent in agents)
    if answered:
        return ()
    subject = connected or (agents[0] if agents else None)
    done = (bool(agents), connected is not None, answered)
    current = done.index(False)
    texts = (
        ("Create an agent", "A name, what it is for, and a few questions with their answers. About 2 min."),
        ("Connect a channel", "Slack or a phone number. About 2 min."),
        ("See the first answer", "Write to the agent as a contact would; the answer appears under Conversations."),
    )
    return tuple(
        FirstStep(
            number="✓" if done[index] else str(index + 1),
            title=title,
            detail=detail,
            look="done" if done[index] else "now" if index == current else "later",
            agent_id=str(subject.id) if subject and index else "",
        )
        for index, (title, detail) in enumerate(texts)
    )


def _chip(agent: AgentView) -> tuple[str, str]:
    if agent.status == "paused":
        return "Paused", "off"
    if agent.connection_count == 0:
        return "Not connected", "off"
    return "Answering", "ok"
