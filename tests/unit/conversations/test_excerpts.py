"""What a search shows of a message: the words around the first match, with all matches marked."""

import pytest

from services.conversations.excerpts import PartView, excerpt, mark


def marked(parts: tuple[PartView, ...]) -> str:
    """Return a text with its matches in brackets."""
    return "".join(f"[{part.text}]" if part.is_match else part.text for part in parts)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("payout", "The [payout] is late, say PAYOUTS and pay-outs."),
        ("LATE payout", "The [payout] is [late], say PAYOUTS and pay-outs."),
        ('"is late" say', "The payout [is late], [say] PAYOUTS and pay-outs."),
        ("payout -late", "The [payout] is late, say PAYOUTS and pay-outs."),
        ('payout -"is late"', "The [payout] is late, say PAYOUTS and pay-outs."),
        ("late or payouts", "The payout is [late], say [PAYOUTS] and pay-outs."),
        ("pay-outs", "The payout is late, say PAYOUTS and [pay-outs]."),
        ("-late", "The payout is late, say PAYOUTS and pay-outs."),
        (") .* (", "The payout is late, say PAYOUTS and pay-outs."),
        ("pay", "The payout is late, say PAYOUTS and [pay]-outs."),
    ],
)
def test_words_are_marked_as_they_are_searched_for(words: str, shown: str) -> None:
    assert marked(mark("The payout is late, say PAYOUTS and pay-outs.", words)) == shown


def test_excerpt_begins_shortly_before_the_first_match_and_ends_with_a_word() -> None:
    text = "before " * 60 + "the\n\n refund  " + "after " * 60
    shown = marked(excerpt(text, "refund"))
    assert shown.startswith("… before before") and shown.endswith("after after …")
    assert "the [refund] after" in shown
    assert len(shown) < 220


def test_short_text_is_shown_whole_and_without_a_match_its_beginning() -> None:
    assert marked(excerpt("A refund, please", "refund")) == "A [refund], please"
    assert marked(excerpt("word " * 100, "refund")).startswith("word word")
    assert marked(excerpt("x" * 5_000 + " refund", "refund")) == "… [refund]"
    assert excerpt("", "refund") == ()
