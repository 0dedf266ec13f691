"""Ends connections: what that does is counted first, our access is revoked, the secrets are forgotten."""

from datetime import datetime

from models import Connection, ConnectionStatus
from services.connections import repository
from services.connections.life import change_status
from services.kernel.db import UnitOfWork
from services.tenants import Actor


def end(work: UnitOfWork, connection: Connection, *, actor: Actor, action: str, reason: str, now: datetime) -> bool:
    """Take a connection out of use and free its numbers; the row and its history stay.

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
