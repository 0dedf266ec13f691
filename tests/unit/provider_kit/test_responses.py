"""HTTP statuses and what they mean."""

from datetime import timedelta
from email.utils import format_datetime

import pytest

from services.kernel.clock import SystemClock
from services.kernel.errors import NeedsReauth, PatchbayError, Refused, RetryLater
from services.kernel.http import OutboundResponse
from services.provider_kit.responses import check_status, retry_after


@pytest.mark.parametrize(
    ("status", "error", "ambiguous"),
    [
        (401, NeedsReauth, None),
        (403, Refused, None),
        (404, Refused, None),
        (302, Refused, None),
        (408, RetryLater, True),
        (429, RetryLater, False),
        (500, RetryLater, True),
        (503, RetryLater, True),
    ],
)
def test_a_status_becomes_an_error(status: int, error: type[PatchbayError], ambiguous: bool | None) -> None:
    with pytest.raises(error) as caught:
        check_status(OutboundResponse(status, {}, b"canary"), provider="acme", name="Acme")

    assert caught.value.status == status and caught.value.provider == "acme"
    assert "canary" not in str(caught.value)
    assert getattr(caught.value, "ambiguous", None) is ambiguous


@pytest.mark.parametrize("status", [200, 201, 204])
def test_success_raises_nothing(status: int) -> None:
    check_status(OutboundResponse(status, {}, b""), provider="acme", name="Acme")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("1.5", 1.5),
        ("-3", 0),
        ("999999999", 86_400),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_the_wait_is_read_in_seconds(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}) == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Fri, 20 Nov 2026 12:00:07 GMT", 7),
        ("Friday, 20-Nov-26 12:00:07 GMT", 7),
        ("Fri Nov 20 12:00:07 2026", 7),
        ("Fri, 20 Nov 2026 11:59:00 GMT", 0),
        ("Fri, 20 Nov 2027 12:00:00 GMT", 86_400),
    ],
)
def test_a_date_counts_from_the_answers_own_date(date: str, seconds: float) -> None:
    headers = {"retry-after": date, "date": "Fri, 20 Nov 2026 12:00:00 GMT"}

    assert retry_after(headers) == timedelta(seconds=seconds)


def test_without_a_date_of_the_answer_our_clock_counts() -> None:
    later = format_datetime(SystemClock().now() + timedelta(seconds=100), usegmt=True)

    wait = retry_after({"retry-after": later})

    assert wait is not None and timedelta(seconds=90) < wait <= timedelta(seconds=100)
