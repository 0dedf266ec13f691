"""Strict readers of what providers send."""

import contextlib
import time
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from services.kernel.errors import InvalidInput
from services.provider_kit.payloads import parse_form, parse_json, read_model, remember_last, storable_text


class Wire(BaseModel):
    """A wire model."""

    id: str
    count: int = 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"1",
        b"null",
        b"{",
        b'{"a":1}x',
        b"\xff",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":1,"a":1}',
        b'{"b":{"a":1,"a":2}}',
        b"\xef\xbb\xbf{}",
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'{"a":' + b"1" * 1_000_000 + b"}",
    ],
    ids=lambda body: str(body[:12]),
)
def test_what_is_no_plain_json_object_is_refused_quickly(body: bytes) -> None:
    began = time.perf_counter()
    with pytest.raises(InvalidInput):
        parse_json(body)
    assert time.perf_counter() - began < 0.5


def test_nesting_that_only_a_second_look_finds_too_deep_is_refused() -> None:
    for depth in range(100, 1_000, 50):
        with contextlib.suppress(InvalidInput):
            parse_json(b'{"a":"\\u0000","b":' + b"[" * depth + b"]" * depth + b"}")


def test_what_the_database_cannot_hold_is_dropped_from_strings() -> None:
    assert parse_json(b'{"a\\u0000":["x\\u0000y",{"b":"\\ud800!"}],"c":"\\ud83d\\ude00"}') == {
        "a": ["xy", {"b": "\ufffd!"}],
        "c": "\U0001f600",
    }


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_every_text_becomes_storable(text: str) -> None:
    stored = storable_text(text)

    assert "\x00" not in stored
    stored.encode()
    assert storable_text(stored) == stored


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for read in (parse_json, parse_form):
        try:
            read(body)
        except InvalidInput as error:
            assert error.field == "body"  # noqa: PT017


def test_a_form_keeps_blank_values_order_and_duplicates() -> None:
    form = parse_form(b"b=2&a=&b=3&c=%E2%82%AC+x")

    assert form.items == (("b", "2"), ("a", ""), ("b", "3"), ("c", "€ x"))
    assert list(form) == ["b", "a", "c"] and len(form) == 3 and form.getlist("b") == ["2", "3"]


@pytest.mark.parametrize("body", [b"a", b"a=1&b", b"a=%ff", b"a=\xe2\x82\xac", b"&".join([b"a=1"] * 501)])
def test_a_broken_form_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        parse_form(body)


def test_a_field_that_comes_twice_must_agree() -> None:
    assert parse_form(b"a=1&a=1").values() == {"a": "1"}
    with pytest.raises(InvalidInput):
        parse_form(b"a=1&a=2").values()


def test_a_model_error_names_the_place_and_not_the_value() -> None:
    words = "my card is 4111"
    with pytest.raises(InvalidInput) as caught:
        read_model(Wire, {"id": "x", "count": words})

    assert caught.value.field == "count"
    assert words not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None


def test_a_body_is_read_once_in_a_row_and_never_taken_for_another() -> None:
    read: list[bytes] = []
    read_once = remember_last(lambda body: (read.append(body), len(read))[1])
    first, equal = b"a body", bytes(bytearray(b"a body"))
    assert [read_once(first), read_once(first), read_once(equal), read_once(first)] == [1, 1, 2, 3]


def test_a_body_that_cannot_be_read_is_refused_each_time() -> None:
    read_once = remember_last(parse_json)
    body = b"no json"
    for _ in range(2):
        with pytest.raises(InvalidInput):
            read_once(body)
