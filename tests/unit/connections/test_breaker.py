"""When a connection's calls are held back, and when they go on."""

from datetime import UTC, datetime, timedelta

import pytest

from services.connections.breaker import (
    OPENS_AFTER,
    PROBE_EVERY,
    Circuit,
    CircuitState,
    Permit,
    failed,
    held,
    is_failure,
    next_call_at,
    permit,
    probing,
    state_of,
    succeeded,
)
from services.kernel.errors import NeedsReauth, PatchbayError, Refused, RetryLater

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def fail(circuit: Circuit, times: int, *, at: datetime = NOW, after: timedelta | None = None) -> Circuit:
    for _ in range(times):
        circuit = failed(circuit, now=at, reason="Acme is not available.", after=after)
    return circuit


def may(circuit: Circuit, at: datetime, *, is_send: bool = True) -> Permit:
    return permit(circuit, now=at, is_send=is_send)


OPEN = fail(Circuit(), OPENS_AFTER)


def test_it_opens_after_enough_failures_in_a_row() -> None:
    almost = fail(Circuit(), OPENS_AFTER - 1)

    assert may(almost, NOW) is Permit.CALL and state_of(almost, now=NOW) is CircuitState.CLOSED
    assert may(OPEN, NOW) is Permit.WAIT and state_of(OPEN, now=NOW) is CircuitState.OPEN
    assert next_call_at(OPEN, now=NOW, is_send=True) == NOW + PROBE_EVERY


def test_a_success_in_between_starts_the_count_anew() -> None:
    circuit = fail(succeeded(fail(Circuit(), OPENS_AFTER - 1)), 1)

    assert may(circuit, NOW) is Permit.CALL


def test_one_probe_in_half_a_minute() -> None:
    at = NOW + PROBE_EVERY
    assert may(OPEN, at - SECOND) is Permit.WAIT
    assert may(OPEN, at) is Permit.PROBE and state_of(OPEN, now=at) is CircuitState.HALF_OPEN

    under_way = probing(OPEN, now=at)

    assert may(under_way, at) is Permit.WAIT
    assert may(under_way, at + PROBE_EVERY) is Permit.PROBE, "a probe that was lost is made again"


def test_a_failed_probe_keeps_it_open_since_the_first_failure() -> None:
    at = NOW + PROBE_EVERY

    circuit = fail(probing(OPEN, now=at), 1, at=at + SECOND)

    assert circuit.opened_at == NOW
    assert next_call_at(circuit, now=at + SECOND, is_send=True) == at + SECOND + PROBE_EVERY


def test_a_failure_that_names_no_time_does_not_shorten_the_one_named_before() -> None:
    named = fail(OPEN, 1, after=timedelta(minutes=10))

    assert next_call_at(fail(named, 1), now=NOW, is_send=True) == NOW + timedelta(minutes=10)


def test_the_first_success_closes_it() -> None:
    circuit = succeeded(OPEN)

    assert circuit.is_untouched and may(circuit, NOW) is Permit.CALL


def test_a_longer_wait_that_the_provider_names_is_kept() -> None:
    circuit = fail(Circuit(), OPENS_AFTER, after=timedelta(minutes=5))

    assert next_call_at(circuit, now=NOW, is_send=True) == NOW + timedelta(minutes=5)


def test_a_hold_ends_by_itself_without_a_probe() -> None:
    circuit = held(Circuit(), until=NOW + 7 * SECOND, sends_only=False, now=NOW)

    assert may(circuit, NOW + 6 * SECOND) is Permit.WAIT
    assert state_of(circuit, now=NOW) is CircuitState.HELD
    assert may(circuit, NOW + 7 * SECOND) is Permit.CALL


def test_a_hold_on_sending_lets_other_calls_go_on() -> None:
    circuit = held(Circuit(), until=NOW + 7 * SECOND, sends_only=True, now=NOW)

    assert may(circuit, NOW) is Permit.WAIT and may(circuit, NOW, is_send=False) is Permit.CALL


def test_of_two_holds_the_longer_and_the_wider_count() -> None:
    wide = held(Circuit(), until=NOW + 60 * SECOND, sends_only=False, now=NOW)

    circuit = held(wide, until=NOW + 7 * SECOND, sends_only=True, now=NOW)

    assert next_call_at(circuit, now=NOW, is_send=False) == NOW + 60 * SECOND
    later = NOW + 61 * SECOND
    assert held(wide, until=later + SECOND, sends_only=True, now=later).holds_sends_only, "the old one is over"


@pytest.mark.parametrize(
    ("error", "counts"),
    [
        (RetryLater("x", provider="acme", status=503), True),
        (RetryLater("x", provider="acme", status=408), True),
        (RetryLater("x", provider="acme", status=200, code="unexpected_answer", ambiguous=True), True),
        (RetryLater("x", code="no_answer", ambiguous=True), True),
        (RetryLater("x", code="cannot_connect"), True),
        (RetryLater("x", code="certificate_not_trusted"), True),
        (RetryLater("x", provider="acme", status=429), False),
        (RetryLater("x", provider="acme", code="ratelimited", status=200), False),
        (RetryLater("x", provider="acme", code="concurrent_idempotent_requests", status=409), False),
        (RetryLater("An error in Patchbay; see the server's log.", ambiguous=True), False),
        (Refused("x", provider="acme", status=404), False),
        (NeedsReauth("x", provider="acme", status=401), False),
    ],
)
def test_what_counts_as_a_failure(error: PatchbayError, counts: bool) -> None:
    assert is_failure(error) is counts
