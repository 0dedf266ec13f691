"""A letter's two bodies, from the agent's Markdown. The same text gives the same bytes: Resend compares them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import css_inline
from markdown_it import MarkdownIt
from markdown_it.token import Token

# Mail programs drop <style>, so the rules are written into the tags.
_STYLE = """
body { margin: 0; padding: 0; }
.letter { max-width: 640px; font-family: -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif;
  font-size: 15px; line-height: 1.5; color: #1f2328; }
p, ul, ol, pre, blockquote, table { margin: 0 0 14px; }
h1, h2, h3, h4, h5, h6 { margin: 20px 0 8px; font-size: 17px; line-height: 1.3; }
a { color: #0b57d0; }
pre, code { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: 13px; }
pre { padding: 10px 12px; background: #f6f8fa; white-space: pre-wrap; }
blockquote { padding-left: 12px; border-left: 3px solid #d0d7de; color: #57606a; }
th, td { padding: 4px 10px; border: 1px solid #d0d7de; text-align: left; }
"""
_PAGE = (
    '<!doctype html><html><head><meta charset="utf-8"><style>{style}</style></head>'
    '<body><div class="letter">{body}</div></body></html>'
)
_BLANK_LINES = re.compile(r"\n{3,}")


@dataclass(frozen=True, slots=True)
class Bodies:
    """The same letter twice."""

    html: str
    text: str


def write_bodies(markdown: str) -> Bodies:
    """Return a letter as HTML and as plain text. HTML in the Markdown is shown, never obeyed; pictures are links."""
    tokens = _markdown().parse(markdown)
    body = _markdown().renderer.render(tokens, _markdown().options, {})
    page = _PAGE.replace("{style}", _STYLE).replace("{body}", body)
    lines = "\n".join(line.rstrip(" |") for line in "".join(_plain(tokens)).split("\n"))
    text = _BLANK_LINES.sub("\n\n", lines).strip("\n")
    return Bodies(html=_inliner().inline(page), text=text + "\n")


@cache
def _markdown() -> MarkdownIt:
    # A picture from elsewhere would tell its host when and where the letter is read.
    return MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("table").disable("image")


@cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=False)


def _plain(tokens: Sequence[Token]) -> Iterator[str]:
    """Write block by block, with list marks and quote marks before each line."""
    marks: list[str] = []
    numbers: list[int | None] = []
    pending = ""
    for token in tokens:
        match token.type:
            case "bullet_list_open":
                numbers.append(None)
            case "ordered_list_open":
                numbers.append(int(token.attrGet("start") or 1))
            case "bullet_list_close" | "ordered_list_close":
                numbers.pop()
                yield "" if numbers else "\n"
            case "list_item_open":
                number = numbers[-1]
                pending = "- " if number is None else f"{number}. "
                numbers[-1] = None if number is None else number + 1
                marks.append(" " * len(pending))
            case "list_item_close" | "blockquote_close":
                marks.pop()
            case "blockquote_open":
                marks.append("> ")
            case "inline" | "fence" | "code_block":
                lines = (_inline(token.children or []) if token.type == "inline" else token.content).rstrip("\n")
                yield _with_marks(lines, marks, pending)
                pending = ""
            case "hr":
                yield "\n---\n\n"
            case "th_close" | "td_close":
                yield " | "
            case "tr_close" | "table_close":
                yield "\n"
            case "paragraph_close":
                yield "\n" if token.hidden else "\n\n"
            case "heading_close":
                yield "\n\n"
            case _:
                continue
        if token.type in ("fence", "code_block"):
            yield "\n\n"


def _with_marks(lines: str, marks: Sequence[str], pending: str) -> str:
    indent = "".join(marks)
    first = indent.removesuffix(" " * len(pending)) + pending if pending else indent
    return first + lines.replace("\n", "\n" + indent)


def _inline(tokens: Sequence[Token]) -> str:
    written: list[str] = []
    links: list[tuple[int, str]] = []
    for token in tokens:
        if token.type in ("softbreak", "hardbreak"):
            written.append("\n")
        elif token.type == "link_open":
            links.append((len(written), str(token.attrGet("href") or "")))
        elif token.type == "link_close":
            start, target = links.pop()
            label, address = "".join(written[start:]), target.removeprefix("mailto:")
            written[start:] = [label if label in (target, address) else f"{label} ({address})"]
        else:
            written.append(token.content)
    return "".join(written)
