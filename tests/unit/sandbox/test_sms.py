"""Segments and keywords."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sandbox.sms import Keyword, count_segments, keyword_of


@pytest.mark.parametrize(
    ("body", "segments"),
    [
        ("", 1),
        ("x" * 160, 1),
        ("x" * 161, 2),
        ("x" * 306, 2),
        ("x" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("“" * 70, 1),
        ("“" * 71, 2),
        ("x" * 70 + "😀", 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("й" * 300, 5),
        # 152 and an escaped one: the euro sign does not split over two segments.
        ("x" * 152 + "€" + "x" * 152, 3),
    ],
)
def test_segments_are_counted_as_the_network_does(body: str, segments: int) -> None:
    assert count_segments(body) == segments


@given(st.text(max_size=1600))
def test_more_text_never_takes_fewer_segments(body: str) -> None:
    assert 1 <= count_segments(body) <= count_segments(body + body[-1:])


@pytest.mark.parametrize(
    ("body", "keyword"),
    [
        ("STOP", Keyword.STOP),
        (" stopall ", Keyword.STOP),
        ("Revoke", Keyword.STOP),
        ("unstop", Keyword.START),
        ("YES", Keyword.START),
        ("info", Keyword.HELP),
        ("STOP PLEASE", None),
        ("stop.", None),
        ("", None),
    ],
)
def test_only_the_whole_message_is_a_keyword(body: str, keyword: Keyword | None) -> None:
    assert keyword_of(body) == keyword
