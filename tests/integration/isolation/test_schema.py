"""The schema itself keeps tenants apart: read back from PostgreSQL, not from the models."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine, Inspector, inspect, text

from services.kernel.db import GLOBAL_TABLES, PRODUCT_ROLE, TENANT_TABLES, Database
from services.kernel.tenancy import unscoped
from tests.integration.isolation.world import as_superuser
from tests.support.databases import copied_database, url_of
from workers.runtime.embedded import EmbeddedUrls

BELONG_TO_NOBODY = {"alembic_version", "key_holder", "key_ring", "one_time_link", "tenant", "user_account"}
"""Tables without a tenant's key; each more needs a reason."""
APPEND_ONLY = {"audit_entry"}
FUNCTIONS = {
    "tally_note_turn": "names the hour whose turn came or changed",
    "tally_note_turns": "names the hours whose turns went",
    "tally_note_answer": "names the hour whose answer changed",
    "tally_note_answers": "names the hours whose answers went",
}
NAME_NO_ROW = {"lease_token": "a worker's hold", "trace_id": "a trace, which has no row of its own"}
"""Columns that, in whatever table, hold ids of something that has no row."""
IDS_WITHOUT_REFERENCE = {
    ("audit_entry", "actor_id"): "outlives whom it names",
    ("audit_entry", "object_id"): "outlives what it names",
    ("failed_attempt", "subject_id"): "names a row of one of three tables",
    ("health_finding", "batch_id"): "names what was told together, no row",
    ("health_finding", "resolution_batch_id"): "names what was told together, no row",
    ("health_notice", "batch_id"): "names what was told together, no row",
    ("key_rotation", "new_key_id"): "outlives a key that a way back deletes",
    ("key_rotation", "old_key_id"): "outlives a key that was destroyed",
    ("turn", "reply_id"): "written in the transaction that writes the message",
}
SHARED_KEYS = {
    ("api_key", "token_hash"): "a bearer key is looked up before its tenant is known",
    ("oauth_attempt", "state_hash"): "a state is looked up before its tenant is known",
    ("subscription", "external_id"): "a notification names nothing else; we draw it at random",
    ("web_session", "token_hash"): "a session is looked up before its tenant is known",
    ("webhook_endpoint", "token"): "an address is looked up before its tenant is known",
}
"""Unique keys without the tenant: secrets of ours, so that a conflict cannot be caused from outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """A migrated database, by its owner's eyes."""

    engine: Engine
    inspector: Inspector
    owner_url: str
    product_url: str

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return what a query on the catalogue finds."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]


@pytest.fixture(scope="module")
def schema(servers: EmbeddedUrls) -> Generator[Schema]:
    with copied_database(servers.database_owner_url) as name:
        owner_url = url_of(servers.database_owner_url, name)
        engine = as_superuser(owner_url)
        yield Schema(
            engine=engine,
            inspector=inspect(engine),
            owner_url=owner_url,
            product_url=url_of(servers.database_url, name),
        )


def test_every_table_belongs_to_tenants_or_stands_on_the_list(schema: Schema) -> None:
    found = set(schema.inspector.get_table_names())
    keyed = {
        name for name in found if schema.inspector.get_pk_constraint(name)["constrained_columns"][0] == "tenant_id"
    }
    assert found - keyed == BELONG_TO_NOBODY == GLOBAL_TABLES
    assert keyed == TENANT_TABLES


def test_there_is_nothing_beside_tables(schema: Schema) -> None:
    """Views run with their owner's rights, past row-level security."""
    relations = schema.rows(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind NOT IN ('r', 'i')"
    )
    assert relations == []


def test_functions_stand_on_the_list_and_run_with_the_callers_rights(schema: Schema) -> None:
    """With their owner's rights they would run past row-level security."""
    functions = schema.rows(
        "SELECT proname, prosecdef, prorettype::regtype::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    )
    assert {name for name, *_ in functions} == set(FUNCTIONS)
    assert {tuple(rest) for _, *rest in functions} == {(False, "trigger")}


def test_primary_key_is_tenant_and_id(schema: Schema) -> None:
    for name in TENANT_TABLES:
        assert schema.inspector.get_pk_constraint(name)["constrained_columns"] == ["tenant_id", "id"], name


def test_references_between_tenants_tables_carry_the_tenant(schema: Schema) -> None:
    for name in TENANT_TABLES:
        for key in schema.inspector.get_foreign_keys(name):
            ours = dict(zip(key["constrained_columns"], key["referred_columns"], strict=True))
            if key["referred_table"] in TENANT_TABLES:
                assert ours.get("tenant_id") == "tenant_id", f"{name}: {key['name']}"
                assert sorted(ours.values()) == ["id", "tenant_id"], f"{name}: {key['name']}"
            else:
                assert key["referred_table"] in {"tenant", "user_account"}, f"{name}: {key['name']}"


def test_tenant_of_a_reference_is_never_null(schema: Schema) -> None:
    """PostgreSQL does not check a reference of which one column is null (MATCH SIMPLE)."""
    for name in TENANT_TABLES:
        nullable = {column["name"]: column["nullable"] for column in schema.inspector.get_columns(name)}
        assert not nullable["tenant_id"] and not nullable["id"], name


def test_tables_without_tenant_refer_to_none_of_a_tenants_tables(schema: Schema) -> None:
    for name in BELONG_TO_NOBODY:
        for key in schema.inspector.get_foreign_keys(name):
            assert key["referred_table"] in BELONG_TO_NOBODY


def test_every_id_is_a_reference_or_stands_on_the_list(schema: Schema) -> None:
    found: set[tuple[str, str]] = set()
    for name in TENANT_TABLES:
        referring = {column for key in schema.inspector.get_foreign_keys(name) for column in key["constrained_columns"]}
        columns = {
            str(column["name"]) for column in schema.inspector.get_columns(name) if str(column["type"]) == "UUID"
        }
        found |= {(name, column) for column in columns - referring - {"id", "tenant_id"} - set(NAME_NO_ROW)}
    assert found == set(IDS_WITHOUT_REFERENCE)


def test_unique_keys_carry_the_tenant_or_stand_on_the_list(schema: Schema) -> None:
    found: set[tuple[str, str]] = set()
    for name in TENANT_TABLES:
        keys = [key["column_names"] for key in schema.inspector.get_unique_constraints(name)]
        keys += [key["column_names"] for key in schema.inspector.get_indexes(name) if key["unique"]]
        found |= {(name, str(key[0])) for key in keys if "tenant_id" not in key}
    assert found == set(SHARED_KEYS)


def test_row_level_security_is_on_and_binds_the_owner_too(schema: Schema) -> None:
    found = schema.rows(
        "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
    )
    assert {name for name, is_on, is_forced in found if is_on and is_forced} == TENANT_TABLES


def test_each_table_has_the_one_policy_for_everything(schema: Schema) -> None:
    found = schema.rows("SELECT tablename, permissive, roles, cmd, qual, with_check FROM pg_policies")
    assert sorted(str(name) for name, *_ in found) == sorted(TENANT_TABLES)
    assert {(permissive, tuple(roles), cmd, check) for _, permissive, roles, cmd, _, check in found} == {
        ("PERMISSIVE", ("public",), "ALL", None)
    }
    [policy] = {str(qual) for _, _, _, _, qual, _ in found}
    assert "tenant_id = (NULLIF(current_setting('patchbay.tenant_id'::text, true), ''::text))::uuid" in policy


def test_product_may_do_no_more_than_read_and_write_rows(schema: Schema) -> None:
    found = schema.rows(
        "SELECT table_name, string_agg(privilege_type, ' ' ORDER BY privilege_type)"
        f" FROM information_schema.role_table_grants WHERE grantee = '{PRODUCT_ROLE}' GROUP BY table_name"
    )
    all_rights = dict.fromkeys(TENANT_TABLES | GLOBAL_TABLES, "DELETE INSERT SELECT UPDATE")
    assert dict(found) == (all_rights | dict.fromkeys(APPEND_ONLY, "INSERT SELECT") | {"alembic_version": "SELECT"})


def test_everybody_else_may_do_nothing(schema: Schema) -> None:
    found = schema.rows(
        "SELECT DISTINCT grantee FROM information_schema.role_table_grants WHERE table_schema = 'public'"
    )
    owner = schema.rows("SELECT current_user")
    assert sorted(found) == sorted([*owner, (PRODUCT_ROLE,)])


def test_product_role_has_no_power(schema: Schema) -> None:
    [role] = schema.rows(
        "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication FROM pg_roles"
        f" WHERE rolname = '{PRODUCT_ROLE}'"
    )
    assert not any(role)
    assert schema.rows(f"SELECT 1 FROM pg_class WHERE relowner = '{PRODUCT_ROLE}'::regrole") == []
    assert schema.rows(f"SELECT 1 FROM pg_auth_members WHERE member = '{PRODUCT_ROLE}'::regrole") == []
    [rights] = schema.rows(
        f"SELECT has_schema_privilege('{PRODUCT_ROLE}', 'public', 'CREATE'),"
        f" has_database_privilege('{PRODUCT_ROLE}', current_database(), 'CREATE')"
    )
    assert not any(rights)


@pytest.mark.parametrize("login", ["owner_url", "product_url"])
def test_connections_run_as_the_product_whoever_logs_in(schema: Schema, login: str) -> None:
    database = Database(getattr(schema, login))
    try:
        with unscoped("test asks who it is"), database.engine.connect() as connection:
            [row] = connection.execute(text("SELECT current_user, current_setting('is_superuser')"))
            owned = connection.execute(
                text("SELECT bool_or(pg_has_role(current_user, relowner, 'USAGE')) FROM pg_class")
            )
            assert tuple(row) == (PRODUCT_ROLE, "off")
            assert owned.scalar_one() is False
    finally:
        database.dispose()


def test_nothing_of_one_transaction_stays_for_the_next(schema: Schema) -> None:
    """A pooled connection comes back without a tenant, and without leave to look across."""
    database = Database(schema.product_url, pool_size=1)
    ask = text("SELECT current_setting('patchbay.tenant_id', true), current_setting('patchbay.unscoped', true)")
    try:
        with database.unscoped_transaction("test looks across") as session:
            assert session.connection().execute(ask).one() == (None, "test looks across")
        with unscoped("test asks what is left"), database.engine.connect() as connection:
            assert [value for value in connection.execute(ask).one() if value] == []
    finally:
        database.dispose()
