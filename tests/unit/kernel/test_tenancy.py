import threading
from collections.abc import Mapping, Sequence
from uuid import UUID

import pytest

from services.kernel.tenancy import SET_LOCAL, TenantGuard, TenantViolation, current_tenant, tenant_scope, unscoped

A, B = UUID(int=1), UUID(int=2)
OWN = {"tenant_id": A}
GUARD = TenantGuard(frozenset({"agent", "contact"}), others=frozenset({"tenant"}))
SELECT = "SELECT name FROM agent WHERE tenant_id = %(tenant_id)s"


def check(statement: str, parameters: Mapping[str, object] | Sequence[Mapping[str, object]] = OWN) -> None:
    with tenant_scope(A):
        GUARD.check(statement, parameters)


def test_no_tenant_is_in_force_by_default() -> None:
    with pytest.raises(TenantViolation, match="No tenant is set"):
        current_tenant()


def test_statement_without_a_tenant_in_force_is_refused() -> None:
    with pytest.raises(TenantViolation, match="No tenant is set"):
        GUARD.check(SELECT, OWN)


def test_tenant_does_not_follow_into_a_thread() -> None:
    seen: list[Exception] = []

    def look() -> None:
        try:
            current_tenant()
        except TenantViolation as violation:
            seen.append(violation)

    with tenant_scope(A):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert len(seen) == 1


def test_scope_ends_with_its_block_also_on_an_error() -> None:
    with pytest.raises(KeyError), tenant_scope(A):
        raise KeyError
    with pytest.raises(TenantViolation):
        current_tenant()


def test_scope_of_the_same_tenant_nests() -> None:
    with tenant_scope(A), tenant_scope(A):
        assert current_tenant() == A


def test_changing_the_tenant_inside_a_scope_is_refused() -> None:
    with tenant_scope(A):
        with pytest.raises(TenantViolation, match="Another tenant is in force"), tenant_scope(B):
            pass
        assert current_tenant() == A


def test_guard_is_off_inside_unscoped_only() -> None:
    with unscoped("test"):
        GUARD.check("SELECT name FROM agent", {})
    with tenant_scope(A), pytest.raises(TenantViolation):
        GUARD.check("SELECT name FROM agent", {})


def test_tenants_scope_inside_unscoped_is_guarded_again() -> None:
    with unscoped("test"):
        with tenant_scope(A), pytest.raises(TenantViolation):
            GUARD.check("SELECT name FROM agent", {})
        GUARD.check("SELECT name FROM agent", {})


def test_statement_bound_to_the_tenant_in_force_passes() -> None:
    check(SELECT)
    check(SELECT, {"tenant_id": str(A)})


@pytest.mark.parametrize("value", [B, str(B), None, "", f"{A} ", 1])
def test_statement_bound_to_anything_else_is_refused(value: object) -> None:
    with pytest.raises(TenantViolation, match="bound to another tenant"):
        check(SELECT, {"tenant_id": value})


def test_every_set_of_values_is_looked_at() -> None:
    check(SELECT, [OWN, OWN])
    with pytest.raises(TenantViolation, match="bound to another tenant"):
        check(SELECT, [OWN, {"tenant_id": B}])


def test_values_that_are_missing_are_refused() -> None:
    with pytest.raises(TenantViolation, match="bound to another tenant"):
        check(SELECT, {})
    with pytest.raises(TenantViolation, match="by name"):
        check(SELECT, [])


def test_refusal_is_remembered_for_the_same_statement() -> None:
    for _ in range(2):
        with pytest.raises(TenantViolation, match="without a bound tenant_id"):
            check("SELECT id FROM contact")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1",
        "SELECT name FROM tenant WHERE id = %(id)s",
        "SELECT pg_advisory_xact_lock(hashtextextended(%(key)s, 0))",
        "SELECT x FROM unnest(CAST(%(words)s AS text[])) AS x",
        "SELECT 5 %% 2",
        "SAVEPOINT sa_savepoint_1",
        "ROLLBACK TO SAVEPOINT sa_savepoint_1",
        "RELEASE SAVEPOINT sa_savepoint_1",
    ],
)
def test_statement_on_no_tenants_table_passes_without_a_tenant(statement: str) -> None:
    GUARD.check(statement, {})


@pytest.mark.parametrize(
    "statement",
    [
        "",
        ";",
        "SELECT FROM WHERE agent",
        "SELECT 1; SELECT 2",
        "SAVEPOINT x; SELECT 1",
        "BEGIN",
        "SET search_path = other",
        "CALL anything()",
        "CREATE TEMP TABLE mine (id uuid)",
        "SELECT name FROM nobody_knows",
        "SELECT name FROM other.tenant",
        "SELECT name FROM information_schema.tables",
        "SELECT %s",
        "SELECT '%(a b)s'",
    ],
)
def test_statement_that_cannot_be_read_is_refused(statement: str) -> None:
    with pytest.raises(TenantViolation):
        check(statement)


def test_security_may_only_be_told_the_tenant_in_force() -> None:
    check(SET_LOCAL, {"name": "patchbay.tenant_id", "value": str(A)})
    for name, value in (("patchbay.tenant_id", str(B)), ("patchbay.unscoped", "why not"), ("role", "none")):
        with pytest.raises(TenantViolation, match="row-level security"):
            check(SET_LOCAL, {"name": name, "value": value})


def test_message_of_a_violation_shows_no_values() -> None:
    with pytest.raises(TenantViolation) as caught:
        check(SELECT, {"tenant_id": B, "email": "mia@example.com"})
    assert str(B) not in str(caught.value) and "mia" not in str(caught.value)
