"""Sealed values open in their own place, with their own key, and nowhere else."""

from uuid import UUID

import pytest
from sqlalchemy import event, text

from services import vault
from services.kernel.db import UnitOfWork
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.secret import Secret
from services.kernel.tenancy import TenantViolation
from services.kernel.vault import VaultError, sealed_key_id
from services.tenants import bootstrap

CANARY = Secret("canary-vault-5f2c1e")


def _tenant(kernel: Kernel, name: str) -> UUID:
    return bootstrap(kernel, email=f"owner@{name}.example", tenant=name).tenant_id


def test_a_sealed_secret_opens_in_its_place(kernel: Kernel) -> None:
    row_id = new_id()
    with kernel.unit_of_work(_tenant(kernel, "acme")) as work:
        sealed = vault.seal(work, kernel, table="credential", column="sealed", row_id=row_id, secret=CANARY)
        assert CANARY.reveal().encode() not in sealed
        opened = vault.reveal(work, kernel, table="credential", column="sealed", row_id=row_id, sealed=sealed)
    assert opened == CANARY


@pytest.mark.parametrize(
    ("table", "column", "same_row"),
    [("oauth_attempt", "sealed", True), ("credential", "sealed_verifier", True), ("credential", "sealed", False)],
)
def test_a_sealed_secret_does_not_open_elsewhere(kernel: Kernel, table: str, column: str, same_row: bool) -> None:
    row_id = new_id()
    with kernel.unit_of_work(_tenant(kernel, "acme")) as work:
        sealed = vault.seal(work, kernel, table="credential", column="sealed", row_id=row_id, secret=CANARY)
        with pytest.raises(VaultError):
            vault.reveal(
                work, kernel, table=table, column=column, row_id=row_id if same_row else new_id(), sealed=sealed
            )


def test_another_tenants_secret_does_not_open(kernel: Kernel) -> None:
    row_id = new_id()
    first, second = _tenant(kernel, "acme"), _tenant(kernel, "harbor")
    with kernel.unit_of_work(first) as work:
        sealed = vault.seal(work, kernel, table="credential", column="sealed", row_id=row_id, secret=CANARY)
    with kernel.unit_of_work(second) as work, pytest.raises(VaultError):
        vault.reveal(work, kernel, table="credential", column="sealed", row_id=row_id, sealed=sealed)


def test_a_data_key_copied_to_another_tenant_does_not_unwrap(kernel: Kernel) -> None:
    row_id = new_id()
    first, second = _tenant(kernel, "acme"), _tenant(kernel, "harbor")
    with kernel.unit_of_work(first) as work:
        sealed = vault.seal(work, kernel, table="credential", column="sealed", row_id=row_id, secret=CANARY)
    with kernel.unscoped_session("test plays an intruder with write access") as session:
        session.connection().execute(
            text(
                "INSERT INTO data_key (tenant_id, id, wrapped, kek_id, state, created_at)"
                " SELECT :to, id, wrapped, kek_id, 'decrypt_only', created_at FROM data_key WHERE tenant_id = :source"
            ),
            {"to": second, "source": first},
        )
    with kernel.unit_of_work(second) as work, pytest.raises(VaultError):
        vault.reveal(work, kernel, table="credential", column="sealed", row_id=row_id, sealed=sealed)


def test_what_an_older_key_sealed_opens_after_a_new_one_became_primary(kernel: Kernel) -> None:
    row_id = new_id()
    with kernel.unit_of_work(_tenant(kernel, "acme")) as work:
        before = vault.seal(work, kernel, table="credential", column="sealed", row_id=row_id, secret=CANARY)
        second_key = vault.create_data_key(work, kernel)
        after = vault.seal(work, kernel, table="credential", column="sealed", row_id=row_id, secret=CANARY)
        assert sealed_key_id(after) == second_key != sealed_key_id(before)
        for sealed in (before, after):
            opened = vault.reveal(work, kernel, table="credential", column="sealed", row_id=row_id, sealed=sealed)
            assert opened == CANARY


def test_a_tenant_without_a_key_seals_nothing(kernel: Kernel) -> None:
    tenant_id = _tenant(kernel, "acme")
    with kernel.unit_of_work(tenant_id) as work:
        work.session.connection().execute(text("DELETE FROM data_key WHERE tenant_id = :id"), {"id": tenant_id})
        with pytest.raises(VaultError, match="no data key"):
            vault.seal(work, kernel, table="credential", column="sealed", row_id=new_id(), secret=CANARY)


def test_a_key_cannot_be_asked_for_under_another_tenant(kernel: Kernel) -> None:
    first, second = _tenant(kernel, "acme"), _tenant(kernel, "harbor")
    with kernel.unit_of_work(first) as work:
        forged = UnitOfWork(work.session, second)
        with pytest.raises(TenantViolation):
            vault.seal(forged, kernel, table="credential", column="sealed", row_id=new_id(), secret=CANARY)


def test_many_secrets_of_one_unit_of_work_cost_one_read_of_the_key(kernel: Kernel) -> None:
    row_id = new_id()
    seen: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    with kernel.unit_of_work(_tenant(kernel, "acme")) as work:
        sealed = vault.seal(work, kernel, table="credential", column="sealed", row_id=row_id, secret=CANARY)
        event.listen(kernel.database.engine, "before_cursor_execute", note)
        try:
            for _ in range(5):
                vault.reveal(work, kernel, table="credential", column="sealed", row_id=row_id, sealed=sealed)
        finally:
            event.remove(kernel.database.engine, "before_cursor_execute", note)
    assert len(seen) == 1
