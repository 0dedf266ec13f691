"""What a text message is: segments (3GPP TS 23.038) and the words that opt out, in or ask for help."""

from enum import StrEnum

_GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = frozenset("^{}\\[~]|€\f")


class Keyword(StrEnum):
    """What a whole message can mean to the network."""

    STOP = "stop"
    START = "start"
    HELP = "help"


_KEYWORDS = {
    **dict.fromkeys(("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"), Keyword.STOP),
    **dict.fromkeys(("START", "YES", "UNSTOP"), Keyword.START),
    **dict.fromkeys(("HELP", "INFO"), Keyword.HELP),
}


def keyword_of(body: str) -> Keyword | None:
    """Return what a message means to the network: one word only, case and outer spaces ignored."""
    return _KEYWORDS.get(body.strip().upper())


def count_segments(body: str) -> int:
    """Return how many segments a message takes: GSM-7 160 or 153 each, else UCS-2 70 or 67.

    A character never splits over two segments: neither an escaped GSM one nor a surrogate pair.
    """
    if all(character in _GSM_BASIC or character in _GSM_EXTENDED for character in body):
        return _fill([2 if character in _GSM_EXTENDED else 1 for character in body], single=160, joined=153)
    return _fill([2 if ord(character) > 0xFFFF else 1 for character in body], single=70, joined=67)


def _fill(widths: list[int], *, single: int, joined: int) -> int:
    if sum(widths) <= single:
        return 1
    segments, used = 1, 0
    for width in widths:
        if used + width > joined:
            segments, used = segments + 1, 0
        used += width
    return segments
