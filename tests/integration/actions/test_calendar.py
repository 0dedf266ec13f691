"""Reading within a turn, and booking with approval, in an agent's own calendar."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from models import GrantMode
from services.actions import approve, set_grant
from services.agents import Exchange
from services.connections import begin_oauth, finish_oauth, list_connections
from services.kernel.errors import InvalidInput
from services.tenants import create_sign_in_link, sign_in_with_link
from services.turns import answering
from tests.integration.actions.conftest import Desk, calling
from tests.integration.actions.test_once import Killed, die
from tests.support.circuits import set_circuit

LIST = "google_calendar__list_upcoming_events"
CREATE = "google_calendar__create_event"
MEETING = {"title": "Kick-off", "starts_at": "2031-03-03T15:00:00", "ends_at": "2031-03-03T15:30:00"}


@pytest.fixture
def planner(desk: Desk) -> Desk:
    """The agent with a calendar of its own, which it may read unasked."""
    kernel, provider = desk.line.kernel, "google_calendar"
    link = create_sign_in_link(kernel, email="owner@northwind.example")
    owner = sign_in_with_link(kernel, link.rpartition("/")[2]).actor
    url = begin_oauth(kernel, actor=owner, provider=provider, agent_id=desk.shop.agent.id)
    back = desk.line.sandbox.google.consent(url)
    outcome = finish_oauth(kernel, actor=owner, provider=provider, query=parse_qs(urlsplit(back).query))
    assert outcome.ok and outcome.connection_id, outcome.message
    modes = {"list_upcoming_events": GrantMode.ALLOWED, "create_event": GrantMode.APPROVAL}
    for action, mode in modes.items():
        set_grant(
            kernel,
            actor=owner,
            agent_id=desk.shop.agent.id,
            connection_id=outcome.connection_id,
            action=action,
            mode=mode,
        )
    with pytest.raises(InvalidInput, match="changes nothing"):
        set_grant(
            kernel,
            actor=owner,
            agent_id=desk.shop.agent.id,
            connection_id=outcome.connection_id,
            action="list_upcoming_events",
            mode=GrantMode.APPROVAL,
        )
    return desk


def test_calendar_is_read_unasked_and_booked_after_approval(planner: Desk) -> None:
    planner.line.sandbox.google.add("Stand-up")
    planner.write("What's on your calendar?")
    [run] = planner.runs()
    assert (run.state, run.action) == ("succeeded", "list_upcoming_events")
    assert "Stand-up" in planner.said()[0]

    planner.script(calling((LIST, {}), (LIST, {}), (CREATE, MEETING)), "A colleague confirms it.")
    planner.write("Book a kick-off.")
    assert [item.state for item in planner.runs()[1:]] == ["succeeded", "succeeded", "awaiting_approval"]
    booking = planner.runs()[-1]
    assert "Kick-off" in booking.description
    assert list(booking.input)[:3] == ["title", "starts_at", "ends_at"]
    approve(planner.line.kernel, actor=planner.shop.actor, run_id=booking.id)
    planner.line.work()

    assert planner.runs()[-1].state == "succeeded"
    assert planner.said()[-1].startswith("“Kick-off” is booked")


def test_reading_that_fails_ends_with_the_turn(planner: Desk) -> None:
    planner.line.sandbox.fail("google", "503", method="calendar.events.list", count=9)
    planner.script(calling((LIST, {})), "I cannot see the calendar now.")
    planner.write("What's on your calendar?")

    [run] = planner.runs()
    assert run.state == "failed" and planner.said() == ["I cannot see the calendar now."]
    planner.go_on()
    assert planner.runs()[0].state == "failed" and len(planner.said()) == 1


def test_repeated_turn_is_told_what_was_read_before(planner: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Exchange] = []
    planner.script(calling((LIST, {})), "Nothing is planned.")
    with monkeypatch.context() as patch:
        patch.setattr(answering, "settle_turns", die)
        with pytest.raises(Killed):
            planner.write("What's on your calendar?")
    listed = answering.actions.AgentToolbox.list_earlier

    def watched(toolbox: Any) -> Any:
        told.extend(listed(toolbox))
        return told

    monkeypatch.setattr(answering.actions.AgentToolbox, "list_earlier", watched)
    planner.script("Nothing is planned.")
    planner.go_on()

    [exchange] = told
    assert exchange.calls[0].name == LIST and json.loads(exchange.answers[0])["status"] == "done"
    assert len(planner.runs()) == 1 and planner.said() == ["Nothing is planned."]


def test_reading_behind_an_open_circuit_is_refused_at_once_with_the_reason(planner: Desk) -> None:
    google = connection_of(planner)
    set_circuit(planner.line.kernel, google, next_call="+ interval '25 seconds'")
    planner.script(calling((LIST, {})), "I cannot see the calendar now.")
    calls = planner.line.sandbox.ledger().calls.get("google calendar.events.list", 0)
    planner.write("What's on your calendar?")

    [run] = planner.runs()
    assert (run.state, run.error_code) == ("failed", "not_available")
    assert run.said.startswith("Google Calendar does not answer; tried again at ")
    assert planner.line.sandbox.ledger().calls.get("google calendar.events.list", 0) == calls
    assert planner.said() == ["I cannot see the calendar now."]


def connection_of(planner: Desk) -> UUID:
    """Return the agent's calendar connection."""
    listed = list_connections(planner.line.kernel, actor=planner.shop.actor)
    return next(view.id for view in listed if view.provider == "google_calendar")
