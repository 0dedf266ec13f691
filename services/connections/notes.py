"""Keeps a connection's state true to what really happens on it. Each note is part of the caller's transaction.

The statements change only what they mean to: a worker may hold a copy of the row that is older than a disconnect.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from models import CauseClass, Connection, ConnectionStatus
from services.connections import circuit, repository
from services.connections.breaker import circuit_of
from services.connections.causes import cause_of
from services.connections.clients import can_be_renewed
from services.connections.ending import end
from services.connections.life import change_status
from services.kernel.db import UnitOfWork
from services.kernel.errors import PatchbayError
from services.provider_kit import registry
from services.tenants import system_actor

_EVENT_STEP = timedelta(seconds=1)
"""How exactly the last event's time is kept; finer would make a burst queue up for one row."""
TOKEN_EXPIRED = "token_expired"
"""Code of a refusal that says that the token has had its time, not that it was taken back."""
_PATIENCE = 2
"""How many calls in a row fail, for a cause that may pass, before the connection counts as degraded."""
LASTING = frozenset({CauseClass.AUTHORISATION, CauseClass.PERMISSION})
"""Causes that do not pass by themselves. A paused connection keeps them in mind for when it is resumed."""


def note_failure(
    work: UnitOfWork, connection: Connection, error: PatchbayError, *, now: datetime, is_check: bool = False
) -> CauseClass:
    """Count a failed call, and change the status if its cause asks for that.

    A refused credential makes the connection ``needs_reauth`` at once, a missing right ``degraded`` at once, a
    provider that is away or asks us to slow down ``degraded`` when it happens twice in a row. Whatever else is refused
    says something about the connection only if it refused a check; it is counted and shown otherwise. A token that the
    provider calls expired before our clock does is renewed, if that can be done: nobody is asked for that.

    Args:
        work: the unit of work that records the failure.
        connection: which one.
        error: what the call raised.
        now: the time.
        is_check: whether the call was made to prove the connection.

    Returns:
        The error's class of cause.
    """
    cause = cause_of(error)
    tells = is_check or cause is not CauseClass.CONFIGURATION
    count = repository.count_failure(
        work.session, tenant_id=work.tenant_id, connection_id=connection.id, message=error.message, now=now
    )
    work.notify("connection", connection.id)
    circuit.note_failed(work, connection, error, now=now)
    row = repository.find_connection(work.session, tenant_id=work.tenant_id, connection_id=connection.id)
    if row and error.code == TOKEN_EXPIRED and can_be_renewed(row):
        row.refresh_due_at = now
        work.session.add(row)
        work.wake("refresh_connection", row.id)
        return cause
    to = _status_after(row, cause, failures=count) if row and tells else None
    if row and to:
        actor = system_actor(work.tenant_id, registry.get_manifest(row.provider).name)
        change_status(work, row, to=to, cause=cause, reason=error.message, actor=actor, now=now)
    return cause


def note_success(
    work: UnitOfWork, connection: Connection, *, now: datetime, disproves: Collection[CauseClass] = ()
) -> None:
    """End a row of failures; writes nothing if there was none.

    A cause that lasts ends only by a call that disproves it. One that was under way when another was refused says
    nothing about the credential, and none says anything about the right that another call lacked.

    Args:
        work: the unit of work that records the success.
        connection: which one.
        now: the time.
        disproves: the :data:`LASTING` causes that cannot be true any more, as this call went through.
    """
    if not circuit_of(connection).is_untouched:
        circuit.note_answered(work, connection, now=now)
    is_well = connection.status is ConnectionStatus.ACTIVE and connection.cause is CauseClass.NONE
    if is_well and not connection.error_count:
        return
    row = repository.find_connection(
        work.session, tenant_id=work.tenant_id, connection_id=connection.id, for_update=True
    )
    if row is None or row.status in (ConnectionStatus.PENDING, ConnectionStatus.DISCONNECTED):
        return
    if row.cause in LASTING and row.cause not in disproves:
        return
    repository.clear_failures(work.session, tenant_id=work.tenant_id, connection_id=row.id)
    is_paused = row.status is ConnectionStatus.PAUSED
    name = registry.get_manifest(row.provider).name
    change_status(
        work,
        row,
        to=ConnectionStatus.PAUSED if is_paused else ConnectionStatus.ACTIVE,
        reason=f"{name} accepts our calls again",
        actor=system_actor(work.tenant_id, name),
        now=now,
    )
    work.notify("connection", row.id)


def note_event(work: UnitOfWork, connection: Connection, *, now: datetime) -> None:
    """Remember that the provider reached us; open pages hear of the first time."""
    is_first = connection.last_event_at is None
    if connection.last_event_at is not None and now - connection.last_event_at < _EVENT_STEP:
        return
    repository.stamp_event(work.session, tenant_id=work.tenant_id, connection_id=connection.id, now=now)
    if is_first:
        work.notify("connection", connection.id)


def note_revoked(work: UnitOfWork, connection: Connection, *, reason: str, now: datetime) -> None:
    """End a connection because the provider says that our access ended there.

    Its address stays, as it is pasted at the provider: connecting again needs no new one. Until then, without a
    secret to check with, it accepts nothing. The secrets go in the caller's transaction, what waits is dropped next.

    Args:
        work: the unit of work that processes the provider's message.
        connection: which one.
        reason: why, in words; shown on the card.
        now: the time.
    """
    actor = system_actor(work.tenant_id, registry.get_manifest(connection.provider).name)
    if end(work, connection, actor=actor, action="connection.revoked", reason=reason, now=now):
        repository.delete_credentials(work.session, tenant_id=work.tenant_id, connection_id=connection.id)
        repository.note_ending(
            work.session, tenant_id=work.tenant_id, connection_id=connection.id, message=reason, now=now
        )
        work.wake("end_connection", connection.id)


def _status_after(connection: Connection, cause: CauseClass, *, failures: int) -> ConnectionStatus | None:
    """Return where a failure leads; None if it changes nothing."""
    if connection.status in (ConnectionStatus.PENDING, ConnectionStatus.DISCONNECTED):
        return None
    if connection.status is ConnectionStatus.PAUSED:
        return ConnectionStatus.PAUSED if cause in LASTING else None
    if cause is CauseClass.AUTHORISATION:
        return ConnectionStatus.NEEDS_REAUTH
    if connection.status is ConnectionStatus.NEEDS_REAUTH:
        return None
    is_due = cause is CauseClass.PERMISSION or failures >= _PATIENCE
    return ConnectionStatus.DEGRADED if is_due else None
