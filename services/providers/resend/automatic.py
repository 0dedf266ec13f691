"""Which letters no person wrote. They are kept and shown, and never answered (RFC 3834 §2)."""

from collections.abc import Callable, Mapping, Sequence

from services.providers.resend.addresses import header

_BULK = frozenset({"auto_reply", "bulk", "junk", "list"})
_ROBOTS = frozenset({"mailer-daemon", "postmaster"})


def why_automatic(headers: Mapping[str, str], *, from_address: str) -> str:
    """Return why a letter is taken for a machine's, in words; empty for a person's.

    Args:
        headers: by their names in lower case.
        from_address: who wrote it.
    """
    for name, is_automatic, words in _SIGNS:
        value = header(headers, name).lower()
        if name in headers and is_automatic(value):
            return words.replace("{value}", value[:60])
    if from_address.partition("@")[0] in _ROBOTS:
        return "it comes from a mail server"
    return ""


def _is_anything(value: str) -> bool:
    return bool(value)


def _is_submitted_by_a_machine(value: str) -> bool:
    # Parameters and comments may follow the word.
    return bool(value) and value.partition(";")[0].partition("(")[0].strip() != "no"


def _asks_for_silence(value: str) -> bool:
    return value not in ("", "none")


def _is_bulk(value: str) -> bool:
    return value in _BULK


def _is_empty_path(value: str) -> bool:
    return value.replace(" ", "") in ("", "<>")


def _is_report(value: str) -> bool:
    return value.startswith("multipart/report")


_SIGNS: Sequence[tuple[str, Callable[[str], bool], str]] = (
    ("auto-submitted", _is_submitted_by_a_machine, "its header says Auto-Submitted: {value}"),
    ("list-id", _is_anything, "it comes from a mailing list"),
    ("precedence", _is_bulk, "its header says Precedence: {value}"),
    ("x-auto-response-suppress", _asks_for_silence, "its header asks for no automatic answer"),
    ("content-type", _is_report, "it reports what became of another letter"),
    ("return-path", _is_empty_path, "it has no address to send errors to, as automatic letters do"),
)
