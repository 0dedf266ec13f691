"""Seals and opens secrets with the tenant's data keys.

Data keys stand in the database wrapped by a key-encryption key. Within a unit of work a wrapped key is read once; the
opened key lives for one call and is never kept.

Whoever seals holds the tenant's sealing lock until its transaction ends, shared with all others who seal. A rotation
takes that lock alone for the moment in which it changes the key to seal with: after that moment nothing more appears
under the key before.
"""

from uuid import UUID

from models import DataKey as DataKeyRow
from models import DataKeyState
from services.kernel import vault
from services.kernel.db import UnitOfWork
from services.kernel.kernel import Kernel
from services.kernel.secret import Secret
from services.kernel.vault import DataKey, Place, VaultError
from services.vault import columns, repository
from services.vault.holders import choose_wrapping_key
from services.vault.openings import count_opening

_OPENS = frozenset({DataKeyState.PENDING, DataKeyState.PRIMARY, DataKeyState.DECRYPT_ONLY})


def create_data_key(work: UnitOfWork, kernel: Kernel) -> UUID:
    """Give the tenant its data key; called once, in the transaction that creates the tenant.

    Returns:
        The key's id.
    """
    return add_data_key(work, kernel, state=DataKeyState.PRIMARY).id


def add_data_key(work: UnitOfWork, kernel: Kernel, *, state: DataKeyState) -> DataKeyRow:
    """Make a new key and keep it, wrapped."""
    key = DataKey.generate()
    kek_id = choose_wrapping_key(work.session, kernel.kek)
    row = DataKeyRow(
        tenant_id=work.tenant_id,
        id=key.id,
        wrapped=kernel.kek.wrap(key.reveal(), tenant_id=work.tenant_id, key_id=key.id, kek_id=kek_id),
        kek_id=kek_id,
        state=state,
        created_at=kernel.clock.now(),
    )
    work.session.add(row)
    work.session.flush()
    return row


def seal(work: UnitOfWork, kernel: Kernel, *, table: str, column: str, row_id: UUID, secret: Secret) -> bytes:
    """Seal a secret for one column of one row of the tenant; it opens nowhere else.

    Store it in the same unit of work.

    Raises:
        VaultError: the tenant has no data key, or it does not open.
    """
    repository.lock_sealing(work.session, tenant_id=work.tenant_id)
    row = repository.find_primary_key(work.session, tenant_id=work.tenant_id)
    if row is None:
        raise VaultError("The tenant has no data key. It is created with the tenant; restore the table data_key.")
    return vault.seal(secret, key=open_key(kernel, row), place=Place(work.tenant_id, table, column, row_id))


def reveal(work: UnitOfWork, kernel: Kernel, *, table: str, column: str, row_id: UUID, sealed: bytes) -> Secret:
    """Open a sealed value by the exact key it names; keys are never tried.

    A value that was read before a rotation re-encrypted it may name a key that opens nothing any more: then the place
    is read again.

    Raises:
        VaultError: the key is not one of the tenant's, or the value does not belong to this place.
    """
    place = Place(work.tenant_id, table, column, row_id)
    row = _find_key(work, sealed)
    if row.state not in _OPENS:
        current = columns.read_value(work.session, place)
        row = _find_key(work, current) if current else row
        if not current or row.state not in _OPENS:
            raise VaultError(f"The data key {row.id} opens nothing any more ({row.state}): it was rotated away.")
        sealed = current
    count_opening(work.tenant_id)
    return vault.open_sealed(sealed, key=open_key(kernel, row), place=place)


def open_key(kernel: Kernel, row: DataKeyRow) -> DataKey:
    """Unwrap a data key.

    Raises:
        VaultError: its key-encryption key is not configured, or it is damaged.
    """
    return DataKey(row.id, kernel.kek.unwrap(row.wrapped, tenant_id=row.tenant_id, key_id=row.id, kek_id=row.kek_id))


def destroy_all_keys(work: UnitOfWork, kernel: Kernel) -> int:
    """Destroy every data key of the tenant, for good: none of its secrets can be read again.

    Returns:
        How many keys there were.
    """
    return repository.destroy_keys(work.session, tenant_id=work.tenant_id, now=kernel.clock.now())


def _find_key(work: UnitOfWork, sealed: bytes) -> DataKeyRow:
    row = repository.find_key(work.session, tenant_id=work.tenant_id, key_id=vault.sealed_key_id(sealed))
    if row is None:
        raise VaultError("The data key that the sealed value names is not one of this tenant's.")
    return row
