"""Ends connections. What that does is counted first; then it happens in steps, each a transaction of its own:

1. The connection is out of use: its addresses are closed, its numbers free, what must still be done is written down.
2. The answers that wait are dropped.
3. Subscriptions are ended and our access is given back at the provider, with the secrets in memory only.
4. The secrets are forgotten, whatever the provider said, and its answer is kept.
5. The history is deleted in batches, if that was asked for, and at last the row.

Whoever does this holds the connection's lease. If the process dies, the sweeper finds the connection by what is still
to be done and another process goes on; what was done already does no harm when it is done again.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models import Connection, ConnectionStatus, Ending
from services import audit
from services.connections import ending_repository, preparing_repository, repository
from services.connections.clients import open_secrets
from services.connections.consequences import revocation_of
from services.connections.life import add_transition, change_status
from services.connections.reading import build_view, get_row
from services.connections.refresh_repository import lock_connection, take_lease
from services.connections.revoking import Access, end_subscriptions, give_back
from services.connections.views import Deleted, Disconnected, RevocationView
from services.kernel.db import UnitOfWork
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.log import bind_context, get_logger
from services.provider_kit import registry
from services.tenants import Actor, Permission, require, system_actor

_log = get_logger(__name__)

_MARGIN_SECONDS = 15.0
"""How much longer than the provider's deadline a lease lasts."""
_POLL_SECONDS = 0.05
_STRENGTH = tuple(Ending)
"""Weakest first: a second wish may add to the first, never take from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """An ending that is ours alone."""

    tenant_id: UUID
    connection_id: UUID
    lease_token: UUID
    connection: Connection
    access: Access


def disconnect(kernel: Kernel, *, actor: Actor, connection_id: UUID, keep_history: bool = True) -> Disconnected:
    """Take a connection out of use, give our access back at the provider, and forget the secrets.

    The row stays, and so does its id: the account can be connected again. Disconnecting twice does no harm.

    Args:
        kernel: the process's seams.
        actor: who disconnects.
        connection_id: which one.
        keep_history: whether conversations and deliveries stay; opt-outs and the audit log always do.

    Raises:
        NotFound, Forbidden
    """
    ending = Ending.KEEP_HISTORY if keep_history else Ending.DELETE_HISTORY
    revocation = _end_for(kernel, actor=actor, connection_id=connection_id, ending=ending)
    with kernel.unit_of_work(actor.tenant_id) as work:
        return Disconnected(connection=build_view(kernel, work, connection_id), revocation=revocation)


def delete_connection(kernel: Kernel, *, actor: Actor, connection_id: UUID) -> Deleted:
    """Disconnect, and delete the connection with all that belongs to it, opt-outs included; the audit log stays.

    Raises:
        NotFound, Forbidden
    """
    revocation = _end_for(kernel, actor=actor, connection_id=connection_id, ending=Ending.DELETE_ALL)
    return Deleted(revocation=revocation)


def end_connection(kernel: Kernel, *, tenant_id: UUID, connection_id: UUID) -> None:
    """Go on with an ending that was cut off, unless somebody does already. Running it twice does no harm."""
    with kernel.unit_of_work(tenant_id) as work:
        claim = _claim(kernel, work, connection_id)
    if claim:
        _carry_out(kernel, claim)


def end(work: UnitOfWork, connection: Connection, *, actor: Actor, action: str, reason: str, now: datetime) -> bool:
    """Take a connection out of use and free its numbers, in the caller's transaction.

    Returns:
        Whether it was in use.
    """
    ended = change_status(
        work,
        connection,
        to=ConnectionStatus.DISCONNECTED,
        reason=reason,
        actor=actor,
        now=now,
        action=action,
        detail={"external_account_id": connection.external_account_id},
    )
    if ended:
        repository.release_numbers(work.session, tenant_id=work.tenant_id, connection_id=connection.id, now=now)
    return ended


def _end_for(kernel: Kernel, *, actor: Actor, connection_id: UUID, ending: Ending) -> RevocationView | None:
    require(actor, Permission.CONNECTIONS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        connection = get_row(work, connection_id, for_update=True)
        if not _mark(work, connection, ending, actor=actor, now=kernel.clock.now()):
            return None
        claim = _claim(kernel, work, connection_id)
    claim = claim or _wait_for_claim(kernel, tenant_id=actor.tenant_id, connection_id=connection_id)
    return _carry_out(kernel, claim) if claim else None


def _mark(work: UnitOfWork, connection: Connection, ending: Ending, *, actor: Actor, now: datetime) -> bool:
    """Write down what is to be done, and let nothing in or out any more; return whether there is anything to do."""
    action = "connection.deleted" if ending is Ending.DELETE_ALL else "connection.disconnected"
    ended = end(work, connection, actor=actor, action=action, reason="Disconnected", now=now)
    repository.delete_endpoints(work.session, tenant_id=work.tenant_id, connection_id=connection.id)
    if not ended and ending is Ending.KEEP_HISTORY:
        return connection.ending is not Ending.NONE
    if ending is not Ending.KEEP_HISTORY:
        audit.record(
            work,
            actor=actor,
            action=action if not ended and ending is Ending.DELETE_ALL else "connection.history_deleted",
            object_kind="connection",
            object_id=connection.id,
            detail={"provider": connection.provider, "external_account_id": connection.external_account_id},
        )
    connection.ending = max(connection.ending, ending, key=_STRENGTH.index)
    work.session.add(connection)
    work.session.flush()
    work.notify("connection", connection.id)
    return True


def _claim(kernel: Kernel, work: UnitOfWork, connection_id: UUID) -> _Claim | None:
    """Take the ending on, with the secrets for the way back to the provider; None if there is none, or it is taken."""
    found = lock_connection(work.session, tenant_id=work.tenant_id, connection_id=connection_id)
    if found is None:
        return None
    connection, is_free = found
    if connection.ending is Ending.NONE or not is_free:
        return None
    token = new_id()
    take_lease(work.session, connection, token=token, seconds=_lease_seconds(kernel))
    access = Access(
        secrets=open_secrets(kernel, work, connection),
        plan=revocation_of(kernel, work, connection),
        settings=dict(connection.settings),
        subscriptions=tuple(
            (row.external_id, row.external_resource_id)
            for row in repository.list_subscriptions(
                work.session, tenant_id=work.tenant_id, connection_id=connection_id
            )
            if row.external_resource_id
        ),
    )
    return _Claim(
        tenant_id=work.tenant_id,
        connection_id=connection_id,
        lease_token=token,
        connection=connection,
        access=access,
    )


def _wait_for_claim(kernel: Kernel, *, tenant_id: UUID, connection_id: UUID) -> _Claim | None:
    """Wait for whoever renews the token just now, so that the newest one is given back; the sweeper does it else."""
    deadline = time.monotonic() + _lease_seconds(kernel)
    while time.monotonic() < deadline:
        with kernel.unit_of_work(tenant_id) as work:
            connection = repository.find_connection(work.session, tenant_id=tenant_id, connection_id=connection_id)
            if connection is None or connection.ending is Ending.NONE:
                return None
            claim = _claim(kernel, work, connection_id)
        if claim:
            return claim
        time.sleep(_POLL_SECONDS)
    return None


def _carry_out(kernel: Kernel, claim: _Claim) -> RevocationView | None:
    with bind_context(tenant_id=claim.tenant_id, connection_id=claim.connection_id):
        _drop_waiting(kernel, claim)
        end_subscriptions(kernel, claim.connection, claim.access)
        answer = give_back(kernel, claim.connection, claim.access)
        if not _forget(kernel, claim, answer):
            return answer
        while _delete_batch(kernel, claim):
            pass
        _close(kernel, claim)
    return answer


def _drop_waiting(kernel: Kernel, claim: _Claim) -> None:
    # Not in the transaction that locks the connection: a send locks its message first and the connection after it.
    with kernel.unit_of_work(claim.tenant_id) as work:
        conversation_ids = ending_repository.drop_waiting(
            work.session, tenant_id=claim.tenant_id, connection_id=claim.connection_id, now=kernel.clock.now()
        )
        for conversation_id in conversation_ids:
            work.notify("conversation", conversation_id)


def _forget(kernel: Kernel, claim: _Claim, answer: RevocationView | None) -> bool:
    """Forget the secrets and keep the provider's answer; return whether the lease is still ours."""
    with kernel.unit_of_work(claim.tenant_id) as work:
        connection = _lock_ours(kernel, work, claim)
        if connection is None:
            return False
        session, tenant_id, connection_id = work.session, claim.tenant_id, claim.connection_id
        had_secrets = bool(repository.list_credentials(session, tenant_id=tenant_id, connection_id=connection_id))
        repository.delete_credentials(session, tenant_id=tenant_id, connection_id=connection_id)
        preparing_repository.retire_calendars(work, connection_id)
        if answer and had_secrets:
            actor = system_actor(claim.tenant_id, registry.get_manifest(connection.provider).name)
            add_transition(
                work, connection, before=connection.status, reason=answer.said, actor=actor, now=kernel.clock.now()
            )
            audit.record(
                work,
                actor=actor,
                action="connection.access_revoked" if answer.done else "connection.access_not_revoked",
                object_kind="connection",
                object_id=connection.id,
                detail={"provider": connection.provider, "said": answer.said},
            )
        _log.info("connections.secrets.forgotten", provider=connection.provider, revoked=bool(answer and answer.done))
        return True


def _delete_batch(kernel: Kernel, claim: _Claim) -> bool:
    """Delete some of the history; return whether there may be more, and the lease is still ours."""
    with kernel.unit_of_work(claim.tenant_id) as work:
        connection = _lock_ours(kernel, work, claim)
        if connection is None or connection.ending is Ending.KEEP_HISTORY:
            return False
        preparing_repository.delete_calendars(work, claim.connection_id)
        return ending_repository.delete_history_batch(
            work.session, tenant_id=claim.tenant_id, connection_id=claim.connection_id
        )


def _close(kernel: Kernel, claim: _Claim) -> None:
    with kernel.unit_of_work(claim.tenant_id) as work:
        connection = _lock_ours(kernel, work, claim)
        if connection is None:
            return
        if connection.ending is Ending.DELETE_ALL:
            work.session.delete(connection)
        else:
            connection.ending = Ending.NONE
            connection.lease_token = connection.lease_until = None
            work.session.add(connection)
        work.notify("connection", claim.connection_id)


def _lock_ours(kernel: Kernel, work: UnitOfWork, claim: _Claim) -> Connection | None:
    """Return the connection, locked and with the lease renewed, if it is still ours."""
    found = lock_connection(work.session, tenant_id=claim.tenant_id, connection_id=claim.connection_id)
    if found is None or found[0].lease_token != claim.lease_token:
        _log.warning("connections.ending.lease_was_lost")
        return None
    take_lease(work.session, found[0], token=claim.lease_token, seconds=_lease_seconds(kernel))
    return found[0]


def _lease_seconds(kernel: Kernel) -> float:
    return kernel.settings.outbound_deadline_seconds + _MARGIN_SECONDS
