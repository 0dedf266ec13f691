"""The error tree tells its reader what to do."""

from datetime import timedelta

import pytest

from services.kernel import errors
from services.kernel.errors import (
    ConfigurationError,
    Conflict,
    Forbidden,
    InvalidInput,
    NeedsReauth,
    NotFound,
    PatchbayError,
    Refused,
    RetryLater,
    Unauthenticated,
)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (RetryLater, "retry_later"),
        (NeedsReauth, "needs_reauth"),
        (Refused, "refused"),
        (Forbidden, "forbidden"),
        (Unauthenticated, "unauthenticated"),
        (NotFound, "not_found"),
        (Conflict, "conflict"),
    ],
)
def test_every_error_has_a_stable_code_that_can_be_narrowed(kind: type[PatchbayError], code: str) -> None:
    assert kind("Text.").code == code
    assert kind("Text.", code="narrower").code == "narrower"


def test_an_error_carries_where_it_came_from() -> None:
    error = Refused("No such channel.", code="channel_missing", provider="slack", status=404, request_id="r1")
    assert (str(error), error.message) == ("No such channel.", "No such channel.")
    assert (error.provider, error.status, error.request_id) == ("slack", 404, "r1")


def test_retry_later_says_when_and_whether_something_may_have_happened() -> None:
    assert RetryLater("Busy.").after is None and RetryLater("Busy.").ambiguous is False
    error = RetryLater("Busy.", after=timedelta(seconds=30), ambiguous=True)
    assert (error.after, error.ambiguous) == (timedelta(seconds=30), True)


def test_invalid_input_names_the_field() -> None:
    error = InvalidInput("Give a number.", field="port")
    assert (error.field, error.code) == ("port", "invalid_input")


def test_who_catches_refused_catches_forbidden() -> None:
    assert issubclass(Forbidden, Refused)


def test_configuration_errors_are_not_swallowed_with_the_tree() -> None:
    assert not issubclass(ConfigurationError, PatchbayError)


def test_the_docstring_draws_every_error_there_is() -> None:
    drawn = errors.__doc__ or ""
    kinds = [name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)]
    assert all(name in drawn for name in kinds)
