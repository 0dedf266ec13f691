"""The three panes of the conversations, in words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from app.components.words import counted, duration, initials, size
from app.pages.conversations.bubbles import approval, bubble, bubbles, last_answer
from app.pages.conversations.look import MOST_WORDS, Look, choices, everywhere, read_look
from app.pages.conversations.view import found_words, head, row
from services.actions import ActionRunView
from services.conversations import COUNTED_MOST, ConversationView, MessageView, PartView, PlaceView, SaidView
from services.email import AttachmentView, LetterHeadView

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
AGENT = str(UUID(int=1))
LOOK = Look(agent_id=AGENT)


def message(**changes: object) -> MessageView:
    """A sent answer of the agent, unless changed."""
    base: dict[str, object] = {
        "id": UUID(int=7),
        "direction": "outbound",
        "author": "agent",
        "author_label": "Bri",
        "text": "Friday.",
        "state": "delivered",
        "error_code": "",
        "error_text": "",
        "created_at": NOW,
        "segments": 1,
        "trace_id": UUID(int=8),
        "runner": "playbook",
        "why": "Matched “When?”",
        "subject": "",
        "has_letter": False,
    }
    return MessageView(**{**base, **changes})  # pyright: ignore[reportArgumentType]


def conversation(**changes: object) -> ConversationView:
    """A conversation with what the list depends on."""
    base: dict[str, object] = {
        "id": UUID(int=3),
        "agent_id": UUID(int=1),
        "agent_name": "Bri",
        "connection_id": UUID(int=4),
        "contact_name": "Mia Ortega",
        "contact_address": "U1",
        "channel_kind": "slack_dm",
        "channel_label": "Slack DM",
        "channel_address": "D1",
        "subject": "",
        "state": "agent",
        "state_reason": "",
        "last_message_text": "Friday.",
        "last_message_author": "Bri",
        "last_message_at": NOW,
        "unread_count": 0,
        "message_count": 2,
    }
    return ConversationView(**{**base, **changes})  # pyright: ignore[reportArgumentType]


def letter(**changes: object) -> LetterHeadView:
    """The head of a letter from Mia."""
    base: dict[str, object] = {
        "message_id": UUID(int=7),
        "subject": "Contract draft",
        "from_address": "mia@harbor.example",
        "from_name": "Mia Ortega",
        "to": ("bri@northwind.example",),
        "cc": (),
        "reply_to": "",
        "thread_reason": "No letter of ours is named: a new conversation",
        "automatic": "",
        "has_html": True,
        "original_length": 400,
        "attachments": (),
    }
    return LetterHeadView(**{**base, **changes})  # pyright: ignore[reportArgumentType]


def place(channel: str, address: str = "", *, open: int = 1, waiting: int = 0, closed: int = 0) -> PlaceView:
    """A place with some conversations."""
    label = address or channel
    return PlaceView(channel=channel, address=address, label=label, open=open, waiting=waiting, closed=closed)


def asked(path: str) -> dict[str, str]:
    """Return what an address asks for."""
    return {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}


def test_answer_says_who_wrote_it_and_what_became_of_it() -> None:
    drawn = bubble(message())
    assert (drawn.origin, drawn.outcome) == ("Bri · playbook", "delivered · 1 segment")
    assert drawn.trace_path == f"/admin/traces/{UUID(int=8)}"


@pytest.mark.parametrize(
    ("changes", "failed", "outcome"),
    [
        ({"state": "queued"}, False, "waits to be sent"),
        (
            {"state": "queued", "error_text": "Waits until the connection is repaired."},
            False,
            "waits to be sent: Waits until the connection is repaired.",
        ),
        ({"state": "sending"}, False, "sending"),
        ({"state": "sent", "segments": 2}, False, "sent · 2 segments"),
        (
            {"state": "failed", "error_code": "30007", "error_text": "the carrier filtered it (30007)"},
            True,
            "not delivered: the carrier filtered it (30007)",
        ),
        (
            {"state": "failed", "error_code": "bounced", "error_text": "no such mailbox"},
            True,
            "came back: no such mailbox",
        ),
        ({"state": "delivered", "error_code": "complained"}, True, "delivered, then marked as unwanted"),
        ({"state": "unknown"}, True, "unknown whether it arrived"),
    ],
)
def test_message_says_in_words_where_it_stands(changes: dict[str, object], failed: bool, outcome: str) -> None:
    drawn = bubble(message(**{"segments": None, **changes}))
    assert (drawn.failed, drawn.outcome) == (failed, outcome)


def test_what_the_contact_wrote_has_no_origin_and_no_trace_link() -> None:
    drawn = bubble(message(direction="inbound", author="contact", author_label="Mia", state="received", runner=""))
    assert (drawn.outbound, drawn.origin, drawn.outcome, drawn.trace_path) == (False, "", "", "")


def test_letter_shows_its_head_and_what_can_be_opened() -> None:
    kept = AttachmentView(id=UUID(int=9), name="draft.pdf", content_type="", size_bytes=48_200, left_out="")
    lost = AttachmentView(
        id=UUID(int=10), name="film.mov", content_type="", size_bytes=90_000_000, left_out="too large"
    )
    head_of = letter(cc=("lin@harbor.example",), attachments=(kept, lost))
    [drawn] = bubbles([message(direction="inbound", text="Here it is.", has_letter=True)], [head_of])
    shown = drawn.letter
    assert shown is not None
    assert (shown.subject, shown.sender) == ("Contract draft", "Mia Ortega <mia@harbor.example>")
    assert (shown.to, shown.cc) == ("bri@northwind.example", "lin@harbor.example")
    assert shown.has_quote and shown.document_path.endswith(f"/letters/{UUID(int=7)}/document")
    assert [(file.size, bool(file.path), file.left_out) for file in shown.files] == [
        ("48 kB", True, ""),
        ("90.0 MB", False, "too large"),
    ]


def test_letter_without_quote_html_or_subject_offers_nothing_to_open() -> None:
    view = message(direction="inbound", text="Here it is.", has_letter=True)
    shown = bubble(view, letter(has_html=False, original_length=11, subject="", from_name="")).letter
    assert shown is not None
    assert (shown.has_quote, shown.document_path, shown.subject) == (False, "", "(no subject)")
    assert shown.sender == "mia@harbor.example"


@pytest.mark.parametrize(("count", "shown"), [(0, ""), (3, "3"), (10, "9+")])
def test_unread_is_shown_up_to_nine(count: int, shown: str) -> None:
    assert row(conversation(unread_count=count), LOOK).unread == shown


def test_row_names_the_last_speaker_and_marks_who_waits() -> None:
    listed = row(conversation(state="waiting"), replace(LOOK, show="all", open_id=str(UUID(int=3))))
    assert (listed.preview, listed.chip, listed.is_open) == ("Bri: Friday.", "Waits for a person", True)
    assert listed.path.endswith(f"/conversations?show=all&c={UUID(int=3)}")


def test_row_tells_the_channels_apart() -> None:
    mail = row(conversation(channel_kind="email", channel_label="E-mail", subject="Contract draft"), LOOK)
    text = row(conversation(channel_kind="sms", channel_label="SMS", channel_address="+14155550100"), LOOK)
    slack = row(conversation(channel_kind="slack_channel", channel_label="Slack #general"), LOOK)
    assert (mail.mark, mail.channel, mail.detail) == ("email", "E-mail", "Contract draft")
    assert (text.mark, text.channel, text.detail) == ("sms", "SMS", "to +14155550100")
    assert (slack.mark, slack.channel, slack.detail) == ("slack", "Slack #general", "")


def found(at: datetime, **changes: object) -> ConversationView:
    """A conversation that a search has found."""
    parts = (PartView(text="the ", is_match=False), PartView(text="payout", is_match=True))
    return conversation(said=SaidView(message_id=UUID(int=7), author="", excerpt=parts, at=at), **changes)


def test_row_of_a_search_shows_where_it_was_said_and_when() -> None:
    earlier = NOW - timedelta(days=3)
    listed = row(found(earlier), replace(LOOK, words="payout"))
    assert (listed.preview, listed.at) == ("", earlier.isoformat())
    assert [(part.text, part.is_match) for part in listed.found] == [("the ", False), ("payout", True)]
    assert asked(listed.path) == {"show": "open", "q": "payout", "c": str(UUID(int=3))}


def test_what_was_said_far_up_is_the_last_that_the_thread_shows() -> None:
    path = row(found(NOW, message_count=101), replace(LOOK, words="payout"), shown=100).path
    assert asked(path)["until"] == str(UUID(int=8))


def test_words_are_marked_only_in_the_messages_that_hold_them() -> None:
    said, unsaid = bubbles([message(text="The payout"), message(text="Thanks")], [], words="payout")
    assert [part.text for part in said.parts if part.is_match] == ["payout"]
    assert unsaid.parts == ()
    assert bubble(message(text="The payout")).parts == ()


def test_search_is_widened_to_all_conversations_of_the_agent() -> None:
    narrow = replace(LOOK, words="payout", channel="sms", before="cursor", open_id="x")
    assert asked(everywhere(narrow)) == {"show": "all", "q": "payout", "c": "x"}
    assert everywhere(replace(LOOK, words="payout", show="all", before="cursor")) == ""


@pytest.mark.parametrize(
    ("count", "has_more", "words"),
    [(0, False, "no conversations"), (1, False, "1 conversation"), (50, True, "More than 50 conversations")],
)
def test_search_says_how_many_it_found(count: int, has_more: bool, words: str) -> None:
    assert found_words([row(conversation(), LOOK)] * count, has_more=has_more) == words


@pytest.mark.parametrize(
    ("state", "reason", "said"),
    [
        ("agent", "", "Bri answers here."),
        ("human", "Taken over by Ana", "You are in charge; Bri is silent here."),
        ("human", "Answered by Ben", "Ben is in charge; Bri is silent here."),
        ("waiting", "Handed over: no entry", "Handed over: no entry. Bri keeps silent until you give it back."),
        ("closed", "Closed by Ben", "Closed by Ben. It opens again"),
    ],
)
def test_thread_says_who_is_in_charge(state: str, reason: str, said: str) -> None:
    assert head(conversation(state=state, state_reason=reason), reader="Ana").charge.startswith(said)


def test_head_says_where_it_takes_place() -> None:
    text = conversation(channel_kind="sms", channel_label="SMS", contact_address="+1415", channel_address="+1555")
    assert head(text, reader="").where == "SMS · +1415 → +1555"
    slack = head(conversation(channel_kind="slack_channel", channel_label="Slack #general"), reader="")
    assert (slack.channel, slack.ours) == ("Slack #general, in a thread", "")


def test_choosing_a_filter_keeps_the_open_conversation_and_starts_the_list_afresh() -> None:
    look = replace(LOOK, show="waiting", open_id="x", before="cursor")
    offered = choices(look, [place("slack", open=2, waiting=1), place("sms", "+1", open=0, closed=1)])
    assert [(item.label, item.is_current) for item in offered.states] == [
        ("Open 2", False),
        ("Waiting 1", True),
        ("Closed 1", False),
        ("All 3", False),
    ]
    assert all(asked(item.path)["c"] == "x" and "before" not in asked(item.path) for item in offered.states)
    assert [item.label for item in offered.channels] == ["All channels", "Slack", "E-mail", "SMS"]
    assert asked(offered.channels[3].path) == {"show": "waiting", "channel": "sms", "c": "x"}


def test_counts_are_those_of_the_chosen_channel_and_number() -> None:
    places = [place("slack", open=5), place("sms", "+1", open=2, closed=1), place("sms", "+2", open=1)]
    by_channel = choices(replace(LOOK, channel="sms"), places)
    assert [item.label for item in by_channel.states] == ["Open 3", "Waiting 0", "Closed 1", "All 4"]
    assert (by_channel.ends_label, [end.address for end in by_channel.ends]) == ("Number", ["+1", "+2"])
    by_number = choices(replace(LOOK, channel="sms", address="+2"), places)
    assert [item.label for item in by_number.states] == ["Open 1", "Waiting 0", "Closed 0", "All 1"]
    assert all(asked(item.path).get("address") == "+2" for item in by_number.states)
    assert all("address" not in asked(item.path) for item in by_number.channels)


def test_counts_say_when_there_are_older_conversations_that_were_not_counted() -> None:
    places = [place("slack", open=3, closed=COUNTED_MOST - 4), place("sms", "+1", waiting=1)]
    by_channel = choices(replace(LOOK, channel="sms"), places)
    assert [item.label for item in by_channel.states] == ["Open 1+", "Waiting 1+", "Closed 0+", "All 1+"]
    assert choices(LOOK, places[:1]).states[0].label == "Open 3"


def test_other_messengers_and_single_numbers_are_offered_only_where_it_helps() -> None:
    assert [item.name for item in choices(LOOK, [place("chat")]).channels] == ["", "slack", "email", "sms", "chat"]
    assert choices(replace(LOOK, channel="sms"), [place("sms", "+1")]).ends == ()


def test_address_that_asks_for_what_there_is_not_shows_the_default() -> None:
    look = read_look(AGENT, {"show": "nonsense", "channel": "fax", "address": "+1", "c": "x"})
    assert look == replace(LOOK, open_id="x")
    look = read_look(
        AGENT,
        {"show": "closed", "channel": "sms", "address": "+1 5", "q": "-late &", "before": "c=", "c": "x", "until": "m"},
    )
    assert read_look(AGENT, asked(look.path())) == look
    assert (look.address, look.words, look.before, look.open_id, look.until) == ("+1 5", "-late &", "c=", "x", "m")
    assert read_look(AGENT, {"q": f"  {'w' * 300}"}).words == "w" * MOST_WORDS


def test_another_conversation_is_opened_at_its_end_and_at_the_same_place_in_the_list() -> None:
    path = row(conversation(), replace(LOOK, before="cursor", open_id="x", until="m")).path
    assert asked(path) == {"show": "open", "before": "cursor", "c": str(UUID(int=3))}


def test_last_answer_is_the_latest_outbound_message() -> None:
    first, second = message(), message(id=UUID(int=9))
    inbound = message(direction="inbound")
    assert last_answer([first, second, inbound]) is second
    assert last_answer([inbound]) is None


def test_approval_names_agent_action_and_account() -> None:
    run = ActionRunView(
        id=UUID(int=11),
        agent_id=UUID(int=1),
        agent_name="Bri",
        connection_id=UUID(int=4),
        connection_name="ana@northwind.example",
        provider="google_calendar",
        provider_name="Google Calendar",
        conversation_id=UUID(int=3),
        contact_name="Mia",
        action="create_event",
        label="Book a meeting",
        description="Book “Call with Mia”, Thursday 15:00",
        input={},
        output={},
        said="",
        state="awaiting_approval",
        decided_by="",
        decided_at=None,
        decision_note="",
        error_code="",
        attempt=0,
        trace_id=UUID(int=8),
        created_at=NOW,
        started_at=None,
        finished_at=None,
    )
    drawn = approval(run)
    assert (drawn.agent, drawn.label) == ("Bri", "Book a meeting")
    assert drawn.service == "Google Calendar · ana@northwind.example"


@pytest.mark.parametrize(
    ("milliseconds", "words"), [(6, "6 ms"), (1_900, "1.9 s"), (61_000, "1 min 1 s"), (3_660_000, "1 h 1 min")]
)
def test_durations_as_people_read_them(milliseconds: int, words: str) -> None:
    assert duration(milliseconds) == words


@pytest.mark.parametrize(("count", "words"), [(12, "12 B"), (48_200, "48 kB"), (2_340_000, "2.3 MB")])
def test_sizes_as_people_read_them(count: int, words: str) -> None:
    assert size(count) == words


@pytest.mark.parametrize(
    ("name", "letters"), [("Mia Ortega", "MO"), ("Lin", "L"), ("+14155550142", "#"), ("", "#"), ("a b c", "AC")]
)
def test_initials(name: str, letters: str) -> None:
    assert initials(name) == letters


def test_counted() -> None:
    assert [counted(number, "entry", "entries") for number in (0, 1, 2)] == ["no entries", "1 entry", "2 entries"]
