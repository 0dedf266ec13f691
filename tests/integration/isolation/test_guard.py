"""Each way to write a statement, against each net alone, both, and neither."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from services.kernel.db import Database
from services.kernel.tenancy import TenantViolation
from tests.integration.isolation.shapes import CATALOGUE, Shape
from tests.integration.isolation.world import (
    OWN,
    SEEDED,
    World,
    as_superuser,
    new_world,
    seed,
    tenant_tables,
)
from tests.support.databases import copied_database, url_of
from workers.runtime.embedded import EmbeddedUrls


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of running a shape."""

    refused: bool = False
    seen: tuple[object, ...] = ()
    leaked: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nets:
    """The same two tenants behind both nets, one of them, or none."""

    world: World
    untouched: list[str]
    """What the foreign tenant owns as long as nobody reaches it."""
    both: Database
    guard_only: Database
    rls_only: Database
    none: Database


_FOREIGN_ROWS = " UNION ALL ".join(
    f"SELECT to_jsonb(t)::text FROM {table} AS t WHERE tenant_id = %(tenant)s" for table in SEEDED
)


class _Undo(Exception):
    pass


@pytest.fixture(scope="module")
def nets(servers: EmbeddedUrls) -> Generator[Nets]:
    """Two databases, with and without row-level security, reached with and without the guard.

    The login is a superuser that gave its rights up by ``SET ROLE``: the harder case of the two.
    """
    world = new_world()
    with _database(servers, world) as protected, _database(servers, world) as open_, ExitStack() as stack:
        with as_superuser(open_).begin() as connection:
            for table in tenant_tables():
                connection.execute(text(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"))
                connection.execute(text(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"))
        both, guard_only, rls_only, none = Database(protected), Database(open_), _unhooked(protected), _unhooked(open_)
        for database in (both, guard_only, rls_only, none):
            stack.callback(database.dispose)
        with none.transaction(world.a) as session:
            untouched = _foreign_rows(session, world)
        yield Nets(world=world, untouched=untouched, both=both, guard_only=guard_only, rls_only=rls_only, none=none)


@contextmanager
def _database(servers: EmbeddedUrls, world: World) -> Generator[str]:
    with copied_database(servers.database_owner_url) as name:
        url = url_of(servers.database_owner_url, name)
        with as_superuser(url).begin() as connection:
            seed(connection, world)
        yield url


def _unhooked(url: str) -> Database:
    database = Database(url)
    event.remove(database.engine, "before_cursor_execute", database._before_execute)  # pyright: ignore[reportPrivateUsage]
    return database


def _observe(nets: Nets, database: Database, shape: Shape) -> Outcome:
    """Run a shape as tenant ``a``, look at what tenant ``b`` owns before the transaction is undone."""
    world, outcome = nets.world, Outcome()
    try:
        with database.transaction(world.a) as session:
            seen = tuple(shape.run(session, world))
            session.flush()
            foreign = [item for item in seen if world.is_foreign(item)]
            changed = _foreign_rows(session, world) != nets.untouched
            outcome = Outcome(seen=seen, leaked=f"saw {foreign}" if foreign else "changed rows" if changed else "")
            raise _Undo
    except _Undo:
        return outcome
    except TenantViolation:
        return Outcome(refused=True)
    except SQLAlchemyError:
        return Outcome()


def _foreign_rows(session: Session, world: World) -> list[str]:
    """Look with a superuser's eyes in the same transaction, past the guard."""
    raw: Any = session.connection().connection.driver_connection
    with raw.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE NONE")
        cursor.execute(_FOREIGN_ROWS, {"tenant": world.b})
        return sorted(row for (row,) in cursor.fetchall())


@pytest.mark.parametrize("shape", CATALOGUE, ids=[shape.name for shape in CATALOGUE])
def test_each_net_holds(nets: Nets, shape: Shape) -> None:
    refuses = shape.guard == "refuses"
    both = _observe(nets, nets.both, shape)
    assert (both.refused, both.leaked) == (refuses, ""), "guard and row-level security"
    guarded = _observe(nets, nets.guard_only, shape)
    assert guarded.refused == refuses, "guard alone"
    assert not guarded.leaked or shape.guard == "cannot see", "guard alone"
    secured = _observe(nets, nets.rls_only, shape)
    assert not secured.leaked or shape.rls == "can be talked out of it", "row-level security alone"
    bare = _observe(nets, nets.none, shape)
    assert bool(bare.leaked) == (shape.bare == "leaks"), f"without nets: {bare}"


def test_own_rows_are_found(nets: Nets) -> None:
    for shape in CATALOGUE:
        if shape.guard == "allows" and shape.name != "reference into another tenant":
            assert OWN in str(_observe(nets, nets.both, shape).seen), shape.name
