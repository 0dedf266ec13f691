"""Keeps each connection's circuit breaker in its row, and asks it before calls.

Whoever calls a provider asks :func:`wait_for_call` first, in the transaction that claims the work, and notes what came
of it through :mod:`services.connections.notes`. Times are the database's, so that workers agree on them.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from models import CauseClass, Connection
from services.connections import breaker, circuit_repository, repository
from services.connections.breaker import Circuit, Permit, circuit_of
from services.connections.causes import cause_of
from services.connections.life import look_at_health
from services.kernel.db import UnitOfWork
from services.kernel.errors import PatchbayError, RetryLater
from services.kernel.log import get_logger
from services.provider_kit import registry

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallWait:
    """Why no call is made now."""

    until: datetime
    """When the next one may be made, by the database's clock."""
    wait: timedelta
    """How long that is from now."""
    words: str
    """For people: "Slack does not answer; tried again at 15:40:30 UTC."."""


def wait_for_call(
    work: UnitOfWork,
    connection: Connection,
    *,
    now: datetime | None = None,
    is_send: bool = False,
    may_probe: bool = True,
) -> CallWait | None:
    """Return what a call has to wait for; None if it may be made now. Where the circuit is half-open, it is the probe.

    Args:
        work: the transaction that claims what the call is for.
        connection: through which it is made.
        now: the database's time, if it is known.
        is_send: whether it sends a message.
        may_probe: whether it may be the probe.
    """
    circuit = circuit_of(connection)
    if circuit.opened_at is None and circuit.held_until is None:
        return None
    now = now or circuit_repository.database_time(work.session)
    permit = breaker.permit(circuit, now=now, is_send=is_send)
    if permit is Permit.CALL:
        return None
    if permit is Permit.PROBE and may_probe and _take_probe(work, connection, now=now):
        return None
    return describe_wait(connection, now=now, is_send=is_send)


def give_back_probe(work: UnitOfWork, connection: Connection) -> None:
    """Let another call be the probe: the one that was let through is not made, as something else holds it back."""
    if connection.circuit_opened_at is not None:
        circuit_repository.give_back_probe(work.session, tenant_id=work.tenant_id, connection_id=connection.id)


def describe_wait(connection: Connection, *, now: datetime, is_send: bool = False) -> CallWait:
    """Return what a call waits for that may not be made now."""
    circuit, name = circuit_of(connection), registry.get_manifest(connection.provider).name
    until = breaker.next_call_at(circuit, now=now, is_send=is_send) or now + breaker.PROBE_EVERY
    what = f"{name} does not answer" if circuit.opened_at else f"{name} asks us to slow down"
    return CallWait(until=until, wait=until - now, words=f"{what}; tried again at {until:%H:%M:%S} UTC.")


def note_failed(work: UnitOfWork, connection: Connection, error: PatchbayError, *, now: datetime) -> None:
    """Count a failure of the provider's, and open its circuit if that is enough of them; a refusal changes nothing."""
    if not breaker.is_failure(error):
        return
    row = repository.find_connection(
        work.session, tenant_id=work.tenant_id, connection_id=connection.id, for_update=True
    )
    if row is None:
        return
    after = error.after if isinstance(error, RetryLater) else None
    before = circuit_of(row)
    at = circuit_repository.database_time(work.session)
    circuit = breaker.failed(before, now=at, reason=error.message, after=after)
    _store(work, row, circuit)
    if circuit.opened_at and not before.opened_at:
        look_at_health(work, row, now=now)
        _log.warning("connections.circuit.opened", connection_id=row.id, provider=row.provider, code=error.code)


def note_answered(work: UnitOfWork, connection: Connection, *, now: datetime) -> None:
    """Close a connection's circuit: the provider answered. What waited for it leaves at once."""
    row = repository.find_connection(
        work.session, tenant_id=work.tenant_id, connection_id=connection.id, for_update=True
    )
    if row is None or circuit_of(row).is_untouched:
        return
    was_open = row.circuit_opened_at is not None
    _store(work, row, breaker.succeeded(circuit_of(row)))
    if was_open:
        circuit_repository.release_waiting(work.session, tenant_id=work.tenant_id, connection_id=row.id)
        work.wake("send_message", row.id)
        look_at_health(work, row, now=now)
        _log.info("connections.circuit.closed", connection_id=row.id, provider=row.provider)


def note_busy(
    work: UnitOfWork, connection: Connection, error: PatchbayError, *, is_send: bool, now: datetime | None = None
) -> None:
    """Hold a connection's calls back for as long as the provider asks, where it means the whole account.

    Args:
        work: the transaction that records the refusal.
        connection: which one.
        error: what the call raised; anything but a request to slow down changes nothing.
        is_send: whether the call sent a message.
        now: the time, if the caller goes by another clock than the database's.
    """
    if not isinstance(error, RetryLater) or error.after is None or cause_of(error) is not CauseClass.RATE_LIMIT:
        return
    meant = registry.get_manifest(connection.provider).slow_down_means
    if meant == "call" or (meant == "method" and not is_send):
        return
    hold_back(work, connection, error.after, sends_only=meant == "method", now=now)


def hold_back(
    work: UnitOfWork,
    connection: Connection,
    wait: timedelta,
    *,
    sends_only: bool = False,
    now: datetime | None = None,
) -> None:
    """Make no calls through a connection for a while: the provider said so."""
    row = repository.find_connection(
        work.session, tenant_id=work.tenant_id, connection_id=connection.id, for_update=True
    )
    if row is None or wait <= timedelta():
        return
    at = now or circuit_repository.database_time(work.session)
    _store(work, row, breaker.held(circuit_of(row), until=at + wait, sends_only=sends_only, now=at))


def _take_probe(work: UnitOfWork, connection: Connection, *, now: datetime) -> bool:
    next_at = breaker.probing(circuit_of(connection), now=now).next_at or now
    return circuit_repository.take_probe(
        work.session, tenant_id=work.tenant_id, connection_id=connection.id, next_at=next_at
    )


def _store(work: UnitOfWork, row: Connection, circuit: Circuit) -> None:
    row.circuit_failures, row.circuit_reason = circuit.failures, circuit.reason
    row.circuit_opened_at, row.circuit_next_at = circuit.opened_at, circuit.next_at
    row.held_until, row.holds_sends_only = circuit.held_until, circuit.holds_sends_only
    work.session.add(row)
    work.session.flush()
    work.notify("connection", row.id)
