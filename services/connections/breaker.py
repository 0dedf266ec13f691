"""The circuit breaker of a connection, as pure functions over what its row says.

::

    closed ──OPENS_AFTER failures in a row──▶ open ──next_at──▶ half-open
      ▲                                        ▲                   │ one probe
      └────────────── success ◀────────────────┴───── failure ◀────┘

A failure is an answer of 5xx, no answer within the deadline, or no connection. A refusal is an answer. A provider that
asks us to slow down answers too: it names the time itself, and is obeyed by a hold, which needs no probe.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from models import CauseClass, Connection
from services.connections.causes import NETWORK_CODES, cause_of
from services.kernel.errors import PatchbayError, RetryLater

OPENS_AFTER = 5
"""How many calls in a row fail until no more are made."""
PROBE_EVERY = timedelta(seconds=30)
"""How often one call is made to see whether the provider is back."""


class CircuitState(StrEnum):
    """Where a breaker stands; the value is what pages and scripts know it by."""

    CLOSED = "closed"
    HELD = "held"
    """The provider named a time before which it wants no more calls."""
    OPEN = "open"
    HALF_OPEN = "half_open"
    """The next call is the probe."""


class Permit(StrEnum):
    """Whether a call may be made now."""

    CALL = "call"
    PROBE = "probe"
    WAIT = "wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """A connection's breaker. Times are the database's."""

    failures: int = 0
    opened_at: datetime | None = None
    next_at: datetime | None = None
    """While it is open: when the next probe may be made."""
    reason: str = ""
    """What the last failure was, in words."""
    held_until: datetime | None = None
    holds_sends_only: bool = False
    """Whether the hold is about sending messages, and other calls may be made."""

    @property
    def is_untouched(self) -> bool:
        """Whether a success would change nothing."""
        return not self.failures and self.opened_at is None


def circuit_of(connection: Connection) -> Circuit:
    """Return what a connection's row says of its breaker."""
    return Circuit(
        failures=connection.circuit_failures,
        opened_at=connection.circuit_opened_at,
        next_at=connection.circuit_next_at,
        reason=connection.circuit_reason,
        held_until=connection.held_until,
        holds_sends_only=connection.holds_sends_only,
    )


def circuit_state(connection: Connection, *, now: datetime) -> tuple[CircuitState, datetime | None]:
    """Return where a connection's breaker stands, and when the next call is made if that is not at once."""
    circuit = circuit_of(connection)
    return state_of(circuit, now=now), next_call_at(circuit, now=now, is_send=True)


def is_failure(error: PatchbayError) -> bool:
    """Return whether an error shows that the provider is away: 5xx, no whole answer, no connection."""
    if not isinstance(error, RetryLater) or cause_of(error) is not CauseClass.PROVIDER_DOWN:
        return False
    is_refusal = error.status is not None and 400 <= error.status < 500 and error.status != 408
    return error.code in NETWORK_CODES or (bool(error.provider) and not is_refusal)


def state_of(circuit: Circuit, *, now: datetime) -> CircuitState:
    """Return where a breaker stands at a time."""
    if circuit.opened_at is not None:
        is_waiting = circuit.next_at is not None and now < circuit.next_at
        return CircuitState.OPEN if is_waiting else CircuitState.HALF_OPEN
    is_held = circuit.held_until is not None and now < circuit.held_until
    return CircuitState.HELD if is_held else CircuitState.CLOSED


def permit(circuit: Circuit, *, now: datetime, is_send: bool) -> Permit:
    """Return whether a call may be made; whoever gets a probe calls :func:`probing` first, and keeps what that returns.

    Args:
        circuit: the breaker.
        now: the time.
        is_send: whether the call sends a message.
    """
    if next_call_at(circuit, now=now, is_send=is_send) is not None:
        return Permit.WAIT
    return Permit.CALL if circuit.opened_at is None else Permit.PROBE


def next_call_at(circuit: Circuit, *, now: datetime, is_send: bool) -> datetime | None:
    """Return when the next call may be made; None if one may be made now."""
    holds = [circuit.next_at] if circuit.opened_at is not None else []
    if is_send or not circuit.holds_sends_only:
        holds.append(circuit.held_until)
    return max((at for at in holds if at is not None and at > now), default=None)


def probing(circuit: Circuit, *, now: datetime) -> Circuit:
    """Return the breaker with one probe under way: the next one is due as if this one were lost."""
    return replace(circuit, next_at=now + PROBE_EVERY)


def failed(circuit: Circuit, *, now: datetime, reason: str, after: timedelta | None = None) -> Circuit:
    """Return the breaker after a failure.

    Args:
        circuit: the breaker.
        now: the time.
        reason: what failed, in words.
        after: how long the provider asks us to wait, if it does.
    """
    failures = circuit.failures + 1
    if circuit.opened_at is None and failures < OPENS_AFTER:
        return replace(circuit, failures=failures, reason=reason)
    next_at = now + max(PROBE_EVERY, after or PROBE_EVERY)
    if circuit.opened_at is not None and circuit.next_at is not None:
        next_at = max(next_at, circuit.next_at)  # a call that began before may fail after the provider named its time
    return replace(circuit, failures=failures, opened_at=circuit.opened_at or now, next_at=next_at, reason=reason)


def succeeded(circuit: Circuit) -> Circuit:
    """Return the breaker after a success: closed. A hold stays; the provider named its end."""
    return replace(circuit, failures=0, opened_at=None, next_at=None, reason="")


def held(circuit: Circuit, *, until: datetime, sends_only: bool, now: datetime) -> Circuit:
    """Return the breaker with a hold; of two, the one that ends later and the one that holds more."""
    before = circuit.held_until if circuit.held_until is not None and circuit.held_until > now else None
    return replace(
        circuit,
        held_until=max(until, before) if before else until,
        holds_sends_only=sends_only and (before is None or circuit.holds_sends_only),
    )
