"""Seals and opens secrets with the tenant's data key.

Data keys stand in the database wrapped by the key-encryption key. Within a unit of work the wrapped key is read
once; the opened key lives for one call and is never kept.
"""

from uuid import UUID

from models import DataKey as DataKeyRow
from services.kernel import vault
from services.kernel.db import UnitOfWork
from services.kernel.kernel import Kernel
from services.kernel.secret import Secret
from services.kernel.vault import DataKey, Place, VaultError
from services.vault import repository


def create_data_key(work: UnitOfWork, kernel: Kernel) -> UUID:
    """Give the tenant its data key; called once, in the transaction that creates the tenant.

    Returns:
        The key's id.
    """
    key = DataKey.generate()
    row = DataKeyRow(
        tenant_id=work.tenant_id,
        id=key.id,
        wrapped=kernel.kek.wrap(key.reveal(), tenant_id=work.tenant_id, key_id=key.id),
        kek_id=kernel.kek.id,
        created_at=kernel.clock.now(),
    )
    work.session.add(row)
    work.session.flush()
    return key.id


def seal(work: UnitOfWork, kernel: Kernel, *, table: str, column: str, row_id: UUID, secret: Secret) -> bytes:
    """Seal a secret for one column of one row of the tenant; it opens nowhere else.

    Raises:
        VaultError: the tenant has no data key, or it does not open.
    """
    row = repository.find_primary_key(work.session, tenant_id=work.tenant_id)
    if row is None:
        raise VaultError("The tenant has no data key. It is created with the tenant; restore the table data_key.")
    return vault.seal(secret, key=_open_key(kernel, row), place=Place(work.tenant_id, table, column, row_id))


def reveal(work: UnitOfWork, kernel: Kernel, *, table: str, column: str, row_id: UUID, sealed: bytes) -> Secret:
    """Open a sealed value by the exact key it names; keys are never tried.

    Raises:
        VaultError: the key is not one of the tenant's, or the value does not belong to this place.
    """
    row = repository.find_key(work.session, tenant_id=work.tenant_id, key_id=vault.sealed_key_id(sealed))
    if row is None:
        raise VaultError("The data key that the sealed value names is not one of this tenant's.")
    return vault.open_sealed(sealed, key=_open_key(kernel, row), place=Place(work.tenant_id, table, column, row_id))


def _open_key(kernel: Kernel, row: DataKeyRow) -> DataKey:
    return DataKey(row.id, kernel.kek.unwrap(row.wrapped, tenant_id=row.tenant_id, key_id=row.id))
