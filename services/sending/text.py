"""Cuts a long text into messages that a provider takes."""

_BREAKS = ("\n\n", "\n", ". ", " ")


def split_text(text: str, *, limit: int) -> list[str]:
    """Return the text in parts of at most ``limit`` characters, cut at the widest break that is in reach.

    Nothing is lost but the white space at a cut. An empty text has no parts.
    """
    parts: list[str] = []
    rest = text.strip()
    while len(rest) > limit:
        cut = _cut(rest, limit)
        parts.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*parts, rest] if rest else parts


def _cut(text: str, limit: int) -> int:
    """Return where to cut; in the second half if there is a break, else at the limit."""
    for mark in _BREAKS:
        at = text.rfind(mark, limit // 2, limit + 1 - len(mark.rstrip()))
        if at > 0:
            return at + len(mark.rstrip())
    return limit
