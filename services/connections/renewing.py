"""One renewal of one token: the claim, the call, and what is stored of it.

The lease stands in the connection's row and counts by the database's time. The call runs outside any transaction;
what it brings is stored in one, the next refresh token in the same moment in which the spent one goes. A process that
dies in between leaves a lease that runs out: the next attempt tries the stored refresh token again, and either that
works or the provider says that it was spent.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from models import CauseClass, Connection, ConnectionStatus
from services import vault
from services.connections import refresh_repository
from services.connections.circuit import wait_for_call
from services.connections.circuit_repository import WAITS_FOR_PROVIDER
from services.connections.clients import (
    CREDENTIAL_COLUMN,
    CREDENTIAL_TABLE,
    can_be_renewed,
    is_usable,
    open_secrets,
)
from services.connections.credentials import put_credential
from services.connections.grants import AppAtProvider, renew_token
from services.connections.notes import note_failure, note_success
from services.connections.places import place_of
from services.connections.token_times import plan_times
from services.kernel.db import UnitOfWork
from services.kernel.errors import NeedsReauth, NotFound, PatchbayError, RetryLater
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.leases import backoff_seconds
from services.kernel.log import get_logger
from services.kernel.secret import Secret
from services.provider_kit import registry
from services.provider_kit.auth import REFRESH_TOKEN
from services.provider_kit.contract import RefreshedToken

_MARGIN_SECONDS = 15.0
"""How much longer than the call's own deadline a lease lasts: time to store what came back."""
_LONGEST_BACKOFF_SECONDS = 300.0

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A renewal that is ours alone."""

    tenant_id: UUID
    connection_id: UUID
    lease_token: UUID
    place: AppAtProvider
    refresh_token: Secret = field(repr=False)
    was_interrupted: bool
    """Whether an earlier renewal never ended, or its answer was lost: the provider may have spent the token then."""


@dataclass(frozen=True, slots=True)
class Held:
    """Somebody else is renewing."""

    is_usable: bool


def claim_renewal(
    kernel: Kernel, *, tenant_id: UUID, connection_id: UUID, has_waited: bool = False
) -> Claim | Held | None:
    """Take the renewal on, committed before the provider is called.

    Returns:
        The claim; who holds it if it is taken; None if there is nothing to do, or nothing yet: while the provider does
        not answer, a token that still lives is good enough, and it stays due.

    Raises:
        NeedsReauth, RetryLater: the token is over, and now is not the time to try.
    """
    refusal: NeedsReauth | None = None
    with kernel.unit_of_work(tenant_id) as work:
        connection, is_free = _lock(work, connection_id)
        now = kernel.clock.now()
        if has_waited and connection.status is ConnectionStatus.NEEDS_REAUTH:
            raise NeedsReauth(connection.last_error or "Connect again.", provider=connection.provider)
        if not can_be_renewed(connection) or connection.refresh_due_at is None:
            return None
        if connection.refresh_due_at > now:
            if is_usable(connection, now=now):
                return None
            raise RetryLater(
                "The access has ended and could not be renewed yet. It is tried again shortly.",
                code="refresh_failed",
                provider=connection.provider,
                after=connection.refresh_due_at - now,
            )
        if not is_free:
            return Held(is_usable(connection, now=now))
        refresh_token = open_secrets(kernel, work, connection).get(REFRESH_TOKEN)
        if refresh_token is None:
            refusal = _refuse_without_refresh_token(work, connection, now=now)
        elif wait := wait_for_call(work, connection):
            if is_usable(connection, now=now):
                return None
            raise RetryLater(wait.words, code=WAITS_FOR_PROVIDER, provider=connection.provider, after=wait.wait)
        else:
            claim = Claim(
                tenant_id=tenant_id,
                connection_id=connection_id,
                lease_token=new_id(),
                place=place_of(kernel, work, connection),
                refresh_token=refresh_token,
                was_interrupted=connection.lease_token is not None,
            )
            seconds = lease_seconds(kernel)
            refresh_repository.take_lease(work.session, connection, token=claim.lease_token, seconds=seconds)
            return claim
    raise refusal


def _refuse_without_refresh_token(work: UnitOfWork, connection: Connection, *, now: datetime) -> NeedsReauth:
    name = registry.get_manifest(connection.provider).name
    error = NeedsReauth(
        f"The access that {name} gave has ended, and {name} gave no way to renew it. Connect again.",
        code="refresh_token_missing",
        provider=connection.provider,
    )
    connection.refresh_due_at = None
    work.session.add(connection)
    work.session.flush()
    note_failure(work, connection, error, now=now)
    return error


def renew(kernel: Kernel, claim: Claim) -> None:
    """Call the provider, and store what it says."""
    began = kernel.clock.now()
    slug = claim.place.manifest.slug
    try:
        answer = renew_token(kernel.http, claim.place, refresh_token=claim.refresh_token)
        renewed = registry.refresh(slug).read_refresh(answer)
    except PatchbayError as error:
        _settle_failure(kernel, claim, error)
        return
    _settle_success(kernel, claim, renewed, began=began)
    _log.info("connections.token.refreshed", provider=slug, connection_id=str(claim.connection_id))


def _settle_success(kernel: Kernel, claim: Claim, renewed: RefreshedToken, *, began: datetime) -> None:
    with kernel.unit_of_work(claim.tenant_id) as work:
        connection = _lock_ours(kernel, work, claim)
        if connection is None:
            return
        now = kernel.clock.now()
        for name, secret in renewed.secrets.items():
            put_credential(kernel, work, connection, name=name, secret=secret)
        times = plan_times(
            claim.place.scheme,
            has_refresh_token=True,
            expires_at=began + renewed.expires_in if renewed.expires_in is not None else None,
            now=began,
        )
        connection.token_expires_at = times.expires_at
        connection.refresh_due_at = times.refresh_due_at
        connection.refreshed_at = now
        connection.scopes = list(renewed.scopes) or connection.scopes
        connection.updated_at = now
        work.session.add(connection)
        work.session.flush()
        note_success(work, connection, now=now, disproves={CauseClass.AUTHORISATION})
        work.notify("connection", connection.id)


def _settle_failure(kernel: Kernel, claim: Claim, error: PatchbayError) -> None:
    """Note a failed renewal.

    Raises:
        PatchbayError: the error, if the token is over.
    """
    with kernel.unit_of_work(claim.tenant_id) as work:
        connection = _lock_ours(kernel, work, claim)
        if connection is None:
            return
        now = kernel.clock.now()
        if isinstance(error, NeedsReauth):
            error = _in_full(error, claim)
            connection.refresh_due_at = None
        else:
            connection.refresh_due_at = now + _backoff(kernel, connection, error)
            if isinstance(error, RetryLater) and error.ambiguous:
                # A lease that has no end but a holder: the next attempt knows that this one may have taken effect.
                connection.lease_token = claim.lease_token
        work.session.add(connection)
        work.session.flush()
        note_failure(work, connection, error, now=now, is_check=True)
        is_over = isinstance(error, NeedsReauth) or not is_usable(connection, now=now)
    if is_over:
        raise error


def _in_full(error: NeedsReauth, claim: Claim) -> NeedsReauth:
    """Say what we know about why the provider refuses."""
    if not claim.was_interrupted:
        return error
    name = claim.place.manifest.name
    return NeedsReauth(
        f"An earlier renewal was cut off after {name} had taken it on, and {name} gives each one only once. Connect"
        " again.",
        code=error.code,
        provider=error.provider,
        status=error.status,
        request_id=error.request_id,
    )


def _backoff(kernel: Kernel, connection: Connection, error: PatchbayError) -> timedelta:
    """Return the wait before the next attempt; the provider's own wish wins."""
    if isinstance(error, RetryLater) and error.after is not None:
        return error.after
    base = kernel.settings.retry_base_seconds if isinstance(error, RetryLater) else _LONGEST_BACKOFF_SECONDS
    return timedelta(seconds=backoff_seconds(connection.error_count + 1, base=base, longest=_LONGEST_BACKOFF_SECONDS))


def _lock_ours(kernel: Kernel, work: UnitOfWork, claim: Claim) -> Connection | None:
    """Return the connection with our lease given back, or None if the credentials are not those that we renewed.

    The refresh token decides, not the lease: if it is still the one that we spent, what we hold is the newest, even if
    we took longer than our lease; if it is another one, the connection was renewed, repaired or ended meanwhile.
    """
    connection, _ = _lock(work, claim.connection_id)
    if connection.lease_token == claim.lease_token:
        connection.lease_token = connection.lease_until = None
        work.session.add(connection)
        work.session.flush()
    sealed = refresh_repository.find_credential(
        work.session, tenant_id=work.tenant_id, connection_id=connection.id, name=REFRESH_TOKEN
    )
    if sealed is None:
        return None
    stored = vault.reveal(
        work, kernel, table=CREDENTIAL_TABLE, column=CREDENTIAL_COLUMN, row_id=sealed.id, sealed=sealed.sealed
    )
    return connection if stored == claim.refresh_token else None


def lease_seconds(kernel: Kernel) -> float:
    """Return how long a renewal is held: longer than its call can take."""
    return kernel.settings.outbound_deadline_seconds + _MARGIN_SECONDS


def _lock(work: UnitOfWork, connection_id: UUID) -> tuple[Connection, bool]:
    found = refresh_repository.lock_connection(work.session, tenant_id=work.tenant_id, connection_id=connection_id)
    if found is None:
        raise NotFound("There is no such connection.", code="unknown_connection")
    return found
