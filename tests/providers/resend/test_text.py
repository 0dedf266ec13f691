"""A letter's bodies: what a person sees, and what their mail program is told."""

import pytest

from services.providers.resend.text import write_bodies


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("Hello **Mia**,\n\nbye\nBri", "Hello Mia,\n\nbye\nBri\n"),
        ("# Hours\n\nnine", "Hours\n\nnine\n"),
        ("- one\n- two\n  - inner\n\nend", "- one\n- two\n  - inner\n\nend\n"),
        ("3. three\n4. four", "3. three\n4. four\n"),
        ("> said\n> twice", "> said\n> twice\n"),
        ("[our page](https://x.example/a)", "our page (https://x.example/a)\n"),
        ("<https://x.example/a>", "https://x.example/a\n"),
        ("```\nlet x = 1\n```\nend", "let x = 1\n\nend\n"),
        ("| a | b |\n|---|---|\n| 1 | 2 |\n\nend", "a | b\n1 | 2\n\nend\n"),
        ("a < b & c", "a < b & c\n"),
    ],
)
def test_the_text_reads_like_a_letter(markdown: str, text: str) -> None:
    assert write_bodies(markdown).text == text


@pytest.mark.parametrize(
    "markdown",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "![x](https://t.example/pixel.gif)",
        "<style>@import 'https://t.example/x.css'</style>",
        '<link rel="stylesheet" href="file:///etc/passwd">',
        "[x](data:text/html;base64,AAAA)",
    ],
)
def test_nothing_in_it_is_obeyed(markdown: str) -> None:
    html = write_bodies(markdown).html

    for part in ("<script", "<img", "<link", "<style", 'href="javascript', 'href="data', 'src="'):
        assert part not in html


def test_styles_are_written_into_the_tags() -> None:
    html = write_bodies("[page](https://x.example)\n\n> said").html

    assert '<a href="https://x.example" style="' in html and "<blockquote style=" in html and "<style" not in html


def test_the_same_text_gives_the_same_bytes() -> None:
    assert write_bodies("Hello *you*") == write_bodies("Hello *you*")
