"""What becomes of a provider's real requests on a bad day: seeded, so that a seed is all one needs to see it again."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast
from urllib.parse import parse_qsl, quote_plus

from services.provider_kit.contract import WebhookRequest

Value = Any
Mutator = Callable[[random.Random, bytes], bytes]

_IDS = ("event_id", "update_id", "message_id", "email_id", "ts", "MessageSid", "SmsMessageSid", "SmsSid")
_NUMBER_HEADER = "x-goog-message-number"
_LARGEST = 40_000
"""Bytes; a mutation that would make more is cut, as a cap of the door's own is tested elsewhere."""

_ODD: Sequence[Value] = (
    None,
    True,
    False,
    0,
    -1,
    2**31,
    2**63,
    -(2**63) - 1,
    10**400,
    1e308,
    5e-324,
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ud800",
    "\udfff\ud800",
    "\u202e\u2066evil",
    "'; DROP TABLE message; --",
    "{{7*7}}<script>alert(1)</script>",
    "<!channel> <@U061F7AUR> <https://evil.example|bank>",
    "=HYPERLINK(1)",
    "é" * 2000,
    "x" * 9000,
    "9" * 400,
    "NaN",
    "Infinity",
    "1763640000.000100.1",
    "٣٤",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999+14:00",
    "🧵" * 300,
    [],
    {},
    [[[[[]]]]],
    [None] * 50,
    {"": ""},
    {"a": {"b": {"c": {}}}},
    [{"type": "message"}],
    ["a\x00"],
)
_ODD_TEXTS: Sequence[str] = tuple(item for item in _ODD if isinstance(item, str) and item.isprintable())
_ODD_BYTES: Sequence[bytes] = (
    b"\x00",
    b"\xff\xfe",
    b"\x80",
    b"\xed\xa0\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\\u0000",
    b"\\ud800",
    b"\xef\xbb\xbf",
    b"%00",
    b"%ff",
    b"%ED%A0%80",
    b"%",
    b"&&&=",
    b"{",
    b"]",
    b'"',
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"9" * 5000,
    b"\r\n\r\n",
)
_ODD_HEADERS: Sequence[str] = (
    "",
    " ",
    "\x00",
    "0",
    "-1",
    "9" * 400,
    "exists,sync",
    "é",
    "\xff",
    "../..",
    "a" * 4000,
    "%00",
)


def mutate(chance: random.Random, sample: WebhookRequest) -> WebhookRequest:
    """Return a request that began as a real one; now and then it still is one, with ids of its own."""
    body = _freshen(chance, sample.body) if chance.random() < 0.8 else sample.body
    headers = dict(sample.headers)
    if _NUMBER_HEADER in headers:
        headers[_NUMBER_HEADER] = str(chance.randrange(10**9))
    for _ in range(chance.choice((0, 1, 1, 1, 1, 2, 3))):
        body = _choose(chance, body)(chance, body)[:_LARGEST]
    if chance.random() < (0.6 if not sample.body else 0.1):
        headers = _odd_header(chance, headers)
    return replace(sample, body=body, headers=headers)


def _choose(chance: random.Random, body: bytes) -> Mutator:
    is_structured = chance.random() < 0.7
    if is_structured and body.lstrip()[:1] == b"{":
        return chance.choice(_JSON_MUTATORS)
    if is_structured and b"=" in body:
        return chance.choice(_FORM_MUTATORS)
    return chance.choice(_BYTE_MUTATORS)


def _freshen(chance: random.Random, body: bytes) -> bytes:
    """Give a request ids of its own, or most would be taken for repetitions."""
    if body.lstrip()[:1] == b"{":
        value = json.loads(body)
        for place, name, old in list(_leaves(value)):
            if name in _IDS:
                place[name] = (
                    chance.randrange(10**12) if isinstance(old, int) else f"{old[:-9]}{chance.randrange(10**9):09d}"
                )
        return json.dumps(value).encode()
    pairs = parse_qsl(body.decode("ascii", "replace"), keep_blank_values=True)
    sid = f"{chance.getrandbits(128):032x}"
    return _form([(name, f"SM{sid}" if name in _IDS else value) for name, value in pairs])


# Bytes


def _flip(chance: random.Random, body: bytes) -> bytes:
    found = bytearray(body or b"{}")
    for _ in range(chance.choice((1, 1, 2, 8, 40))):
        found[chance.randrange(len(found))] = chance.randrange(256)
    return bytes(found)


def _cut(chance: random.Random, body: bytes) -> bytes:
    return body[: chance.randrange(len(body) + 1)]


def _insert(chance: random.Random, body: bytes) -> bytes:
    at = chance.randrange(len(body) + 1)
    return body[:at] + chance.choice(_ODD_BYTES) + body[at:]


def _repeat(chance: random.Random, body: bytes) -> bytes:
    at, end = sorted((chance.randrange(len(body) + 1), chance.randrange(len(body) + 1)))
    return body[:end] + body[at:end] * chance.choice((1, 2, 30)) + body[end:]


def _drop(chance: random.Random, body: bytes) -> bytes:
    at, end = sorted((chance.randrange(len(body) + 1), chance.randrange(len(body) + 1)))
    return body[:at] + body[end:]


def _noise(chance: random.Random, _body: bytes) -> bytes:
    return chance.randbytes(chance.choice((0, 1, 16, 300)))


def _nest(chance: random.Random, body: bytes) -> bytes:
    depth = chance.choice((10, 100, 1_000, 5_000))
    opening, closing = chance.choice(((b"[", b"]"), (b'{"a":', b"}")))
    return opening * depth + body + closing * depth


def _widen(_chance: random.Random, body: bytes) -> bytes:
    return body.decode("utf-8", "replace").encode("utf-16")


# JSON


def _on_json(change: Callable[[random.Random, Value], Value]) -> Mutator:
    """Return a mutator of the decoded value; bytes that are no JSON any more are flipped instead."""

    def mutator(chance: random.Random, body: bytes) -> bytes:
        try:
            value = json.loads(body)
            changed = change(chance, value)
            return json.dumps(changed, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
        except (ValueError, RecursionError):
            return _flip(chance, body)

    return mutator


def _odd_leaf(chance: random.Random, value: Value) -> Value:
    places = list(_leaves(value))
    if places:
        place, name, _ = chance.choice(places)
        place[name] = chance.choice(_ODD)
    return value


def _lost_key(chance: random.Random, value: Value) -> Value:
    places = [leaf[:2] for leaf in _leaves(value) if isinstance(leaf[0], dict)]
    if places:
        place, name = chance.choice(places)
        del place[name]
    return value


def _swapped(chance: random.Random, value: Value) -> Value:
    places = list(_leaves(value))
    if len(places) > 1:
        (one, name, first), (other, key, second) = chance.sample(places, 2)
        one[name], other[key] = second, first
    return value


def _retyped(chance: random.Random, value: Value) -> Value:
    places = list(_leaves(value))
    if places:
        place, name, old = chance.choice(places)
        place[name] = chance.choice((str(old), [old], {"value": old}, {str(old)[:50]: old}))
    return value


def _deep_leaf(chance: random.Random, value: Value) -> Value:
    places = list(_leaves(value))
    if places:
        place, name, old = chance.choice(places)
        deep = old
        for _ in range(chance.choice((5, 50, 400))):
            deep = [deep] if chance.random() < 0.5 else {"a": deep}
        place[name] = deep
    return value


def _twice(chance: random.Random, body: bytes) -> bytes:
    """Name a key twice, which two readers could understand differently."""
    names = [line.split(b'"')[0] for line in body.split(b'"')[1::2] if line]
    name = chance.choice(names or [b"type"])
    return body.rstrip()[:-1] + b',"' + name + b'":' + json.dumps(chance.choice(_ODD)).encode() + b"}"


def _leaves(value: Value) -> list[tuple[Value, Any, Value]]:
    """Return every place in a value: what holds it, its name there, and what stands there."""
    found: list[tuple[Value, Any, Value]] = []
    waiting: list[Value] = [value]
    while waiting:
        place = waiting.pop()
        found += [(place, name, item) for name, item in _items(place)]
        waiting += [item for _, item in _items(place)]
    return found


def _items(place: Value) -> list[tuple[Any, Value]]:
    if isinstance(place, dict):
        return list(cast("dict[str, Value]", place).items())
    return list(enumerate(cast("list[Value]", place))) if isinstance(place, list) else []


# Forms


def _on_form(change: Callable[[random.Random, list[tuple[str, str]]], list[tuple[str, str]]]) -> Mutator:
    def mutator(chance: random.Random, body: bytes) -> bytes:
        pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True)
        return _form(change(chance, pairs)) if pairs else _flip(chance, body)

    return mutator


def _odd_field(chance: random.Random, pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    at = chance.randrange(len(pairs))
    return [*pairs[:at], (pairs[at][0], chance.choice(_ODD_TEXTS)), *pairs[at + 1 :]]


def _lost_field(chance: random.Random, pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    at = chance.randrange(len(pairs))
    return [*pairs[:at], *pairs[at + 1 :]]


def _field_twice(chance: random.Random, pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    name, value = chance.choice(pairs)
    return [*pairs, (name, chance.choice((value, "", "x", "\x00")))]


def _many_fields(chance: random.Random, pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [
        *pairs,
        *((f"MediaUrl{number}", "https://evil.example") for number in range(chance.choice((10, 495, 2_000)))),
    ]


def _form(pairs: Sequence[tuple[str, str]]) -> bytes:
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs).encode()


# Headers


def _odd_header(chance: random.Random, headers: Mapping[str, str]) -> dict[str, str]:
    name = chance.choice([*headers, "x-forwarded-host", "content-type"])
    found = {**headers, name: chance.choice(_ODD_HEADERS)}
    if chance.random() < 0.3:
        found.pop(name)
    return found


_BYTE_MUTATORS: Sequence[Mutator] = (_flip, _cut, _insert, _repeat, _drop, _noise, _nest, _widen)
_JSON_MUTATORS: Sequence[Mutator] = (
    _on_json(_odd_leaf),
    _on_json(_odd_leaf),
    _on_json(_lost_key),
    _on_json(_swapped),
    _on_json(_retyped),
    _on_json(_deep_leaf),
    _twice,
    _insert,
)
_FORM_MUTATORS: Sequence[Mutator] = (
    _on_form(_odd_field),
    _on_form(_odd_field),
    _on_form(_lost_field),
    _on_form(_field_twice),
    _on_form(_many_fields),
    _insert,
)
