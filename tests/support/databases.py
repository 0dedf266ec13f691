"""One migrated template per run; a test gets a copy of it, or the one of the test before, emptied."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, make_url, text

from services.kernel.ids import new_id

TEMPLATE = "patchbay_template"

LARGE = 1 << 20
"""Bytes from which on a table is truncated: deleting from small ones is quicker, as it makes no new files."""

_TABLES = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
    ORDER BY relname
"""
_SHAPE = """
    SELECT md5(string_agg(part, ' ' ORDER BY part)) FROM (
        SELECT concat_ws(',', oid, relkind, relrowsecurity, relforcerowsecurity, relchecks, relacl, relowner) AS part
            FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT concat_ws(',', attrelid, attname, atttypid, attnotnull, attisdropped)
            FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT concat_ws(',', oid, polrelid) FROM pg_policy
        UNION ALL SELECT concat_ws(',', oid, conrelid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT concat_ws(',', oid, tgenabled) FROM pg_trigger
        UNION ALL SELECT concat_ws(',', oid, proname) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT concat_ws(',', setdatabase, setrole, setconfig) FROM pg_db_role_setting
    ) AS parts
"""
"""What a test may have changed besides rows; a database in another shape is not used again."""


def url_of(url: str, database: str) -> str:
    """Return the same server's address with another database."""
    return make_url(url).set(database=database).render_as_string(hide_password=False)


def alembic_config(owner_url: str) -> Config:
    """Return Alembic's configuration for a database."""
    config = Config(toml_file="pyproject.toml")
    config.set_main_option("script_location", "models/migrations")
    config.set_main_option("sqlalchemy.url", owner_url.replace("%", "%%"))
    return config


def create_template(owner_url: str) -> None:
    """Create the template and run all migrations in it."""
    _execute(owner_url, f"CREATE DATABASE {TEMPLATE}")
    command.upgrade(alembic_config(url_of(owner_url, TEMPLATE)), "head")


@contextmanager
def copied_database(owner_url: str) -> Generator[str]:
    """Yield the name of a fresh copy of the template, dropped afterwards."""
    name = f"test_{new_id().hex}"
    _execute(owner_url, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    try:
        yield name
    finally:
        _execute(owner_url, f"DROP DATABASE {name} WITH (FORCE)")


class ReusedDatabase:
    """A copy of the template that one test after another gets, emptied in between.

    Emptying takes a tenth of the time of a copy. A test may do to its database what it likes: one whose tables,
    policies or grants are no longer the template's is thrown away.
    """

    def __init__(self, owner_url: str) -> None:
        self._owner_url = owner_url
        self._name = ""
        self._shape = ""
        self._connection: Connection | None = None

    def lend(self) -> str:
        """Return the name of a database as the migrations left it; call ``take_back`` before the next."""
        if self._connection is None:
            self._copy()
        return self._name

    def take_back(self) -> None:
        """End transactions that are still open, and empty the database or drop it."""
        assert self._connection is not None
        self._connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
            )
        )
        if self._connection.scalar(text(_SHAPE)) == self._shape:
            self._connection.execute(text("SELECT emptying.empty()"))
        else:
            self.drop()

    def drop(self) -> None:
        """Forget the database, if there is one."""
        if self._connection is None:
            return
        self._connection.engine.dispose()
        self._connection.close()
        self._connection = None
        _execute(self._owner_url, f"DROP DATABASE {self._name} WITH (FORCE)")

    def _copy(self) -> None:
        self._name = f"test_{new_id().hex}"
        _execute(self._owner_url, f"CREATE DATABASE {self._name} TEMPLATE {TEMPLATE}")
        self._connection = _admin(url_of(self._owner_url, self._name)).connect()
        self._connection.execute(text("SET synchronous_commit = off"))
        tables = self._connection.scalars(text(_TABLES)).all()
        filled = [table for table in tables if self._connection.scalar(text(f"SELECT EXISTS (TABLE public.{table})"))]
        for statement in _emptying(tables, filled):
            self._connection.exec_driver_sql(statement)
        self._shape = str(self._connection.scalar(text(_SHAPE)))


def _emptying(tables: Sequence[str], filled: Sequence[str]) -> Sequence[str]:
    """Return statements that make a function which puts every table back to the rows it has now."""
    steps = "\n".join(
        f"IF EXISTS (SELECT FROM public.{table}) THEN\n"
        f"  IF pg_relation_size('public.{table}') > {LARGE}"
        f" THEN TRUNCATE public.{table} CASCADE; ELSE DELETE FROM public.{table}; END IF;\n"
        f"END IF;"
        for table in tables
    )
    back = "\n".join(f"INSERT INTO public.{table} SELECT * FROM emptying.{table};" for table in filled)
    return (
        "CREATE SCHEMA emptying",
        *(f"CREATE TABLE emptying.{table} AS TABLE public.{table}" for table in filled),
        "CREATE FUNCTION emptying.empty() RETURNS void LANGUAGE plpgsql SET session_replication_role = replica"
        f" AS $empty$ BEGIN {steps} {back} END $empty$",
    )


def _execute(owner_url: str, statement: str) -> None:
    admin = _admin(owner_url)
    with admin.connect() as connection:
        connection.execute(text(statement))
    admin.dispose()


def _admin(owner_url: str) -> Engine:
    return create_engine(owner_url, isolation_level="AUTOCOMMIT")
