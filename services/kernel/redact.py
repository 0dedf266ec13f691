"""The one redaction step: every log record passes through it, ours and those of libraries.

It works by the name of a key and by the shape of a value, never raises, and takes linear time on any input: all
patterns are bounded or cannot fail once they have consumed something.
"""

import re
from collections.abc import Mapping, MutableMapping, Sequence, Set
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, cast
from uuid import UUID

from pydantic import SecretStr

from services.kernel.secret import Secret

JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]

REDACTED = "[redacted]"
SECRET = "[secret]"
MAX_CHARACTERS = 8_000
"""Longer texts lose their middle."""
_MAX_READ = 200_000
_MAX_ITEMS = 100
_MAX_DEPTH = 6
_TOO_SHORT_TO_MATTER = 8
_HARMLESS = re.compile(
    r"[a-z]{1,20}\.[a-z_]{1,40}\.[a-z_]{1,40}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
)
"""``area.thing.what_happened`` and ids: no pattern finds anything in them, and every line has some."""
_STRUCTLOG_KEYS = frozenset({"_record", "_from_structlog"})
"""Removed by structlog before an event is rendered."""

_SENSITIVE_KEY = re.compile(
    r"token|secret|passw|passphrase|passcode|authorization|authentication|cookie|signature|credential"
    r"|apikey|privatekey|accesskey|signingkey|encryptionkey|datakey|keyring|codeverifier|clientassertion|otp$|totp|pin$"
)
_HARMLESS_KEY = re.compile(r"tokens$|count$|type$|kind$|tokenid$|secretid$|credentialid$|keyid$")
"""Names such as ``input_tokens`` or ``credential_id``, which say something about a secret without being one."""

_WORD = (
    r"(?:token(?!s\b|_count|_type|_id)|secret|passw(?:or)?d|passphrase|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|signing[_-]?key|client[_-]?assertion|code[_-]?verifier|signature|credential)"
)
_VALUE = r"""(?:\\{0,3}"(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?|[^\s"'&,;]+)"""
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # Private keys, also cut short.
        (r"-----BEGIN [A-Z0-9 ]{0,40}KEY-----[^-]*(?:-----END [A-Z0-9 ]{0,40}KEY-----)?", REDACTED),
        # Headers: to the end of the line, whatever the scheme.
        (
            r"(?i)\b((?:authorization|(?:set-)?cookie2?|x-[a-z-]{0,30}(?:signature|token|key))"
            r"""[\\"']{0,4}\s{0,4}[:=])[^\r\n]*""",
            rf"\1 {REDACTED}",
        ),
        (r"(?i)\b(bearer|basic|digest)\s{1,4}[\w.~+/=-]{8,}", rf"\1 {REDACTED}"),
        # User information and secret query values of URLs, and the tokens in our own webhook addresses.
        (r"(://)[^/\s@\"']{1,256}@", rf"\1{REDACTED}@"),
        (r"(?i)([?&](?:code|state|sig|key|auth|sid|session|access|hmac)=)[^&\s\"'#]+", rf"\1{REDACTED}"),
        (r"(/webhooks/[a-z0-9-]{1,40}/)[\w-]{16,}", rf"\1{REDACTED}"),
        (r"(hooks\.slack\.com/)[\w/-]+", rf"\1{REDACTED}"),
        # name=value, "name": "value", name: value.
        (rf"""(?i)({_WORD}[\w-]{{0,30}}[\\"']{{0,4}}\s{{0,4}}[:=]\s{{0,4}}){_VALUE}""", rf"\1{REDACTED}"),
        (r"(?i)(auth[\w -]{0,20}[\s:=\"']{1,4})[0-9a-f]{32,}", rf"\1{REDACTED}"),
        # Tokens that are known by their beginning.
        (r"\b(?:xox[a-z]|xapp|xoxe\.xox[a-z])-[\w-]{6,}", REDACTED),
        (r"\b(?:sk|rk|pk)[-_][\w-]{12,}", REDACTED),
        (r"\bwhsec_[\w+/=-]{6,}", REDACTED),
        (r"\b(?:re|pb|pat|key|shp(?:at|ss|ca))_[A-Za-z0-9]\w{15,}", REDACTED),
        (r"\b(?:gh[a-z]_|github_pat_|glpat-|npm_|GOCSPX-|AIza|ya29\.|1//)[\w-]{10,}", REDACTED),
        (r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}", REDACTED),
        (r"\beyJ[\w-]{8,}(?:\.[\w-]*){0,4}", REDACTED),
        # People: mail addresses and phone numbers.
        (r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}", "[email]"),
        (r"(?<![\w.:])\+\d{7,15}\b", "[phone]"),
    )
)


def redact_text(text: str) -> str:
    """Return a text without what looks like a secret, a mail address or a phone number, and not overly long."""
    if len(text) < _TOO_SHORT_TO_MATTER or _HARMLESS.fullmatch(text):
        return text
    left_out = len(text) - _MAX_READ
    if left_out > 0:
        text = text[:_MAX_READ]
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    if left_out > 0:
        text += f"… [{left_out} characters left out]"
    if len(text) > MAX_CHARACTERS:
        half = MAX_CHARACTERS // 2
        text = f"{text[:half]}… [{len(text) - MAX_CHARACTERS} characters left out] …{text[-half:]}"
    return text


def redact(value: object, *, key: str = "") -> JsonValue:
    """Return a value as plain JSON data without secrets; never raises.

    Args:
        value: anything; objects we do not know become the name of their type.
        key: the name it stands under, which alone may make it secret.
    """
    try:
        return _redact(value, key=key, depth=0)
    except Exception:  # a hostile object must not take the log line, or the request, down
        return "[unprintable]"


def redact_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Redact one log event: the structlog processor."""
    return {name: value if name in _STRUCTLOG_KEYS else redact(value, key=name) for name, value in event.items()}


def _redact(value: object, *, key: str, depth: int) -> JsonValue:
    if isinstance(value, Secret | SecretStr):
        return SECRET
    if value is None or isinstance(value, bool):
        return value
    if key and _is_sensitive(key, value):
        return REDACTED
    if isinstance(value, str):
        return redact_text(str(value))
    if isinstance(value, int):
        return int(value) if abs(value) < 1 << 63 else "[large number]"
    if isinstance(value, float):
        return float(value) if value - value == 0 else str(float(value))
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(cast(bytes, value))} bytes]"
    if isinstance(value, Enum):
        return _redact(value.value, key=key, depth=depth + 1)
    if isinstance(value, UUID | date | timedelta | Decimal):
        return str(value)
    if isinstance(value, PurePath):
        return redact_text(str(value))
    if isinstance(value, BaseException):
        return redact_text(f"{type(value).__name__}: {value}")
    if depth >= _MAX_DEPTH:
        return "[…]"
    return _redact_container(value, depth=depth)


def _redact_container(value: object, *, depth: int) -> JsonValue:
    if isinstance(value, Mapping):
        items = list(cast("Mapping[object, object]", value).items())[:_MAX_ITEMS]
        return {
            _key_name(name): _redact(item, key=name if isinstance(name, str) else "", depth=depth + 1)
            for name, item in items
        }
    if isinstance(value, Sequence | Set):
        members = list(cast("Sequence[object]", value))[:_MAX_ITEMS]
        return [_redact(member, key="", depth=depth + 1) for member in members]
    return f"[{type(value).__name__}]"


def _is_sensitive(key: str, value: object) -> bool:
    name = key[:100].lower().replace("_", "").replace("-", "").replace(" ", "").replace(".", "")
    if not _SENSITIVE_KEY.search(name):
        return False
    return not (_HARMLESS_KEY.search(name) and isinstance(value, int | float | str | UUID | Enum))


def _key_name(name: object) -> str:
    return redact_text(name)[:100] if isinstance(name, str) else str(_redact(name, key="", depth=_MAX_DEPTH))
