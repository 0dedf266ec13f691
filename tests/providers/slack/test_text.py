"""Slack's markup in and out."""

import time

import pytest

from services.providers.slack.text import mentions, read_text, write_text


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("<@UBOT> hello", "hello"),
        ("<@UBOT|frontdesk>: hello", "hello"),
        ("<@UBOT> <@UBOT>, hello", "hello"),
        ("hello <@UBOT>", "hello @frontdesk"),
        ("<@U2|kim> and <@U3>", "@kim and @U3"),
        ("<#C1|general> <#C2>", "#general #C2"),
        ("<!here> <!channel> <!subteam^S1|@sales> <!subteam^S1>", "@here @channel @sales @subteam"),
        ("<!date^1392734382^{date}|Feb 18>", "Feb 18"),
        ("<https://a.example/?b=1&amp;c=2>", "https://a.example/?b=1&c=2"),
        ("<https://a.example|a.example>", "a.example (https://a.example)"),
        ("<mailto:kim@a.example|kim@a.example> <tel:+1415|+1415>", "kim@a.example +1415"),
        ("1 &lt; 2 &amp;&amp; 3 &gt; 2 &amp;lt;", "1 < 2 && 3 > 2 &lt;"),
        ("<@UBOT>", ""),
        ("a < b", "a < b"),
    ],
)
def test_text_reads_as_people_see_it(raw: str, shown: str) -> None:
    assert read_text(raw, bot_user_id="UBOT", bot_name="frontdesk") == shown


def test_a_bot_id_is_not_a_pattern() -> None:
    assert read_text("<@UX> hello", bot_user_id="U.") == "@UX hello"
    assert not mentions("<@UX>", user_id="")


@pytest.mark.parametrize("text", ["<!channel>", "<!here>", "<@U1>", "<https://evil.example|bank.example>", "a & b"])
def test_nothing_in_an_answer_is_a_mention_or_a_disguised_link(text: str) -> None:
    written = write_text(text)

    assert "<" not in written and ">" not in written
    assert read_text(written, bot_user_id="UBOT") == text


@pytest.mark.parametrize(
    "raw", ["<" * 100_000, "<@UBOT>" * 20_000, "<a" * 50_000, "<@UBOT> " + "," * 100_000, "&amp;" * 20_000]
)
def test_long_texts_take_linear_time(raw: str) -> None:
    began = time.process_time()
    read_text(raw, bot_user_id="UBOT", bot_name="frontdesk")

    assert time.process_time() - began < 0.5
