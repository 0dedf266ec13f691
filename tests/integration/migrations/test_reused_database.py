"""A database that tests get one after the other is each time as the migrations left it."""

from collections.abc import Generator

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from tests.support.databases import ReusedDatabase, url_of
from workers.runtime.embedded import EmbeddedUrls


@pytest.fixture
def reused(servers: EmbeddedUrls) -> Generator[ReusedDatabase]:
    database = ReusedDatabase(servers.database_owner_url)
    yield database
    database.drop()


def run(servers: EmbeddedUrls, name: str, *statements: str) -> list[tuple[object, ...]]:
    engine = create_engine(url_of(servers.database_owner_url, name), poolclass=NullPool)
    with engine.begin() as connection:
        results = [connection.execute(text(statement)) for statement in statements]
        return [tuple(row) for row in results[-1]] if results[-1].returns_rows else []


def count(servers: EmbeddedUrls, name: str) -> list[tuple[object, ...]]:
    return run(servers, name, "SELECT (SELECT count(*) FROM tenant), (SELECT array_agg(version) FROM key_ring)")


TENANTS = """
    INSERT INTO tenant (id, name, time_zone, created_at)
    SELECT gen_random_uuid(), 'Acme ' || n, 'UTC', now() FROM generate_series(1, {}) n
"""


@pytest.mark.parametrize("rows", [1, 20_000])
def test_what_one_test_wrote_the_next_does_not_find(servers: EmbeddedUrls, reused: ReusedDatabase, rows: int) -> None:
    name = reused.lend()
    fresh = count(servers, name)
    run(servers, name, TENANTS.format(rows), "UPDATE key_ring SET version = version + 7")
    assert count(servers, name) != fresh
    reused.take_back()
    assert reused.lend() == name
    assert count(servers, name) == fresh


def test_who_is_still_connected_does_not_hold_up_the_next(servers: EmbeddedUrls, reused: ReusedDatabase) -> None:
    name = reused.lend()
    engine = create_engine(url_of(servers.database_owner_url, name), poolclass=NullPool)
    with engine.connect() as forgotten:
        forgotten.execute(text(TENANTS.format(1)))
        reused.take_back()
        forgotten.invalidate()
    assert count(servers, reused.lend())[0][0] == 0


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE left_behind (id int)",
        "ALTER TABLE agent DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE agent NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY tenant_isolation ON agent",
        "GRANT DELETE ON alembic_version TO patchbay_app",
        "ALTER TABLE tenant ALTER name DROP NOT NULL",
    ],
)
def test_a_database_in_another_shape_is_not_used_again(
    servers: EmbeddedUrls, reused: ReusedDatabase, change: str
) -> None:
    name = reused.lend()
    run(servers, name, change)
    reused.take_back()
    assert reused.lend() != name
