"""All statements on the renewal of tokens: the lease, and the credentials it replaces. Each binds the tenant."""

from uuid import UUID

from sqlmodel import Session, col, select

from models import Connection, Credential
from services.kernel.leases import in_seconds, is_free


def lock_connection(session: Session, *, tenant_id: UUID, connection_id: UUID) -> tuple[Connection, bool] | None:
    """Return a connection, locked until the end of the transaction, and whether nobody holds its lease."""
    statement = (
        select(Connection, is_free(Connection))
        .where(col(Connection.tenant_id) == tenant_id, col(Connection.id) == connection_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return session.exec(statement).first()


def take_lease(session: Session, connection: Connection, *, token: UUID, seconds: float) -> None:
    """Hold a locked connection for a while, by the database's time."""
    connection.lease_token = token
    connection.lease_until = in_seconds(seconds)
    session.add(connection)
    session.flush()


def find_credential(session: Session, *, tenant_id: UUID, connection_id: UUID, name: str) -> Credential | None:
    """Return one sealed secret of a connection."""
    statement = select(Credential).where(
        col(Credential.tenant_id) == tenant_id,
        col(Credential.connection_id) == connection_id,
        col(Credential.name) == name,
    )
    return session.exec(statement).first()
