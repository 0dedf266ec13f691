"""Keeps a connection's state true to what really happens on it. Each note is part of the caller's transaction.

The statements change only what they mean to: a worker may hold a copy of the row that is older than a disconnect.
"""

from datetime import datetime, timedelta

from models import Connection, ConnectionStatus
from services import audit
from services.connections import repository
from services.kernel.db import UnitOfWork
from services.kernel.errors import NeedsReauth, PatchbayError
from services.provider_kit import registry
from services.tenants import Actor, system_actor

_EVENT_STEP = timedelta(seconds=1)
"""How exactly the last event's time is kept; finer would make a burst queue up for one row."""


def note_failure(work: UnitOfWork, connection: Connection, error: PatchbayError, *, now: datetime) -> None:
    """Count a failed call; a refused credential makes the connection ``needs_reauth``."""
    repository.count_failure(
        work.session,
        tenant_id=work.tenant_id,
        connection_id=connection.id,
        message=error.message,
        needs_reauth=isinstance(error, NeedsReauth),
        now=now,
    )
    work.notify("connection", connection.id)


def note_success(work: UnitOfWork, connection: Connection) -> None:
    """End a row of failures; writes nothing if there was none."""
    if not connection.error_count and connection.status is not ConnectionStatus.NEEDS_REAUTH:
        return
    repository.clear_failures(work.session, tenant_id=work.tenant_id, connection_id=connection.id)
    work.notify("connection", connection.id)


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
    secret to check with, it accepts nothing.

    Args:
        work: the unit of work that processes the provider's message.
        connection: which one.
        reason: why, in words; shown on the card.
        now: the time.
    """
    if connection.status is ConnectionStatus.DISCONNECTED:
        return
    connection.last_error = reason
    connection.last_error_at = now
    actor = system_actor(work.tenant_id, registry.get_manifest(connection.provider).name)
    end(work, connection, actor=actor, action="connection.revoked", now=now)


def end(work: UnitOfWork, connection: Connection, *, actor: Actor, action: str, now: datetime) -> None:
    """Forget a connection's secrets and free its numbers; the row and its history stay."""
    where = {"tenant_id": work.tenant_id, "connection_id": connection.id}
    repository.delete_credentials(work.session, **where)
    repository.release_numbers(work.session, **where, now=now)
    connection.status = ConnectionStatus.DISCONNECTED
    connection.updated_at = now
    work.session.add(connection)
    work.session.flush()
    audit.record(
        work,
        actor=actor,
        action=action,
        object_kind="connection",
        object_id=connection.id,
        detail={"provider": connection.provider, "external_account_id": connection.external_account_id},
    )
    work.notify("connection", connection.id)
