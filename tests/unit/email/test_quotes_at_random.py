"""Whatever is written in whatever order: no line is lost, and somebody's letter is never empty."""

from collections import Counter

from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.email import split_quote

LINES = st.sampled_from(
    [
        *("", " ", "Hello", "Yes, until five.", "> Are you open?", ">> Hello", ">", ">= 3", "-- ", "--", "___"),
        *(
            "On 3 March 2025 at 10:00, Ana <ana@example.com> wrote:",
            "On Mon, 3 March 2025 Ana <",
            "a@b.example> wrote:",
        ),
        *("Am 3.3.2025 schrieb Ana:", "-----Original Message-----", "---------- Forwarded message ---------"),
        *("From: Ana", "Sent: Monday", "To: Bri", "Subject: Hours", "Sent from my iPhone", "x" * 500, "\t\xa0"),
    ]
)


def _kept(text: str) -> Counter[str]:
    return Counter(line.strip() for line in text.split("\n") if line.strip())


@settings(max_examples=600, deadline=None)
@given(st.lists(LINES, max_size=25).map("\n".join))
@example("")
def test_every_line_is_kept_in_one_of_two_places(text: str) -> None:
    split = split_quote(text)
    assert _kept(split.text) + _kept(split.quoted) == _kept(text)
    assert bool(split.text) == bool(text.strip())


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=2_000))
def test_any_text_at_all_is_read(text: str) -> None:
    split = split_quote(text)
    assert bool(split.text) == bool(text.replace("\0", "").strip())
    split.text.encode()
