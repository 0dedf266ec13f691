"""The words of a received letter: its text part, or what a person reads in its HTML."""

import re
from html import unescape

import nh3
from markdownify import MarkdownConverter

from services.provider_kit.payloads import storable_text
from services.providers.resend.manifest import MANIFEST

_LONGEST_HTML = 300_000
_MOST_TAGS = 10_000
_TAGS = {
    *("a", "b", "blockquote", "br", "code", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "li", "ol"),
    *("p", "pre", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
_SILENT_TAGS = {"script", "style", "title", "noscript", "template"}
_SCHEMES = {"http", "https", "mailto", "tel"}
_OPENING = re.compile(r"<[a-zA-Z]")
# Never runs past the next bracket, so that a letter full of them is read in one pass.
_TAG = re.compile(r"<[^<>]*>")
_BLANK_LINES = re.compile(r"\n{3,}")


def read_html(html: str) -> str:
    """Return a letter's HTML as it came; empty if it is too large or too deep to be made safe in reasonable time.

    Sanitisers take time by the square of the depth, and no letter of a person has so many tags.
    """
    return html if len(html) <= _LONGEST_HTML and len(_OPENING.findall(html)) <= _MOST_TAGS else ""


def read_text(text: str, html: str) -> str:
    """Return the words of a letter, at most as many as a message may have."""
    words = text if text.strip() else _from_html(html)
    lines = storable_text(words).replace("\r\n", "\n").replace("\r", "\n")
    tidy = "\n".join(line.rstrip() for line in lines[: 2 * MANIFEST.message_limit].split("\n"))
    return _BLANK_LINES.sub("\n\n", tidy).strip()[: MANIFEST.message_limit]


def _from_html(html: str) -> str:
    kept = read_html(html)
    if not kept.strip():
        return _without_tags(html[: 2 * _LONGEST_HTML])
    clean = nh3.clean(
        kept,
        tags=_TAGS,
        clean_content_tags=_SILENT_TAGS,
        attributes={"a": {"href"}},
        url_schemes=_SCHEMES,
        link_rel=None,
    )
    try:
        return _CONVERTER.convert(clean)
    except RecursionError:
        return _without_tags(clean)


def _without_tags(html: str) -> str:
    return unescape(_TAG.sub(" ", html))


_CONVERTER = MarkdownConverter(
    heading_style="atx", bullets="-", escape_asterisks=False, escape_underscores=False, escape_misc=False
)
