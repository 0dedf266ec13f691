"""Puts a connection's secrets into the vault."""

from collections.abc import Mapping

from models import Connection, Credential
from services import vault
from services.connections import refresh_repository, repository
from services.connections.clients import CREDENTIAL_COLUMN, CREDENTIAL_TABLE
from services.kernel.db import UnitOfWork
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.secret import Secret
from services.provider_kit import fields


def replace_credentials(
    kernel: Kernel, work: UnitOfWork, connection: Connection, secrets: Mapping[str, Secret]
) -> None:
    """Store a connection's secrets; all that it had before go in the same moment."""
    repository.delete_credentials(work.session, tenant_id=work.tenant_id, connection_id=connection.id)
    for name, secret in secrets.items():
        put_credential(kernel, work, connection, name=name, secret=secret)


def put_credential(kernel: Kernel, work: UnitOfWork, connection: Connection, *, name: str, secret: Secret) -> None:
    """Store one secret of a connection; an earlier one of that name goes in the same moment."""
    earlier = refresh_repository.find_credential(
        work.session, tenant_id=work.tenant_id, connection_id=connection.id, name=name
    )
    if earlier is not None:
        work.session.delete(earlier)
        work.session.flush()
    row_id = new_id()
    sealed = vault.seal(work, kernel, table=CREDENTIAL_TABLE, column=CREDENTIAL_COLUMN, row_id=row_id, secret=secret)
    work.session.add(
        Credential(
            tenant_id=work.tenant_id,
            id=row_id,
            connection_id=connection.id,
            name=name,
            sealed=sealed,
            hint=fields.mask(secret),
            updated_at=kernel.clock.now(),
        )
    )
    work.session.flush()
