"""A secret shows itself to nobody."""

import copy
import json
import logging
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from services.kernel.secret import Secret

CANARY = "canary-7f3a91d2"


def show_as_text(secret: Secret) -> object:
    return f"{secret}"


def show_in_a_list(secret: Secret) -> object:
    return repr([secret])


def show_in_a_mapping(secret: Secret) -> object:
    return str({"secret": secret})


def show_pickled_as_text(secret: Secret) -> object:
    return pickle.dumps(secret, protocol=0)


SHOWS: list[Callable[[Any], object]] = [
    repr, str, "{}".format, "{:>10}".format, "{!r}".format, "%s".__mod__, show_as_text, show_in_a_list,
    show_in_a_mapping, json.dumps, pickle.dumps, show_pickled_as_text, hash, vars, bytes, list, len,
]  # fmt: skip


@pytest.mark.parametrize("show", SHOWS)
def test_a_secret_refuses_to_be_shown_or_serialised(show: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError) as caught:
        show(Secret(CANARY))
    assert CANARY not in str(caught.value)


def test_a_dataclass_that_holds_one_can_hide_it() -> None:
    @dataclass(frozen=True)
    class Holder:
        name: str
        secret: Secret = field(repr=False)

    assert CANARY not in repr(Holder("a", Secret(CANARY)))


def test_reveal_gives_the_value_and_copies_stay_secret() -> None:
    secret = Secret(CANARY)
    assert secret.reveal() == CANARY
    assert copy.copy(secret) is secret and copy.deepcopy({"a": secret})["a"] is secret


def test_secrets_compare_by_value_and_with_nothing_else() -> None:
    assert Secret("a") == Secret("a") and Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert Secret("\ud800") == Secret("\ud800") and Secret("\ud800") != Secret("?")


@pytest.mark.parametrize(("value", "expected"), [("", False), ("  \n", False), ("x", True)])
def test_a_blank_secret_is_false(value: str, expected: bool) -> None:
    assert bool(Secret(value)) is expected


@pytest.mark.parametrize(("value", "expected"), [("short", ""), ("x" * 11, ""), ("x" * 8 + "1234", "1234")])
def test_only_long_secrets_show_their_ending(value: str, expected: str) -> None:
    assert Secret(value).ending() == expected


def test_a_secret_in_a_log_call_of_a_library_is_not_written(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(TypeError):  # pytest raises what a handler would swallow
        logging.getLogger("library").warning("token %s", Secret(CANARY))
    assert CANARY not in caplog.text
