"""The sandbox's model calls tools by a few words, and reads what they answer."""

import json
from typing import Any

import pytest

from app.sandbox.model_tools import Offered, answer_from_tool, next_call

NOW = 1_763_640_000.0  # 2025-11-20 12:00 UTC


def tool(name: str, *properties: str, required: tuple[str, ...] = ()) -> Offered:
    schema: dict[str, object] = {
        "type": "object",
        "properties": dict.fromkeys(properties, ""),
        "required": list(required),
    }
    return Offered.model_validate({"type": "function", "function": {"name": name, "parameters": schema}})


CREATE = tool(
    "google_calendar__create_event",
    "title",
    "starts_at",
    "ends_at",
    "attendees",
    "add_meet_link",
    required=("title", "starts_at", "ends_at"),
)
LIST = tool("google_calendar__list_upcoming_events", "days", "limit")
POST = tool("slack__post_message", "channel", "text", required=("channel", "text"))


def asked(text: str) -> tuple[str, dict[str, Any]] | None:
    call: Any = next_call(
        f"<contact_name>Book Keeper</contact_name>\n<contact_message>\n{text}\n</contact_message>",
        [CREATE, LIST, POST],
        now=NOW,
    )
    return (call["function"]["name"], json.loads(call["function"]["arguments"])) if call else None


def test_booking_takes_the_next_day_and_the_addresses_that_were_named() -> None:
    found = asked("Please book a call online with mia@example.com")

    assert found == (
        "google_calendar__create_event",
        {
            "title": "Please book a call online with mia@example.com",
            "starts_at": "2025-11-21T10:00:00+00:00",
            "ends_at": "2025-11-21T10:30:00+00:00",
            "attendees": ["mia@example.com"],
            "add_meet_link": True,
        },
    )


def test_calendar_is_read_and_team_told() -> None:
    assert asked("What's on my calendar?") == ("google_calendar__list_upcoming_events", {})
    assert asked("Tell the team in #sales hello") == (
        "slack__post_message",
        {"channel": "#sales", "text": "Tell the team in #sales hello"},
    )


@pytest.mark.parametrize("text", ["What are your opening hours?", "Tell the team hello", "I read a bookcase review"])
def test_nothing_is_called_without_the_words_or_what_is_needed(text: str) -> None:
    assert asked(text) is None


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": "done", "said": "Booked."}, "Booked."),
        (
            {"status": "done", "said": "Found 1.", "output": {"events": [{"title": "Stand-up", "starts_at": "10:00"}]}},
            "Found 1.\n10:00 Stand-up",
        ),
        ({"status": "waiting_for_approval", "said": "x"}, "I have asked a colleague to confirm this."),
        ({"status": "delayed", "said": "x"}, "This takes a little longer."),
        ({"status": "refused", "said": "x"}, "That did not work. I'll pass this on to a colleague."),
    ],
)
def test_answer_says_what_came_of_it(answer: dict[str, object], said: str) -> None:
    assert answer_from_tool(f"<tool_answer>\n{json.dumps(answer)}\n</tool_answer>").startswith(said)
    assert "could not read" in answer_from_tool("<tool_answer>\nbroken\n</tool_answer>")
