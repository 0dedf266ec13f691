"""Renews tokens before they end: one renewal at a time per connection, whichever process wants it.

The lease is longer than a renewal can take, and whoever finds it held waits at least that long, so that a slow
provider never looks like a refused credential.
"""

import time
from collections.abc import Callable, Mapping
from typing import TypeVar
from uuid import UUID

from models import Connection
from services.connections import repository
from services.connections.clients import TokenRunOut, open_secrets
from services.connections.renewing import Claim, claim_renewal, lease_seconds, renew
from services.kernel.db import UnitOfWork
from services.kernel.errors import NotFound, PatchbayError, RetryLater
from services.kernel.kernel import Kernel
from services.kernel.log import get_logger
from services.kernel.secret import Secret

_PATIENCE_SECONDS = 5.0
"""How much longer than the lease a caller waits."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.5

T = TypeVar("T")

_log = get_logger(__name__)


def fresh_secrets(kernel: Kernel, *, tenant_id: UUID, connection_id: UUID) -> Mapping[str, Secret]:
    """Return a connection's secrets, renewed first if they are about to end.

    Runs outside any transaction. However many ask at once, in however many processes, the provider gets one request.

    Raises:
        NeedsReauth: the provider does not renew the access any more.
        RetryLater: it cannot be renewed now, and has ended; never a sign of bad credentials.
        NotFound: there is no such connection.
    """
    keep_fresh(kernel, tenant_id=tenant_id, connection_id=connection_id)
    with kernel.unit_of_work(tenant_id) as work:
        connection = _find(work, connection_id)
        return open_secrets(kernel, work, connection)


def with_fresh_token(kernel: Kernel, *, tenant_id: UUID, attempt: Callable[[UnitOfWork], T]) -> T:
    """Run a transaction that opens a client; where its token is over, renew that in between and run it once more.

    Raises:
        NeedsReauth, RetryLater: the token is over and could not be renewed; whatever ``attempt`` raises.
    """
    try:
        with kernel.unit_of_work(tenant_id) as work:
            return attempt(work)
    except TokenRunOut as over:
        keep_fresh(kernel, tenant_id=tenant_id, connection_id=over.connection_id)
    with kernel.unit_of_work(tenant_id) as work:
        return attempt(work)


def refresh_connection(kernel: Kernel, *, tenant_id: UUID, connection_id: UUID) -> None:
    """Renew a token that is due, unless somebody does already. Running it twice does no harm.

    What goes wrong is noted on the connection; the sweeper comes back when the next attempt is due.
    """
    try:
        claim = claim_renewal(kernel, tenant_id=tenant_id, connection_id=connection_id)
        if isinstance(claim, Claim):
            renew(kernel, claim)
    except NotFound:
        raise
    except PatchbayError as error:
        _log.info("connections.token.not_refreshed", connection_id=str(connection_id), code=error.code)


def keep_fresh(kernel: Kernel, *, tenant_id: UUID, connection_id: UUID) -> None:
    """Renew a connection's token if it is about to end; wait for whoever does it already if it has ended.

    Runs outside any transaction. A token that still lives is good enough: a failed renewal is then noted on the
    connection and tried again later, and this returns.

    Raises:
        NeedsReauth: the provider does not renew the access any more.
        RetryLater: the token has ended and cannot be renewed now.
        NotFound: there is no such connection.
    """
    deadline = time.monotonic() + lease_seconds(kernel) + _PATIENCE_SECONDS
    pause = _FIRST_PAUSE
    has_waited = False
    while True:
        claim = claim_renewal(kernel, tenant_id=tenant_id, connection_id=connection_id, has_waited=has_waited)
        if isinstance(claim, Claim):
            return renew(kernel, claim)
        if claim is None or claim.is_usable:
            return None
        if time.monotonic() > deadline:
            raise RetryLater("The access is still being renewed. Try again in a moment.", code="refresh_busy")
        has_waited = True
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _find(work: UnitOfWork, connection_id: UUID) -> Connection:
    connection = repository.find_connection(work.session, tenant_id=work.tenant_id, connection_id=connection_id)
    if connection is None:
        raise NotFound("There is no such connection.", code="unknown_connection")
    return connection
