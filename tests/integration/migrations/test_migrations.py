import ast
from collections.abc import Generator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.pool import NullPool

from services.kernel.ids import new_id
from tests.support.databases import alembic_config, url_of
from workers.runtime.embedded import EmbeddedUrls

VERSIONS = Path("models/migrations/versions")
MAY_IMPORT = {"alembic", "sqlalchemy", "models.migrations.isolation"}
"""A migration that reads today's models changes its meaning when they change."""


@pytest.fixture(scope="module")
def empty_database(servers: EmbeddedUrls) -> Generator[str]:
    name = f"migrations_{new_id().hex}"
    admin = create_engine(servers.database_owner_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        yield url_of(servers.database_owner_url, name)
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def config(empty_database: str) -> Config:
    return alembic_config(empty_database)


def describe(url: str) -> dict[str, list[str]]:
    """Return what a database consists of, as PostgreSQL tells it."""
    queries = {
        "columns": "SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable"
        " FROM information_schema.columns WHERE table_schema = 'public'",
        "constraints": "SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)"
        " FROM pg_constraint WHERE connamespace = 'public'::regnamespace",
        "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "policies": "SELECT tablename || ' ' || policyname || ' ' || qual FROM pg_policies",
        "security": "SELECT relname || ' ' || relrowsecurity || ' ' || relforcerowsecurity FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'",
        "rights": "SELECT table_name || ' ' || grantee || ' ' || privilege_type"
        " FROM information_schema.role_table_grants WHERE table_schema = 'public'",
    }
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return {name: sorted(connection.execute(text(query)).scalars()) for name, query in queries.items()}


def test_upgrade_from_empty_matches_the_models(config: Config) -> None:
    command.upgrade(config, "head")
    command.check(config)


def test_way_down_leaves_nothing_and_leads_up_again(config: Config, empty_database: str) -> None:
    command.upgrade(config, "head")
    before = describe(empty_database)
    command.downgrade(config, "base")
    engine = create_engine(empty_database, poolclass=NullPool)
    assert inspect(engine).get_table_names() == ["alembic_version"]
    command.upgrade(config, "head")
    assert describe(empty_database) == before


def test_each_step_can_be_taken_back_alone(config: Config) -> None:
    command.upgrade(config, "head")
    steps = len(list(ScriptDirectory.from_config(config).walk_revisions()))
    for _ in range(steps):
        command.downgrade(config, "-1")
    for _ in range(steps):
        command.upgrade(config, "+1")
    command.check(config)


def test_there_is_one_head_and_one_line(config: Config) -> None:
    script = ScriptDirectory.from_config(config)
    assert len(script.get_heads()) == len(script.get_bases()) == 1
    assert all(not revision.is_branch_point for revision in script.walk_revisions())


@pytest.mark.parametrize("path", sorted(VERSIONS.glob("*.py")), ids=lambda path: path.stem)
def test_migration_stands_on_its_own(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    foreign = {
        name
        for name in imported
        if not any(name == allowed or name.startswith(f"{allowed}.") for allowed in MAY_IMPORT)
    }
    assert foreign == set()


def test_files_are_named_by_their_revision(config: Config) -> None:
    for revision in ScriptDirectory.from_config(config).walk_revisions():
        assert Path(revision.path).name.startswith(f"{revision.revision}_")
