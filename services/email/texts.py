"""Lines of a letter's head: stored and sent only in a form that holds one line."""

import re

MAX_SUBJECT_CHARACTERS = 300
MAX_NAME_CHARACTERS = 120
MAX_ID_CHARACTERS = 998
MAX_REFERENCES = 21
"""The first and the last twenty (RFC 5322 §3.6.4 wants the chain; nothing wants thousands of them)."""

# "Re:" in the languages mail programs speak, counted ones such as "Re[2]:" and "RE (3):" too.
_REPLY_PREFIX = re.compile(
    r"(?:re|aw|antw|sv|vs|rif|odp|ynt|res|réf|ref|回复|答复|返信)(?:[\[(]\d{1,3}[\])])?[:：]", re.I
)
_ADDRESS_CHARACTERS = 254


def one_line(text: str, *, limit: int) -> str:
    """Return the text without line breaks and control characters, cut to ``limit`` characters.

    A line break in a header's value would begin another header (CVE-2024-6923).
    """
    cleaned = "".join(character if character.isprintable() else " " for character in text[: limit * 4])
    line = " ".join(cleaned.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def storable(text: str) -> str:
    """Return the text without what PostgreSQL cannot hold: zero characters and lone surrogates."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def reply_subject(subject: str) -> str:
    """Return the subject of an answer: the same, with exactly one "Re: " (RFC 5322 §3.6.5)."""
    rest = one_line(subject, limit=MAX_SUBJECT_CHARACTERS)
    while found := _REPLY_PREFIX.match(rest):
        rest = rest[found.end() :].lstrip()
    return one_line(f"Re: {rest}".rstrip(), limit=MAX_SUBJECT_CHARACTERS)


def chain(references: list[str] | tuple[str, ...]) -> list[str]:
    """Return a chain of message ids without repetitions, its middle left out if it is long."""
    known = list(dict.fromkeys(item for item in references if item))
    return known if len(known) <= MAX_REFERENCES else [known[0], *known[1 - MAX_REFERENCES :]]


def id_line(internet_message_id: str) -> str:
    """Return a message id as stored and compared: ASCII (RFC 5322 §3.6.4), no longer than a line may be.

    An index entry has a limit too; a letter that exceeds it must not be one that can never be stored.
    """
    return internet_message_id.encode("ascii", "replace").decode().replace("\0", "")[:MAX_ID_CHARACTERS]


def address_line(address: str) -> str:
    """Return an address as stored and compared: in lower case, one line."""
    return one_line(address, limit=_ADDRESS_CHARACTERS).lower()
