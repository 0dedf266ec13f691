"""Separates what is new in a letter from what it repeats: single passes over its lines, in linear time.

Patterns that look simple hang on one small letter (``email-reply-parser`` and ``mail-parser-reply`` both do), so there
are none here. Where it is in doubt, text stays: too much is better than a sentence that nobody sees.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.email.quote_markers import ATTRIBUTIONS, FORWARDS, FROM_HEADERS, OTHER_HEADERS, SENT_FROM, SEPARATORS
from services.email.texts import storable

MAX_CHARACTERS = 200_000
"""Of a longer letter only this much is looked at; the rest counts as quoted."""
_MAX_MARKER_CHARACTERS = 400
_HEADER_LINES = 5
_ATTRIBUTION_LINES = 3
_SIGNATURE_LINES = 15
_RULE = "-_–—*= \t\xa0"


@dataclass(frozen=True, slots=True)
class Split:
    """A letter's text in two: what is new, and the rest; together they hold all of its lines."""

    text: str
    quoted: str


def split_quote(text: str) -> Split:
    """Return what is new in a letter, apart from quotes and signature.

    The new text is never empty unless the letter is: one that holds only quotes is returned whole. Where answers
    stand between quoted lines, those stay, since they say what is answered; so does a letter that is passed on.
    """
    clean = storable(text).replace("\r\n", "\n").replace("\r", "\n")
    lines = clean[:MAX_CHARACTERS].split("\n")
    end = _end_of_new(lines)
    start = _start_of_new(lines, end)
    new = "\n".join(lines[start:end]).strip()
    if not new:
        return Split(clean.strip(), "")
    rest = "\n".join([*lines[:start], *lines[end:]]) + clean[MAX_CHARACTERS:]
    return Split(new, rest.strip("\n"))


def _end_of_new(lines: Sequence[str]) -> int:
    """Return how many lines there are before what is only repeated or signed."""
    end = _before_earlier_letter(lines, _before_signature(lines, len(lines)))
    if any(_is_marker(line, FORWARDS) for line in lines[:end]):
        return len(lines)
    end = _before_trailing_quote(lines, end)
    return _before_signature(lines, _before_rules(lines, end))


def _start_of_new(lines: Sequence[str], end: int) -> int:
    """Return where the author begins who wrote below one quote; 0 if quotes and answers take turns."""
    begin = _skip_blank(lines, 0, end)
    at = _skip_blank(lines, begin + _attribution_length(lines, begin), end)
    start = at
    while start < end and (_is_quoted(lines[start]) or not lines[start].strip()):
        start += 1
    takes_turns = any(_is_quoted(line) for line in lines[start:end])
    return 0 if start in (at, end) or takes_turns else start


def _before_earlier_letter(lines: Sequence[str], end: int) -> int:
    """Return where a whole earlier letter begins that is not marked line by line."""
    for at in range(end):
        if _is_marker(lines[at], FORWARDS):
            return end
        if _is_marker(lines[at], SEPARATORS) or _is_header_block(lines, at):
            return at
        length = _attribution_length(lines, at)
        if length and _is_dated(lines[at : at + length]) and not _is_quote_next(lines, at + length, end):
            return at
    return end


def _before_trailing_quote(lines: Sequence[str], end: int) -> int:
    """Return where the quoted lines at the end begin, with the line that announces them."""
    start = end
    while start and (_is_quoted(lines[start - 1]) or not lines[start - 1].strip()):
        start -= 1
    if not any(_is_quoted(line) for line in lines[start:end]):
        return end
    for length in range(min(_ATTRIBUTION_LINES, start), 0, -1):
        if _attribution_length(lines, start - length) == length:
            return start - length
    return start


def _before_signature(lines: Sequence[str], end: int) -> int:
    """Return where the signature begins: below ``-- `` (RFC 3676 §4.3), or the last line if a telephone wrote it."""
    while end and not lines[end - 1].strip():
        end -= 1
    for at in range(end - 1, max(end - 1 - _SIGNATURE_LINES, -1), -1):
        if lines[at].rstrip() == "--":
            return at
    return end - 1 if end and lines[end - 1].strip().casefold().startswith(SENT_FROM) else end


def _before_rules(lines: Sequence[str], end: int) -> int:
    while end and not lines[end - 1].strip(_RULE):
        end -= 1
    return end


def _skip_blank(lines: Sequence[str], at: int, end: int) -> int:
    while at < end and not lines[at].strip():
        at += 1
    return at


def _is_quoted(line: str) -> bool:
    """Return whether a line is marked as quoted; ``>50 %`` and ``>= 3`` are not."""
    marked = line.lstrip(" ")
    return marked.startswith(">") and not (len(marked) > 1 and (marked[1].isdigit() or marked[1] == "="))


def _is_quote_next(lines: Sequence[str], at: int, end: int) -> bool:
    """Return whether the next line that is not blank is marked; at most a few blank ones stand between."""
    following = next((line for line in lines[at : min(end, at + 4)] if line.strip()), "")
    return _is_quoted(following)


def _is_marker(line: str, words: frozenset[str]) -> bool:
    """Return whether a line is one of these words between dashes, or ends with a colon instead."""
    if len(line) > _MAX_MARKER_CHARACTERS:
        return False
    bare = line.strip()
    is_set_off = not bare[:2].strip(_RULE) or bare.endswith(":")
    return is_set_off and bare.strip(_RULE).rstrip(":").casefold() in words


def _is_header_block(lines: Sequence[str], at: int) -> bool:
    """Return whether "From: …" stands here and at least two more of a letter's headers follow closely."""
    if _header_name(lines[at]) not in FROM_HEADERS:
        return False
    following = {_header_name(line) for line in lines[at + 1 : at + 1 + _HEADER_LINES]}
    return len(following & OTHER_HEADERS) > 1


def _header_name(line: str) -> str:
    """Return what stands before the first colon, without the asterisks of what had been bold; empty if nothing does."""
    name, colon, _ = line[:_MAX_MARKER_CHARACTERS].replace("：", ":").partition(":")
    return name.strip(" *\t\xa0").casefold() if colon and len(name) < 40 else ""


def _attribution_length(lines: Sequence[str], at: int) -> int:
    """Return over how many lines "On … wrote:" runs from here; 0 if it does not stand here."""
    if at >= len(lines) or not lines[at].strip() or _is_quoted(lines[at]):
        return 0
    joined = ""
    for length, line in enumerate(lines[at : at + _ATTRIBUTION_LINES], start=1):
        joined = f"{joined} {line.strip()}".strip().replace("\xa0", " ")
        if len(joined) > _MAX_MARKER_CHARACTERS or not line.strip():
            return 0
        if _announces(joined.casefold(), is_one_line=length == 1):
            return length
    return 0


def _announces(line: str, *, is_one_line: bool) -> bool:
    return line.endswith((":", "：")) and any(
        line.startswith(opening) and (opening or is_one_line) and any(word in line for word in words)
        for opening, words in ATTRIBUTIONS
    )


def _is_dated(lines: Sequence[str]) -> bool:
    """Return whether an announcement holds an address, a time of day or a year, as those of programs do."""
    joined = " ".join(lines)
    digits = "".join("0" if character.isdigit() else character for character in joined)
    return "@" in joined or "0:00" in digits or "0000" in digits
