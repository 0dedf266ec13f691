"""Turns a set-up guide into HTML that is safe to show."""

from collections.abc import Sequence
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

_HEADING_SHIFT = 2
"""A guide's parts are ``h2``; on the page they stand below its own ``h3``."""


@cache
def render_guide(markdown: str) -> str:
    """Return a guide's HTML, without its title, which the page shows itself.

    Raw HTML in the text is shown as text, and links lead to the web only, in a tab of their own.
    """
    parser = MarkdownIt("commonmark", {"html": False})
    tokens = _without_title(parser.parse(markdown))
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1:]) + _HEADING_SHIFT, 6)}"
        for child in token.children or ():
            if child.type == "link_open":
                _point_outwards(child)
            elif child.type == "image":
                # Nothing is loaded from elsewhere.
                child.type, child.tag = "text", ""
    return parser.renderer.render(tokens, parser.options, {})


def _without_title(tokens: Sequence[Token]) -> list[Token]:
    if tokens and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        return list(tokens[3:])
    return list(tokens)


def _point_outwards(link: Token) -> None:
    if not str(link.attrGet("href") or "").startswith("https://"):
        link.attrs = {}
        return
    link.attrSet("target", "_blank")
    link.attrSet("rel", "noopener noreferrer")
