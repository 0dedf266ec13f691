"""Proves that a connection works: when a person asks, and by itself once an hour.

A check is the provider's cheapest proving call. It is written down before the call, so that a limit counts also those
that are still under way, and its result changes the connection's status as any other call does: a provider that is
down is told apart from a credential that is wrong.
"""

import time
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from models import CauseClass, CheckOrigin, Connection, ConnectionCheck, ConnectionStatus
from services import audit
from services.connections import check_repository, repository
from services.connections.causes import cause_of
from services.connections.circuit import wait_for_call
from services.connections.clients import provider_context
from services.connections.life import WORKING, next_check_at
from services.connections.notes import LASTING, note_failure, note_success
from services.connections.reading import check_view, get_open_row
from services.connections.refresh import with_fresh_token
from services.connections.saving import describe_check, milliseconds_since
from services.connections.views import CheckView
from services.kernel.db import UnitOfWork
from services.kernel.errors import NotFound, PatchbayError, Refused, RetryLater
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.log import bind_context, get_logger
from services.provider_kit import registry
from services.provider_kit.contract import ExternalAccount
from services.tenants import Actor, Permission, require

_log = get_logger(__name__)

PAUSE_BETWEEN = timedelta(seconds=5)
MOST_PER_MINUTE = 10
_TRY_AGAIN = timedelta(minutes=5)
"""When a check that was cut off is made again."""
_KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """What a proving call came to."""

    summary: str
    duration_ms: int
    scopes: tuple[str, ...] = ()
    error: PatchbayError | None = None


def test_connection(kernel: Kernel, *, actor: Actor, connection_id: UUID) -> CheckView:
    """Make the cheapest call that proves the credential, and keep the result.

    A failed test is a result, not an exception.

    Raises:
        RetryLater: it was tested a moment ago, or ten times within the last minute; ``too_many_tests``.
        Conflict: the connection is disconnected.
        NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        connection = get_open_row(work, connection_id, for_update=True)
        _require_rest(kernel, work, connection)
        check_id = _begin(kernel, work, connection, origin=CheckOrigin.PERSON)
    result = _prove(kernel, connection)
    with kernel.unit_of_work(actor.tenant_id) as work:
        check = _settle(kernel, work, connection, check_id=check_id, result=result)
        if check is None:
            raise NotFound("The connection was deleted in the meantime.", code="unknown_connection")
        audit.record(
            work,
            actor=actor,
            action="connection.tested",
            object_kind="connection",
            object_id=connection_id,
            detail={"succeeded": check.succeeded, "cause": check.cause.value},
        )
        return check_view(check)


def check_connection(kernel: Kernel, *, tenant_id: UUID, connection_id: UUID) -> None:
    """Check a connection that is due, unless somebody does already. Running it twice does no harm.

    The next time is set before the call: a worker that dies in between leaves a connection that is checked again in
    five minutes.
    """
    with kernel.unit_of_work(tenant_id) as work:
        connection = check_repository.lock_due_check(work.session, tenant_id=tenant_id, connection_id=connection_id)
        if connection is None or connection.status not in WORKING:
            return
        if wait := wait_for_call(work, connection):
            connection.next_check_at = kernel.clock.now() + wait.wait
            return
        connection.next_check_at = kernel.clock.now() + _TRY_AGAIN
        work.session.add(connection)
        check_id = _begin(kernel, work, connection, origin=CheckOrigin.SCHEDULE)
    with bind_context(tenant_id=tenant_id, connection_id=connection_id):
        result = _prove(kernel, connection)
        with kernel.unit_of_work(tenant_id) as work:
            check = _settle(kernel, work, connection, check_id=check_id, result=result)
            oldest = kernel.clock.now() - _KEPT
            check_repository.delete_old_checks(
                work.session, tenant_id=tenant_id, connection_id=connection_id, before=oldest
            )
        if check:
            _log.info("connections.check.ended", provider=connection.provider, ok=check.succeeded, cause=check.cause)


def _require_rest(kernel: Kernel, work: UnitOfWork, connection: Connection) -> None:
    """Refuse a test too soon after the last one; the caller holds the row, so two at once cannot both pass."""
    now = kernel.clock.now()
    where = {"tenant_id": work.tenant_id, "connection_id": connection.id}
    begun = check_repository.list_check_times(work.session, **where, since=now - timedelta(minutes=1))
    waits = [begun[0] + PAUSE_BETWEEN - now] if begun else []
    if len(begun) >= MOST_PER_MINUTE:
        waits.append(begun[MOST_PER_MINUTE - 1] + timedelta(minutes=1) - now)
    wait = max(waits, default=timedelta())
    if wait > timedelta():
        seconds = max(1, round(wait.total_seconds()))
        raise RetryLater(
            f"This connection was tested a moment ago. Test it again in {seconds} s.",
            code="too_many_tests",
            provider=connection.provider,
            after=wait,
        )


def _begin(kernel: Kernel, work: UnitOfWork, connection: Connection, *, origin: CheckOrigin) -> UUID:
    check_id = new_id()
    work.session.add(
        ConnectionCheck(
            tenant_id=work.tenant_id,
            id=check_id,
            connection_id=connection.id,
            origin=origin,
            succeeded=False,
            summary="Cut off before it ended",
            created_at=kernel.clock.now(),
        )
    )
    work.session.flush()
    return check_id


def _prove(kernel: Kernel, connection: Connection) -> _Result:
    """Make the proving call, outside any transaction; whatever it comes to is a result."""
    started = time.perf_counter()
    try:
        account = _ask(kernel, connection)
        error = _refusal(connection, account)
    except PatchbayError as problem:
        return _Result(summary=problem.message, duration_ms=milliseconds_since(started), error=problem)
    return _Result(
        summary=error.message if error else describe_check(account),
        duration_ms=milliseconds_since(started),
        scopes=account.scopes,
        error=error,
    )


def _ask(kernel: Kernel, connection: Connection) -> ExternalAccount:
    context = with_fresh_token(
        kernel,
        tenant_id=connection.tenant_id,
        attempt=lambda work: provider_context(kernel, work, get_open_row(work, connection.id)),
    )
    module = registry.client(connection.provider)
    return module.verify_credentials(module.build_client(context))


def _refusal(connection: Connection, account: ExternalAccount) -> PatchbayError | None:
    """Return what is wrong with a credential that the provider accepts: another account's, or rights are missing."""
    manifest = registry.get_manifest(connection.provider)
    if account.id != connection.external_account_id:
        return Refused(
            f"The credential is now for another account than “{connection.external_account_name}”. Connect again.",
            code="other_account",
            provider=connection.provider,
        )
    lacking = [scope.name for scope in manifest.scopes if scope.name not in account.scopes]
    if account.scopes and lacking:
        return Refused(
            f"{manifest.name} has not granted: {', '.join(lacking)}. Connect again and accept all rights.",
            code="missing_scope",
            provider=connection.provider,
        )
    return None


def _settle(
    kernel: Kernel, work: UnitOfWork, begun: Connection, *, check_id: UUID, result: _Result
) -> ConnectionCheck | None:
    """Write a result down, and let it change the connection's status, unless it was disconnected meanwhile.

    Args:
        kernel: the process's seams.
        work: the transaction that ends the check.
        begun: the connection as it was when the check began: what failed since then is not disproved by it.
        check_id: which check.
        result: what it came to.

    Returns:
        The check; None if the connection was deleted meanwhile.
    """
    now = kernel.clock.now()
    connection = repository.find_connection(
        work.session, tenant_id=work.tenant_id, connection_id=begun.id, for_update=True
    )
    check = check_repository.find_check(work.session, tenant_id=work.tenant_id, check_id=check_id)
    if connection is None or check is None:
        return None
    check.succeeded = result.error is None
    check.cause = cause_of(result.error) if result.error else CauseClass.NONE
    check.summary = result.summary
    check.duration_ms = result.duration_ms
    work.session.add(check)
    if connection.status is ConnectionStatus.DISCONNECTED:
        return check
    connection.scopes = list(result.scopes) or connection.scopes
    if result.error is None:
        disproves = LASTING if connection.last_error_at == begun.last_error_at else frozenset[CauseClass]()
        note_success(work, connection, now=now, disproves=disproves)
    else:
        note_failure(work, connection, result.error, now=now, is_check=True)
    connection.next_check_at = next_check_at(connection.status, now=now)
    work.session.add(connection)
    work.session.flush()
    work.notify("connection", connection.id)
    return check
