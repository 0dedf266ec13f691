"""The part of a text in which words were found, with the words marked. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_AROUND = 200
"""About how many characters are shown."""
_BEFORE = 48
"""How many of them at most stand before the first word that was found."""
_ASKED = re.compile(r'(-?)(?:"([^"]*)"|(\S+))')
_EITHER = "or"
"""Stands between alternatives, as in PostgreSQL's ``websearch_to_tsquery``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartView:
    """A stretch of a text."""

    text: str
    is_match: bool
    """Whether it is one of the words that were searched for."""


def excerpt(text: str, words: str) -> tuple[PartView, ...]:
    """Return what stands around the first of the words in a text; its beginning if none is told apart in it.

    Args:
        text: what was said.
        words: what was searched for, as one types it into a search engine.
    """
    line = " ".join(text.split())
    pattern = _pattern(words)
    first = pattern.search(line) if pattern else None
    start = _word_after(line, first.start() - _BEFORE) if first else 0
    end = _word_before(line, start + _AROUND)
    before, after = "… " if start else "", " …" if end < len(line) else ""
    return mark(f"{before}{line[start:end]}{after}", words)


def mark(text: str, words: str) -> tuple[PartView, ...]:
    """Return a whole text in stretches, of which some are the words."""
    pattern = _pattern(words)
    found = list(_stretches(text, pattern)) if pattern else [PartView(text=text, is_match=False)]
    return tuple(part for part in found if part.text)


def _stretches(text: str, pattern: re.Pattern[str]) -> Iterator[PartView]:
    at = 0
    for match in pattern.finditer(text):
        yield PartView(text=text[at : match.start()], is_match=False)
        yield PartView(text=match[0], is_match=True)
        at = match.end()
    yield PartView(text=text[at:], is_match=False)


def _pattern(words: str) -> re.Pattern[str] | None:
    """Return what finds the words that are wanted, whole and whatever their case; None if there are none."""
    wanted = {
        r"\W+".join(map(re.escape, pieces))
        for sign, phrase, word in _ASKED.findall(words)
        if not sign and word.lower() != _EITHER and (pieces := re.findall(r"\w+", phrase or word))
    }
    longest_first = sorted(wanted, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)", re.IGNORECASE) if wanted else None


def _word_after(line: str, place: int) -> int:
    """Return where the first whole word from a place on begins."""
    return line.find(" ", place) + 1 if place > 0 else 0


def _word_before(line: str, place: int) -> int:
    """Return where the last whole word up to a place ends."""
    return max(line.rfind(" ", 0, place), 0) or place if place < len(line) else len(line)
