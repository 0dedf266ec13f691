"""Tenants cannot meet: the tenant in force, and a guard on every statement that reaches the database.

The tenant lives in a context variable without a default, set once at the edge. :class:`TenantGuard` reads the
SQL as it goes to PostgreSQL: every reference to a tenant's table must be tied to the tenant in force by a
bound ``tenant_id``, directly or through equality with a table that is. Row-level security in the database is
the second net below it.
"""

import logging
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers

logger = logging.getLogger(__name__)

_tenant: ContextVar[UUID | None] = ContextVar("patchbay_tenant", default=None)
_unscoped: ContextVar[str] = ContextVar("patchbay_unscoped", default="")

_MARKS = re.compile(r"%%|%\((\w+)\)s|%")
_UNREADABLE = re.compile(r"""--|/\*|\\|\$|U&["']""", re.IGNORECASE)
"""Comments, escapes, dollar quotes, code points: where our reading could differ from PostgreSQL's. SQLAlchemy and we
write none of them; values are bound."""
_INDIRECT = re.compile(
    r"\b(?:set_config|ts_stat|ts_rewrite|\w+_to_xml\w*|dblink\w*|lo_\w+|pg_(?:ls|read|stat|logical|terminate)\w*)\b",
    re.IGNORECASE,
)
"""Functions that run SQL of their own, read the server's files, or change what row-level security goes by."""
_SAVEPOINT = re.compile(r"(?:SAVEPOINT|RELEASE SAVEPOINT|ROLLBACK TO SAVEPOINT) \w+")
SET_LOCAL = "SELECT set_config(%(name)s, %(value)s, true)"
"""How the database layer tells row-level security which tenant a transaction is for."""
TENANT_SETTING = "patchbay.tenant_id"
HARMLESS_SETTINGS = frozenset({"lock_timeout", "enable_sort", "enable_bitmapscan", "enable_nestloop"})
"""What else may be set that way: it changes how long a statement waits and how it is run, not what it sees."""


class TenantViolation(RuntimeError):
    """A statement would cross the boundary between tenants, or no tenant is set. Always a bug, never input."""


def current_tenant() -> UUID:
    """Return the tenant in force.

    Raises:
        TenantViolation: none is set.
    """
    tenant_id = _tenant.get()
    if tenant_id is None:
        raise TenantViolation("No tenant is set; enter tenant_scope(tenant_id) at the edge.")
    return tenant_id


@contextmanager
def tenant_scope(tenant_id: UUID) -> Generator[None]:
    """Put a tenant in force for the block; changing it inside is an error. The guard is on inside, whatever it was.

    Raises:
        TenantViolation: another tenant is in force already.
    """
    before = _tenant.get()
    if before is not None and before != tenant_id:
        raise TenantViolation("Another tenant is in force; finish its unit of work first.")
    token, reason = _tenant.set(tenant_id), _unscoped.set("")
    try:
        yield
    finally:
        _unscoped.reset(reason)
        _tenant.reset(token)


@contextmanager
def unscoped(reason: str) -> Generator[None]:
    """Allow statements across tenants for the block. Every use is listed in ``docs/unscoped.md``, pinned by a test."""
    token = _unscoped.set(reason)
    try:
        yield
    finally:
        _unscoped.reset(token)


@dataclass(frozen=True, slots=True)
class _Finding:
    """What a statement needs: parameters that must equal the tenant in force; or what is wrong with it."""

    parameters: tuple[str, ...] = ()
    violation: str = ""


class TenantGuard:
    """Checks statements against the tenant in force. What it cannot read, it refuses.

    Args:
        tables: names of the tables that belong to tenants.
        others: names of the tables that belong to nobody; any further table or view is refused.
    """

    def __init__(self, tables: frozenset[str], *, others: frozenset[str] = frozenset()) -> None:
        self._tables = tables
        self._others = others

    def check(self, statement: str, parameters: Any) -> None:
        """Refuse a statement that is not tied to the tenant in force.

        Args:
            statement: SQL with ``%(name)s`` parameters.
            parameters: one mapping, or a sequence of them where one statement runs for many rows.

        Raises:
            TenantViolation
        """
        if _unscoped.get():
            return
        rows = _rows_of(parameters)
        if statement == SET_LOCAL:
            self._check_setting(rows)
            return
        finding = _examine(statement, self._tables, self._others)
        if finding.violation:
            raise TenantViolation(finding.violation)
        if not finding.parameters:
            return
        tenant_id = current_tenant()
        if not rows:
            raise TenantViolation("A statement on tenants' tables takes its values by name.")
        for row in rows:
            for name in finding.parameters:
                if str(row.get(name)) != str(tenant_id):
                    raise TenantViolation("A statement is bound to another tenant than the one in force.")

    @staticmethod
    def _check_setting(rows: Sequence[Mapping[str, object]]) -> None:
        for row in rows:
            if row.get("name") in HARMLESS_SETTINGS:
                continue
            if row.get("name") != TENANT_SETTING or str(row.get("value")) != str(current_tenant()):
                raise TenantViolation("A statement would change whom row-level security lets through.")


@lru_cache(maxsize=8192)
def _examine(statement: str, tables: frozenset[str], others: frozenset[str]) -> _Finding:
    if _SAVEPOINT.fullmatch(statement):
        return _Finding()
    try:
        return _Finding(parameters=_Examination(_parse(statement), tables, others).required_parameters())
    except _Untied as untied:
        return _Finding(violation=str(untied))


def _parse(statement: str) -> exp.Expr:
    if _UNREADABLE.search(statement):
        raise _Untied("A statement holds a comment, an escape or a dollar sign: bind values, and leave those out.")
    if _INDIRECT.search(statement):
        raise _Untied("A statement calls a function that reaches past the tenant guard.")
    try:
        trees = sqlglot.parse(_MARKS.sub(_placeholder, statement), dialect="postgres")
    except SqlglotError:
        trees = []
    if len(trees) != 1 or trees[0] is None:
        raise _Untied("The tenant guard cannot read a statement: send one at a time, in plain SQL.")
    return normalize_identifiers(trees[0], dialect="postgres")


class _Untied(Exception):
    pass


def _rows_of(parameters: Any) -> list[Mapping[str, object]]:
    """Return the sets of values a statement runs for; none if they are given by position."""
    given: list[Any] = [parameters] if isinstance(parameters, Mapping) else list(parameters or ())
    rows = [cast("Mapping[str, object]", row) for row in given if isinstance(row, Mapping)]
    return rows if len(rows) == len(given) else []


def _placeholder(found: re.Match[str]) -> str:
    if found[0] == "%":
        raise _Untied("A statement takes a value by position or under a name that is not one.")
    return f":{found[1]}" if found[1] else "%"


class _Examination:
    """One reading of one parsed statement."""

    def __init__(self, tree: exp.Expr, tables: frozenset[str], others: frozenset[str]) -> None:
        self._tree = tree
        self._tables = tables
        self._others = others
        self._ctes = {cte.alias for cte in tree.find_all(exp.CTE)}
        self._parameters: list[str] = []

    def required_parameters(self) -> tuple[str, ...]:
        """Return the parameters that must equal the tenant in force; raise if a reference is not tied."""
        for tree in (self._tree, *(cte.this for cte in self._tree.find_all(exp.CTE))):
            if not isinstance(tree, exp.Select | exp.SetOperation | exp.Update | exp.Delete | exp.Insert):
                raise _Untied(f"A {tree.key.upper()} must run unscoped.")
        if self._tree.find(exp.Into):
            raise _Untied("A SELECT INTO makes a table that nothing protects.")
        for table in self._tree.find_all(exp.Table):
            self._check_table(table)
        for node in self._tree.find_all(exp.Insert):
            self._check_insert(node)
        for node in self._tree.find_all(exp.Update, exp.OnConflict):
            self._check_assignments(node.expressions)
        for scope in self._tree.find_all(exp.Select, exp.Update, exp.Delete):
            self._check_scope(scope)
        return tuple(dict.fromkeys(self._parameters))

    def _check_table(self, table: exp.Table) -> None:
        """Refuse names that could mean something else here than they do in PostgreSQL."""
        if not isinstance(table.this, exp.Identifier):
            return
        is_known = table.name in self._tables or table.name in self._others
        if table.name in self._ctes and (is_known or table.name.startswith("pg_")):
            raise _Untied(f"A common table expression has the name of the table “{table.name}”.")
        if not (is_known or (table.name in self._ctes and not table.db)) or table.db not in {"", "public"}:
            raise _Untied(f"A statement names “{table.name}”, which is not one of the product's tables.")
        if table.name in self._tables and table.alias_column_names:
            raise _Untied(f"A statement gives the columns of “{table.name}” other names.")

    def _tenant_tables(self, scope: exp.Expr) -> dict[str, str]:
        """Return alias → name of the tenants' tables that stand directly in this scope."""
        return {
            table.alias_or_name: table.name
            for table in scope.find_all(exp.Table)
            if table.name in self._tables and _scope_of(table) is scope
        }

    def _check_scope(self, scope: exp.Expr) -> None:
        own = self._tenant_tables(scope)
        if not own:
            return
        outer = self._visible_outer_aliases(scope)
        tied: set[str] = set()
        links: list[tuple[str, str]] = []
        for condition, binds in _conditions(scope):
            for left, right in _tenant_equalities(condition, default=next(iter(own)) if len(own) == 1 else ""):
                parameter = _parameter_name(right)
                if parameter:
                    if left in own and (binds is None or left == binds):
                        tied.add(left)
                        self._parameters.append(parameter)
                elif isinstance(right, str):
                    links += [(a, b) for a, b in ((left, right), (right, left)) if binds is None or a == binds]
        self._spread(own, tied, outer, links)
        missing = sorted(set(own) - tied)
        if missing:
            raise _Untied(f"A statement reads or writes “{own[missing[0]]}” without a bound tenant_id.")

    @staticmethod
    def _spread(own: dict[str, str], tied: set[str], outer: set[str], links: list[tuple[str, str]]) -> None:
        grew = True
        while grew:
            grew = False
            for alias, source in links:
                if alias in own and alias not in tied and (source in tied or source in outer):
                    tied.add(alias)
                    grew = True

    def _visible_outer_aliases(self, scope: exp.Expr) -> set[str]:
        """Return the tenants' tables of enclosing scopes that nothing closer hides."""
        hidden = _names_in(scope)
        visible: set[str] = set()
        above = _scope_of(scope)
        while above is not None:
            visible |= set(self._tenant_tables(above)) - hidden
            hidden |= _names_in(above)
            above = _scope_of(above)
        return visible

    def _check_insert(self, insert: exp.Insert) -> None:
        target = insert.this
        table = target.this if isinstance(target, exp.Schema) else target
        if not isinstance(table, exp.Table) or table.name not in self._tables:
            return
        columns = [column.name for column in target.expressions] if isinstance(target, exp.Schema) else []
        if "tenant_id" not in columns:
            raise _Untied(f"An insert into “{table.name}” does not name tenant_id.")
        position = columns.index("tenant_id")
        source = insert.expression
        if isinstance(source, exp.Values):
            rows = [row.expressions for row in source.expressions]
        elif isinstance(source, exp.Select):
            rows = [source.expressions]
        else:
            rows = []
        if not rows or any(len(row) != len(columns) for row in rows):
            raise _Untied(f"An insert into “{table.name}” has no readable rows.")
        for row in rows:
            parameter = _parameter_name(row[position].unalias())
            # A star before it would move it to another column.
            if not parameter or any(value.find(exp.Star) for value in row[:position]):
                raise _Untied(f"An insert into “{table.name}” does not bind tenant_id.")
            self._parameters.append(parameter)
        self._check_conflict(insert, table.name)

    @staticmethod
    def _check_conflict(insert: exp.Insert, table: str) -> None:
        """Refuse an upsert whose key tenants share: it would write the row of whoever has the value already."""
        conflict = insert.args.get("conflict")
        if not isinstance(conflict, exp.OnConflict) or not conflict.expressions:
            return
        keys = cast("list[exp.Expr]", conflict.args.get("conflict_keys") or [])
        plain = [key.this if isinstance(key, exp.Ordered) else key for key in keys]
        if not any(isinstance(key, exp.Column | exp.Identifier) and key.name == "tenant_id" for key in plain):
            raise _Untied(f"An upsert into “{table}” goes by a key without tenant_id.")

    def _check_assignments(self, assignments: Sequence[exp.Expr]) -> None:
        for assignment in assignments:
            target = assignment.this if isinstance(assignment, exp.EQ) else assignment
            if any(column.name == "tenant_id" for column in target.find_all(exp.Column, exp.Identifier)):
                raise _Untied("A statement would move a row to another tenant.")


def _scope_of(node: exp.Expr) -> exp.Expr | None:
    """Return the select, insert, update or delete that directly holds a node."""
    above = node.parent
    while above is not None and not isinstance(above, exp.Select | exp.Insert | exp.Update | exp.Delete):
        above = above.parent
    return above


def _names_in(scope: exp.Expr) -> set[str]:
    """Return the names that tables, subqueries and functions have directly in this scope."""
    sources = scope.find_all(exp.Table, exp.TableAlias)
    return {source.alias_or_name for source in sources if _scope_of(source) is scope}


def _conditions(scope: exp.Expr) -> Iterator[tuple[exp.Expr, str | None]]:
    """Yield each condition that must hold, with the one alias it restricts (None: all of them).

    What stands in the ON of a LEFT JOIN restricts only the joined table; that of a RIGHT or FULL JOIN neither.
    """
    where = scope.args.get("where")
    if where is not None:
        for condition in _conjuncts(where.this):
            yield condition, None
    joins = list(scope.args.get("joins") or [])
    source = scope.args.get("from") or scope.args.get("from_")
    if source is not None and isinstance(source.this, exp.Table):
        joins += source.this.args.get("joins") or []
    for join in joins:
        on = join.args.get("on")
        if on is None or join.side in ("RIGHT", "FULL"):
            continue
        for condition in _conjuncts(on):
            yield condition, join.alias_or_name if join.side == "LEFT" else None


def _conjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    node = node.unnest()
    if isinstance(node, exp.And):
        yield from _conjuncts(node.left)
        yield from _conjuncts(node.right)
    else:
        yield node


def _tenant_equalities(condition: exp.Expr, *, default: str) -> Iterator[tuple[str, exp.Expr | str]]:
    """Yield ``(alias, other side)`` for ``alias.tenant_id = …``; the other side is an alias if it is one too."""
    if not isinstance(condition, exp.EQ):
        return
    left, right = _tenant_alias(condition.left, default), _tenant_alias(condition.right, default)
    if left and right:
        yield left, right
    elif left:
        yield left, condition.right
    elif right:
        yield right, condition.left


def _tenant_alias(node: exp.Expr, default: str) -> str:
    if isinstance(node, exp.Column) and node.name == "tenant_id":
        return node.table or default
    return ""


def _parameter_name(node: exp.Expr | str) -> str:
    while isinstance(node, exp.Cast | exp.Paren):
        node = node.this
    return node.name if isinstance(node, exp.Placeholder) else ""
