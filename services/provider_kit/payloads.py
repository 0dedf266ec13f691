"""Reads what providers send: strict parsers whose only failure is ``InvalidInput``, whatever the bytes are."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar, cast
from urllib.parse import parse_qsl

import jiter
from pydantic import BaseModel, ValidationError

from services.kernel.errors import InvalidInput

_MAX_FORM_FIELDS = 500

ModelT = TypeVar("ModelT", bound=BaseModel)
Read = TypeVar("Read")


def parse_json(body: bytes) -> dict[str, object]:
    """Decode a JSON object.

    Duplicate keys and ``NaN`` are refused: two readers could understand such a body differently.
    What PostgreSQL text cannot hold (NUL, lone surrogates) is dropped from strings.

    Raises:
        InvalidInput: the bytes are not UTF-8, not JSON, nested too deeply, or not an object.
    """
    decoded: object = None
    with contextlib.suppress(ValueError, RecursionError):
        found = _decode(body)
        decoded = _storable(found) if b"\\u" in body else found
    # Raised outside a handler: the decoder's exception carries the whole body.
    if not isinstance(decoded, dict):
        raise InvalidInput("The body must be a JSON object in UTF-8.", field="body", code="invalid_body")
    return cast(dict[str, object], decoded)


def remember_last(read: Callable[[bytes], Read]) -> Callable[[bytes], Read]:
    """Return a reader of bodies that reads one body once, however many questions are asked about it in a row.

    The very same bytes object, never an equal one. What cannot be read is read again.
    """
    last: tuple[bytes, Read] | None = None

    def read_once(body: bytes) -> Read:
        nonlocal last
        known = last
        if known is None or known[0] is not body:
            last = known = (body, read(body))
        return known[1]

    return read_once


@dataclass(frozen=True, slots=True)
class Form:
    """A decoded ``application/x-www-form-urlencoded`` body: order, blank values and duplicates kept."""

    items: tuple[tuple[str, str], ...]

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self.items))

    def __len__(self) -> int:
        return len(dict(self.items))

    def getlist(self, name: str) -> list[str]:
        """Return all values of a field, in order."""
        return [value for key, value in self.items if key == name]

    def values(self) -> dict[str, str]:
        """Return one storable value per field.

        Raises:
            InvalidInput: a field comes twice with different values.
        """
        found: dict[str, str] = {}
        for name, value in self.items:
            if found.setdefault(name, value) != value:
                raise InvalidInput("A form field comes twice.", field=name[:60], code="invalid_body")
        return {name: storable_text(value) for name, value in found.items()}


def parse_form(body: bytes) -> Form:
    """Decode a form body strictly.

    Raises:
        InvalidInput: the bytes are not a form in UTF-8.
    """
    items: list[tuple[str, str]] | None = None
    with contextlib.suppress(ValueError):
        text = body.decode("ascii")
        items = parse_qsl(
            text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=_MAX_FORM_FIELDS
        )
    if items is None:
        raise InvalidInput("The body must be a form in UTF-8.", field="body", code="invalid_body")
    return Form(tuple(items))


def read_model(model: type[ModelT], values: Mapping[str, Any]) -> ModelT:
    """Check decoded values against a wire model.

    Raises:
        InvalidInput: names the first value that is wrong, and never quotes it.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    # Raised outside the handler: pydantic's exception quotes the input, which may be a contact's words.
    raise InvalidInput(
        f"The body is not what the provider documents: {place} {first['type']}.", field=place, code="invalid_body"
    )


def storable_text(text: str) -> str:
    """Return the text without what PostgreSQL text cannot hold: NUL, and surrogates without a partner."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _decode(body: bytes) -> object:
    """Decode strictly: at once with a quick decoder, and what that one refuses once more with a thorough one.

    The standard library's also takes deeper nesting, and surrogates without a partner.
    """
    try:
        return jiter.from_json(body, allow_inf_nan=False, catch_duplicate_keys=True, cache_mode="keys")
    except ValueError:
        return _DECODER.decode(body.decode("utf-8"))


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _storable(value: object) -> object:
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, list):
        return [_storable(item) for item in cast(list[object], value)]
    if isinstance(value, dict):
        return {storable_text(key): _storable(item) for key, item in cast(dict[str, object], value).items()}
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
