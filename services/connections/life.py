"""The life of a connection: the one door through which its status changes.

::

    pending ──▶ active ◀──▶ degraded          a call failed for a cause that may pass; at the first success back
                  │  ▲         │
                  ▼  │         ▼
              needs_reauth ◀───┘               the credential was refused; connecting again leads back
                  │
    any but pending ◀──▶ paused                a person's wish; nothing in, nothing out
    any ──▶ disconnected ──▶ active            by a person or the provider; connecting again keeps the id

Each change locks the row, is written down with who and why, and reaches open pages after the commit. A change that
comes too late (a call that failed after the disconnect) is dropped.
"""

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from uuid import UUID

from models import CauseClass, Connection, ConnectionStatus, ConnectionTransition
from services import audit
from services.connections import reading_repository, repository
from services.connections.reading import get_row
from services.connections.views import TransitionView
from services.kernel.db import UnitOfWork
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.log import get_logger
from services.kernel.paging import Page, read_id
from services.tenants import Actor, Permission, require

_log = get_logger(__name__)

_PENDING, _ACTIVE, _DEGRADED, _NEEDS_REAUTH, _PAUSED, _DISCONNECTED = ConnectionStatus
_FOLLOWERS: Mapping[ConnectionStatus, frozenset[ConnectionStatus]] = MappingProxyType(
    {
        _PENDING: frozenset({_ACTIVE, _DISCONNECTED}),
        _ACTIVE: frozenset({_DEGRADED, _NEEDS_REAUTH, _PAUSED, _DISCONNECTED}),
        _DEGRADED: frozenset({_ACTIVE, _NEEDS_REAUTH, _PAUSED, _DISCONNECTED}),
        _NEEDS_REAUTH: frozenset({_ACTIVE, _PAUSED, _DISCONNECTED}),
        _PAUSED: frozenset({_ACTIVE, _NEEDS_REAUTH, _DISCONNECTED}),
        _DISCONNECTED: frozenset({_ACTIVE}),
    }
)
WORKING = frozenset({_ACTIVE, _DEGRADED})
"""Statuses in which messages go out."""

_CHECK_EVERY: Mapping[ConnectionStatus, timedelta] = MappingProxyType(
    {_ACTIVE: timedelta(hours=1), _DEGRADED: timedelta(minutes=5)}
)
_JITTER = 0.1


def change_status(
    work: UnitOfWork,
    connection: Connection,
    *,
    to: ConnectionStatus,
    cause: CauseClass = CauseClass.NONE,
    reason: str,
    actor: Actor,
    now: datetime,
    action: str = "",
    detail: Mapping[str, audit.Detail] | None = None,
) -> bool:
    """Change a connection's status, if that is a change and may follow where it stands now.

    The row is locked and read again first: the caller's copy may be older than somebody else's change. A change of
    cause alone counts as a change.

    Args:
        work: the unit of work of what caused it.
        connection: which one, saved already.
        to: the new status.
        cause: what kind of trouble; none if there is none.
        reason: why, in words, for the history.
        actor: who; ``system_actor`` for what the product or the provider did.
        now: the time.
        action: name in the audit log; ``connection.<status>`` if left out and a person did it.
        detail: further facts for the audit log; ids and names only.

    Returns:
        Whether anything changed.
    """
    row = repository.find_connection(
        work.session, tenant_id=work.tenant_id, connection_id=connection.id, for_update=True
    )
    if row is None or (row.status, row.cause) == (to, cause):
        return False
    before = row.status
    if before is not to and to not in _FOLLOWERS[before]:
        return False
    row.status, row.cause, row.updated_at = to, cause, now
    row.next_check_at = next_check_at(to, now=now)
    if to is _DISCONNECTED:
        row.refresh_due_at = row.token_expires_at = None
    work.session.add(row)
    add_transition(work, row, before=before, reason=reason, actor=actor, now=now)
    if to in WORKING and before not in WORKING:
        repository.release_parked(work.session, tenant_id=work.tenant_id, connection_id=row.id)
    if action or actor.kind != "system":
        audit.record(
            work,
            actor=actor,
            action=action or f"connection.{to.value}",
            object_kind="connection",
            object_id=row.id,
            detail={"provider": row.provider, "from": before.value, **(detail or {})},
        )
    _log.info(
        "connections.status.changed", connection_id=row.id, provider=row.provider, before=before, to=to, cause=cause
    )
    return True


def add_transition(
    work: UnitOfWork, connection: Connection, *, before: ConnectionStatus, reason: str, actor: Actor, now: datetime
) -> None:
    """Write a line of a connection's history, from ``before`` to where it stands now, and have its health looked at."""
    work.session.add(
        ConnectionTransition(
            tenant_id=work.tenant_id,
            id=new_id(),
            connection_id=connection.id,
            from_status=before.value,
            to_status=connection.status.value,
            cause=connection.cause.value,
            reason=reason,
            actor_kind=actor.kind,
            actor_label=actor.label,
            created_at=now,
        )
    )
    look_at_health(work, connection, now=now)
    work.session.flush()
    work.notify("connection", connection.id)


def look_at_health(work: UnitOfWork, connection: Connection, *, now: datetime) -> None:
    """Have a connection looked at for findings after the commit; the sweeper finds it if the wake-up is lost."""
    connection.health_due_at = now
    work.session.add(connection)
    work.wake("observe_health", connection.id)


def next_check_at(status: ConnectionStatus, *, now: datetime, jitter: float | None = None) -> datetime | None:
    """Return when a connection is checked next: hourly, sooner while it is degraded, else never.

    Args:
        status: where it stands.
        now: the time.
        jitter: between -1 and 1, drawn if not given; a tenth of the time at most, so that connections made together
            are not checked together.
    """
    every = _CHECK_EVERY.get(status)
    if every is None:
        return None
    drawn = random.uniform(-1, 1) if jitter is None else jitter  # noqa: S311 (spreads load, guards nothing)
    return now + every * (1 + _JITTER * drawn)


def list_transitions(
    kernel: Kernel, *, actor: Actor, connection_id: UUID, cursor: str = "", limit: int = 50
) -> Page[TransitionView]:
    """Return the history of a connection, the latest change first.

    Args:
        kernel: the process's seams.
        actor: who asks.
        connection_id: whose history.
        cursor: ``next_cursor`` of the page before.
        limit: most items, 1 to 100.

    Raises:
        InvalidInput, NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_VIEW)
    size = max(1, min(limit, 100))
    with kernel.unit_of_work(actor.tenant_id) as work:
        get_row(work, connection_id)
        rows = reading_repository.list_transitions(
            work.session,
            tenant_id=actor.tenant_id,
            connection_id=connection_id,
            before=read_id(cursor),
            limit=size + 1,
        )
    views = tuple(
        TransitionView(
            id=row.id,
            from_status=row.from_status,
            to_status=row.to_status,
            cause=row.cause,
            reason=row.reason,
            actor_kind=row.actor_kind,
            actor_label=row.actor_label,
            created_at=row.created_at,
        )
        for row in rows[:size]
    )
    return Page(views, str(views[-1].id) if len(rows) > size else "")
