"""The database: one engine with the tenant guard, and units of work that commit or leave no trace."""

import logging
from collections.abc import Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeGuard, cast
from uuid import UUID

import psycopg
from sqlalchemy import ColumnElement, Engine, any_, bindparam, create_engine, event, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Connection as DbConnection
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import QueuePool
from sqlmodel import Session, col

import models
from services.kernel.standing import Prepared, StandingStatement
from services.kernel.tenancy import TENANT_SETTING, TenantGuard, tenant_scope, unscoped

logger = logging.getLogger(__name__)

PRODUCT_ROLE = "patchbay_app"
"""The database role the product works as; it owns no table and does not bypass row-level security."""

TENANT_TABLES = frozenset(
    table.name for table in models.metadata.sorted_tables if "tenant_id" in table.primary_key.columns
)

GLOBAL_TABLES = frozenset(models.metadata.tables) - TENANT_TABLES | {"alembic_version"}

_SET_LOCAL = text("SELECT set_config(:name, :value, true)")
"""Made once: it stands in front of every transaction."""

_UNSCOPED_IMPATIENT = text(
    "SELECT set_config('patchbay.unscoped', :reason, true), set_config('lock_timeout', :patience, true)"
)
"""In one round trip, as senders of webhooks wait."""

_UNSCOPED_STANDING = """
    SELECT set_config('patchbay.unscoped', %(reason)s, false), set_config('lock_timeout', %(patience)s, false),
        set_config('plan_cache_mode', 'force_generic_plan', false)
"""
"""For a connection that runs nothing but one statement, which is planned once."""

_DURABLE = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
"""What we promise after a commit must survive a power cut, whatever the server does for others."""


@dataclass(frozen=True, slots=True)
class Wake:
    """Tells the workers that there is work: the job's name, and the row's id."""

    job: str
    tenant_id: UUID
    row_id: UUID


@dataclass(frozen=True, slots=True)
class Notice:
    """Tells open pages that something changed; they read it again themselves."""

    tenant_id: UUID
    topic: str
    row_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolUse:
    """How many of the connections that this process may open are in use."""

    in_use: int
    open: int
    limit: int


@dataclass(slots=True)
class UnitOfWork:
    """One transaction for one tenant. Wake-ups and notices leave only after it has been committed."""

    session: Session
    tenant_id: UUID
    wakes: list[Wake] = field(default_factory=list[Wake])
    notices: list[Notice] = field(default_factory=list[Notice])
    later: list[tuple[float, Wake]] = field(default_factory=list[tuple[float, Wake]])

    def wake(self, job: str, row_id: UUID) -> None:
        """Wake a worker for a row, after the commit."""
        self.wakes.append(Wake(job, self.tenant_id, row_id))

    def wake_in(self, seconds: float, job: str, row_id: UUID) -> None:
        """Wake a worker for a row so long after the commit; if that is far away, the sweeper does."""
        self.later.append((seconds, Wake(job, self.tenant_id, row_id)))

    def notify(self, topic: str, row_id: UUID) -> None:
        """Tell the tenant's open pages, after the commit."""
        self.notices.append(Notice(self.tenant_id, topic, row_id))


class Database:
    """PostgreSQL, as the product's own role.

    Args:
        url: ``postgresql://…``; a role that may ``SET ROLE patchbay_app``, or that role itself.
    """

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.engine = _create_engine(url, pool_size=pool_size)
        self._limit = 2 * pool_size
        self._standing: list[StandingStatement] = []
        self._guard = TenantGuard(TENANT_TABLES, others=GLOBAL_TABLES)
        event.listen(self.engine, "before_cursor_execute", self._before_execute)

    @contextmanager
    def transaction(self, tenant_id: UUID) -> Generator[Session]:
        """Open a transaction for one tenant; commits at the end, rolls back on any exception.

        Raises:
            TenantViolation: a statement is not tied to that tenant.
        """
        with tenant_scope(tenant_id), Session(self.engine, expire_on_commit=False) as session:
            set_local(session, TENANT_SETTING, str(tenant_id))
            yield session
            session.commit()

    @contextmanager
    def unscoped_transaction(self, reason: str, *, patience_seconds: float | None = None) -> Generator[Session]:
        """Open a transaction across tenants; every use is listed in ``docs/unscoped.md``.

        Args:
            reason: as listed there.
            patience_seconds: how long a statement waits for locks of others, if not as long as usual.
        """
        with unscoped(reason), Session(self.engine, expire_on_commit=False) as session:
            if patience_seconds is None:
                set_local(session, "patchbay.unscoped", reason)
            else:
                patience = str(round(patience_seconds * 1000))
                session.connection().execute(_UNSCOPED_IMPATIENT, {"reason": reason, "patience": patience})
            yield session
            session.commit()

    def unscoped_statement(
        self, reason: str, *, statement: Prepared, patience_seconds: float, limit_seconds: float
    ) -> StandingStatement:
        """Return a statement across tenants that stands ready; every use is listed in ``docs/unscoped.md``.

        Args:
            reason: as listed there.
            statement: what is run, each time in a transaction of its own.
            patience_seconds: how long it waits for locks of others.
            limit_seconds: how long it may take altogether.
        """
        patience = str(round(patience_seconds * 1000))

        def connect() -> psycopg.Connection[Any]:
            connection = self._connect_apart()
            connection.execute(_UNSCOPED_STANDING, {"reason": reason, "patience": patience})
            return connection

        standing = StandingStatement(statement, connect, limit_seconds=limit_seconds)
        self._standing.append(standing)
        return standing

    def pool_use(self) -> PoolUse:
        """Return how far the pool is used at this moment."""
        pool = self.engine.pool
        assert isinstance(pool, QueuePool)  # what create_engine makes for a server
        in_use = pool.checkedout()
        return PoolUse(in_use=in_use, open=in_use + pool.checkedin(), limit=self._limit)

    def dispose(self) -> None:
        """Close all connections."""
        self.close_standing()
        self.engine.dispose()

    def close_standing(self) -> None:
        """Close the connections of statements that stand ready; those of the pool stay."""
        while self._standing:
            self._standing.pop().close()

    def _connect_apart(self) -> psycopg.Connection[Any]:
        """Open a connection that the pool does not know, in autocommit; it is the product's role like all others."""
        pooled = self.engine.raw_connection()
        connection = cast("psycopg.Connection[Any]", pooled.driver_connection)
        pooled.detach()
        connection.autocommit = True
        return connection

    def _before_execute(
        self, _conn: DbConnection, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
    ) -> None:
        self._guard.check(statement, parameters)


def among(column: Any, values: Collection[Any]) -> ColumnElement[bool]:
    """Return the condition that a column has one of these values, bound as one array.

    Unlike a list of values, its statement is the same for any number of them: it is read, checked and planned once.
    """
    array: Any = ARRAY(column.type)
    return col(column) == any_(bindparam(None, list(values), type_=array))


def among_named(column: Any, name: str) -> ColumnElement[bool]:
    """Return the same condition for a statement that is built once: the values are a list, given by name each time."""
    array: Any = ARRAY(column.type)
    return col(column) == any_(bindparam(name, type_=array))


def is_outage(error: BaseException) -> TypeGuard[OperationalError]:
    """Return whether the database was away, in contrast to a statement that it refused, such as for a lock."""
    if not isinstance(error, OperationalError) or not isinstance(error.orig, psycopg.Error):
        return False
    # Without a code if there was no connection at all; else connection exceptions and operator intervention.
    # https://www.postgresql.org/docs/current/errcodes-appendix.html
    return error.orig.sqlstate is None or error.orig.sqlstate[:2] in {"08", "57"}


def is_lock_wait(error: BaseException | None) -> bool:
    """Return whether a statement gave up waiting for a lock that somebody else holds."""
    return isinstance(error, OperationalError) and isinstance(error.orig, psycopg.errors.LockNotAvailable)


def _create_engine(url: str, *, pool_size: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        hide_parameters=True,  # its messages would carry rows into logs
        pool_timeout=5,
        connect_args={"connect_timeout": 5, "application_name": "patchbay"},
    )
    event.listen(engine, "connect", _become_product_role)
    return engine


def _become_product_role(connection: Any, _record: Any) -> None:
    """Give up every other right: superusers and owners would bypass row-level security."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {PRODUCT_ROLE}")
        cursor.execute("SET lock_timeout = '10s'")
        cursor.execute("SET idle_in_transaction_session_timeout = '60s'")
        cursor.execute(_DURABLE)
    connection.commit()


def set_local(session: Session, name: str, value: str) -> None:
    """Change a setting of the database until the end of the transaction; the tenant guard says which."""
    session.connection().execute(_SET_LOCAL, {"name": name, "value": value})
