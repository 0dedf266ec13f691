"""What is said before and after a connection is renamed, moved, or deleted for good."""

from dataclasses import replace

from app.desk.upkeep.view import changed_words, deletion_effects, kept_of
from services.connections import Consequences
from tests.unit.pages.test_cards import CONNECTED, OTHER

NAMED = replace(CONNECTED, name="Creators")
NOTHING_LEFT = Consequences(
    agents=(),
    channels=0,
    numbers=(),
    waiting_answers=0,
    conversations=0,
    messages=0,
    can_revoke=False,
    effects=(),
    sentences=(),
)


def test_own_name_is_told_apart_from_the_accounts() -> None:
    assert (kept_of(NAMED).name, kept_of(NAMED).account_name) == ("Creators", "RAWDOG Team")
    # The view falls back to the account's name; the form must not take that for a choice.
    assert kept_of(replace(CONNECTED, name="RAWDOG Team")).name == ""


def test_what_has_changed_is_said_and_nothing_else() -> None:
    before = kept_of(CONNECTED)
    assert changed_words(before, CONNECTED) == "Saved."
    assert changed_words(before, NAMED) == "It is called Creators now."
    moved = replace(NAMED, agent_id=OTHER, agent_name="Coco")
    assert changed_words(before, moved) == "It is called Creators now. Slack belongs to Coco now."
    shared = replace(CONNECTED, agent_id=None, agent_name="")
    assert changed_words(before, shared) == "Slack belongs to the whole company now."


def test_deleting_counts_what_goes_and_says_what_stays() -> None:
    said = deletion_effects(CONNECTED, replace(NOTHING_LEFT, conversations=1, messages=3))
    assert said[0] == "1 conversation with 3 messages is deleted."
    assert said[-1] == "The audit log stays."
    assert not any("STOP" in sentence for sentence in said)
    phone = deletion_effects(replace(CONNECTED, category="phone"), NOTHING_LEFT)
    assert phone[0] == "No conversations are left to delete."
    assert any("STOP" in sentence for sentence in phone)
