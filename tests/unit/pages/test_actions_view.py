"""What the page about an agent's actions shows."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.pages.actions.view import groups_of, run_of
from models import ActionRunState
from services.actions import ActionRunView, AvailableActionView

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
RUN = ActionRunView(
    id=UUID(int=1),
    agent_id=UUID(int=2),
    agent_name="Bri",
    connection_id=UUID(int=3),
    connection_name="bri@northwind.example",
    provider="google_calendar",
    provider_name="Google Calendar",
    conversation_id=UUID(int=4),
    contact_name="Mia Ortega",
    action="create_event",
    label="Create a meeting",
    description="Create the meeting “Kick-off” on 3 March, 15:00",
    input={"title": "Kick-off", "attendees": ["mia@harbor.example"], "add_meet_link": True, "location": ""},
    output={},
    said="",
    state="awaiting_approval",
    decided_by="",
    decided_at=None,
    decision_note="",
    error_code="",
    attempt=0,
    trace_id=UUID(int=5),
    created_at=NOW,
    started_at=None,
    finished_at=None,
)
ACTION = AvailableActionView(
    connection_id=UUID(int=3),
    connection_name="bri@northwind.example",
    provider="google_calendar",
    provider_name="Google Calendar",
    action="create_event",
    label="Create a meeting",
    description="Books a meeting.",
    risk="writes",
    mode="approval",
    granted_by="Ada",
    granted_at=NOW,
)


@pytest.mark.parametrize("state", list(ActionRunState))
def test_every_state_has_words(state: ActionRunState) -> None:
    run = run_of(replace(RUN, state=state.value))
    assert run.chip and run.chip != state.value and run.chip_kind in {"ok", "soon", "broken", "off"}
    assert run.is_waiting is (state is ActionRunState.AWAITING_APPROVAL)


def test_who_decides_sees_everything_that_was_asked_for() -> None:
    run = run_of(RUN)
    assert [(item.label, item.value) for item in run.details] == [
        ("Title", "Kick-off"),
        ("Attendees", "mia@harbor.example"),
        ("Add meet link", "yes"),
        ("Location", "none"),
    ]
    assert run.where == "Google Calendar · bri@northwind.example · for Mia Ortega"
    assert str(RUN.conversation_id) in run.conversation


def test_a_decision_stands_with_its_name_and_note() -> None:
    decided = replace(RUN, state="rejected", decided_by="Ada", decision_note="too early")
    assert run_of(decided).decided == "Rejected by Ada: “too early”"
    assert run_of(replace(decided, state="succeeded", decision_note="")).decided == "Approved by Ada"


def test_actions_stand_by_connection() -> None:
    other = replace(ACTION, action="list_upcoming_events", risk="reads", mode="", granted_by="")
    elsewhere = replace(ACTION, connection_id=UUID(int=9), provider_name="Slack", provider="slack")
    groups = groups_of([ACTION, elsewhere, other])
    assert [group.name for group in groups] == [
        "Google Calendar · bri@northwind.example",
        "Slack · bri@northwind.example",
    ]
    assert [grant.note for grant in groups[0].grants] == [
        "changes something outside, granted by Ada",
        "only reads",
    ]
