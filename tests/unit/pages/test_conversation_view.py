"""The three panes of the conversations, in words."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.components.words import counted, duration, initials
from app.pages.conversations.view import bubble, filters, last_answer, row
from services.conversations import ConversationView, MessageView

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
AGENT = str(UUID(int=1))


def message(**changes: object) -> MessageView:
    """A sent answer of the agent, unless changed."""
    base: dict[str, object] = {
        "id": UUID(int=7),
        "direction": "outbound",
        "author": "agent",
        "author_label": "Bri",
        "text": "Friday.",
        "state": "delivered",
        "error_text": "",
        "created_at": NOW,
        "segments": 1,
        "trace_id": UUID(int=8),
        "runner": "playbook",
        "why": "Matched “When?”",
    }
    return MessageView(**{**base, **changes})  # pyright: ignore[reportArgumentType]


def conversation(*, unread: int = 0, state: str = "agent") -> ConversationView:
    """A conversation with what the list depends on."""
    return ConversationView(
        id=UUID(int=3),
        agent_id=UUID(int=1),
        agent_name="Bri",
        contact_name="Mia Ortega",
        contact_address="U1",
        channel_kind="slack_dm",
        channel_label="Slack DM",
        state=state,
        state_reason="",
        last_message_text="Friday.",
        last_message_author="Bri",
        last_message_at=NOW,
        unread_count=unread,
        message_count=2,
    )


def test_answer_says_who_wrote_it_and_what_became_of_it() -> None:
    drawn = bubble(message())
    assert (drawn.origin, drawn.outcome) == ("Bri · playbook", "delivered · 1 segment")
    assert drawn.trace_path == f"/admin/traces/{UUID(int=8)}"


def test_failed_message_keeps_the_reason() -> None:
    drawn = bubble(message(state="failed", error_text="the carrier filtered it (30007)", segments=None))
    assert (drawn.failed, drawn.outcome) == (True, "not delivered: the carrier filtered it (30007)")


def test_what_the_contact_wrote_has_no_origin_and_no_trace_link() -> None:
    drawn = bubble(message(direction="inbound", author="contact", author_label="Mia", state="received", runner=""))
    assert (drawn.outbound, drawn.origin, drawn.outcome, drawn.trace_path) == (False, "", "", "")


@pytest.mark.parametrize(("count", "shown"), [(0, ""), (3, "3"), (10, "9+")])
def test_unread_is_shown_up_to_nine(count: int, shown: str) -> None:
    assert row(conversation(unread=count), agent_id=AGENT, show="open", open_id="").unread == shown


def test_row_names_the_last_speaker_and_marks_who_waits() -> None:
    listed = row(conversation(state="waiting"), agent_id=AGENT, show="all", open_id=str(UUID(int=3)))
    assert (listed.preview, listed.chip, listed.is_open) == ("Bri: Friday.", "Waits for a person", True)
    assert listed.path.endswith(f"/conversations?show=all&c={UUID(int=3)}")


def test_choosing_a_filter_keeps_the_open_conversation() -> None:
    shown = filters({"open": 2, "waiting": 1, "all": 3}, agent_id=AGENT, show="waiting", open_id="x")
    assert [(item.label, item.is_current) for item in shown] == [
        ("Open 2", False),
        ("Waiting 1", True),
        ("All 3", False),
    ]
    assert all(item.path.endswith("&c=x") for item in shown)


def test_last_answer_is_the_latest_outbound_message() -> None:
    first, second = message(), message(id=UUID(int=9))
    inbound = message(direction="inbound")
    assert last_answer([first, second, inbound]) is second
    assert last_answer([inbound]) is None


@pytest.mark.parametrize(
    ("milliseconds", "words"), [(6, "6 ms"), (1_900, "1.9 s"), (61_000, "1 min 1 s"), (3_660_000, "1 h 1 min")]
)
def test_durations_as_people_read_them(milliseconds: int, words: str) -> None:
    assert duration(milliseconds) == words


@pytest.mark.parametrize(
    ("name", "letters"), [("Mia Ortega", "MO"), ("Lin", "L"), ("+14155550142", "#"), ("", "#"), ("a b c", "AC")]
)
def test_initials(name: str, letters: str) -> None:
    assert initials(name) == letters


def test_counted() -> None:
    assert [counted(number, "entry", "entries") for number in (0, 1, 2)] == ["no entries", "1 entry", "2 entries"]
