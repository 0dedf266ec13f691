"""The list of agents and a tenant's first steps."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.pages.ai_team.view import agent_row, first_steps
from models import AgentStatus
from services.agents import AgentView

ANSWERED = datetime(2026, 11, 20, 12, tzinfo=UTC)


def agent(
    *, connections: int = 0, answered: datetime | None = None, status: AgentStatus = AgentStatus.ACTIVE
) -> AgentView:
    """An agent with what the list depends on."""
    return AgentView(
        id=UUID(int=1),
        name="Bri",
        purpose="Creator operations",
        instructions="",
        model="",
        status=status,
        connection_count=connections,
        conversation_count=0,
        playbook_count=2,
        last_answer_at=answered,
        created_at=ANSWERED,
    )


@pytest.mark.parametrize(
    ("given", "chip", "kind"),
    [
        (agent(), "Not connected", "off"),
        (agent(connections=1), "Answering", "ok"),
        (agent(connections=1, status=AgentStatus.PAUSED), "Paused", "off"),
    ],
)
def test_state_is_a_word_and_a_kind(given: AgentView, chip: str, kind: str) -> None:
    row = agent_row(given)
    assert (row.chip, row.chip_kind) == (chip, kind)


def test_row_counts_in_words() -> None:
    row = agent_row(agent(connections=1))
    assert (row.connections, row.knowledge) == ("1 connection", "2 playbook entries")


@pytest.mark.parametrize(
    ("agents", "looks"),
    [
        ([], ["now", "later", "later"]),
        ([agent()], ["done", "now", "later"]),
        ([agent(connections=1)], ["done", "done", "now"]),
        ([agent(connections=1, answered=ANSWERED)], []),
    ],
)
def test_first_steps_follow_what_is_really_there(agents: list[AgentView], looks: list[str]) -> None:
    assert [step.look for step in first_steps(agents)] == looks
