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
from typing import Any
from uuid import UUID

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

logger = logging.getLogger(__name__)

_tenant: ContextVar[UUID | None] = ContextVar("patchbay_tenant", default=None)
_unscoped: ContextVar[str] = ContextVar("patchbay_unscoped", default="")

_PARAMETER = re.compile(r"%\((\w+)\)s")


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
    """Put a tenant in force for the block; changing it inside is an error.

    Raises:
        TenantViolation: another tenant is in force already.
    """
    before = _tenant.get()
    if before is not None and before != tenant_id:
        raise TenantViolation("Another tenant is in force; finish its unit of work first.")
    token = _tenant.set(tenant_id)
    try:
        yield
    finally:
        _tenant.reset(token)


def unscoped_reason() -> str:
    """Return why cross-tenant work is allowed right now; empty if it is not."""
    return _unscoped.get()


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
    """Checks statements against the tenant in force.

    Args:
        tables: names of the tables that belong to tenants.
    """

    def __init__(self, tables: frozenset[str]) -> None:
        self._tables = tables
        self._mentions = re.compile(r"\b(" + "|".join(sorted(map(re.escape, tables))) + r")\b")
        self._examine = lru_cache(maxsize=8192)(self._examine_uncached)

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
        finding = self._examine(statement)
        if finding.violation:
            raise TenantViolation(finding.violation)
        if not finding.parameters:
            return
        tenant_id = current_tenant()
        rows: Sequence[Mapping[str, object]] = [parameters] if isinstance(parameters, Mapping) else parameters
        for row in rows:
            for name in finding.parameters:
                if str(row.get(name)) != str(tenant_id):
                    raise TenantViolation("A statement is bound to another tenant than the one in force.")

    def _examine_uncached(self, statement: str) -> _Finding:
        if not self._mentions.search(statement):
            return _Finding()
        try:
            trees = sqlglot.parse(_PARAMETER.sub(r":\1", statement).replace("%%", "%"), dialect="postgres")
        except SqlglotError:
            return _Finding(violation="A statement on tenants' tables cannot be read by the tenant guard.")
        parameters: list[str] = []
        try:
            for tree in trees:
                if tree is not None:
                    parameters += _Examination(tree, self._tables).required_parameters()
        except _Untied as untied:
            return _Finding(violation=str(untied))
        return _Finding(parameters=tuple(dict.fromkeys(parameters)))


class _Untied(Exception):
    pass


class _Examination:
    """One reading of one parsed statement."""

    def __init__(self, tree: exp.Expr, tables: frozenset[str]) -> None:
        self._tree = tree
        self._tables = tables
        self._parameters: list[str] = []

    def required_parameters(self) -> list[str]:
        """Return the parameters that must equal the tenant in force; raise if a reference is not tied."""
        if not isinstance(self._tree, exp.Select | exp.SetOperation | exp.Update | exp.Delete | exp.Insert):
            raise _Untied(f"A {self._tree.key.upper()} on tenants' tables must run unscoped.")
        for node in self._tree.find_all(exp.Insert):
            self._check_insert(node)
        for node in self._tree.find_all(exp.Update):
            self._check_assignments(node.expressions)
        for node in self._tree.find_all(exp.OnConflict):
            self._check_assignments(node.expressions)
        for scope in self._tree.find_all(exp.Select, exp.Update, exp.Delete):
            self._check_scope(scope)
        return self._parameters

    def _tenant_tables(self, scope: exp.Expr) -> dict[str, str]:
        """Return alias → name of the tenants' tables that stand directly in this scope."""
        ctes = {cte.alias for cte in self._tree.find_all(exp.CTE)}
        return {
            table.alias_or_name: table.name
            for table in scope.find_all(exp.Table)
            if table.name in self._tables and table.name not in ctes and _scope_of(table) is scope
        }

    def _check_scope(self, scope: exp.Expr) -> None:
        own = self._tenant_tables(scope)
        if not own:
            return
        outer = self._outer_aliases(scope)
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
                if alias in own and alias not in tied and (source in tied or (source in outer and source not in own)):
                    tied.add(alias)
                    grew = True

    def _outer_aliases(self, scope: exp.Expr) -> set[str]:
        aliases: set[str] = set()
        above = _scope_of(scope)
        while above is not None:
            aliases |= set(self._tenant_tables(above))
            above = _scope_of(above)
        return aliases

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
        if not rows:
            raise _Untied(f"An insert into “{table.name}” has no readable rows.")
        for row in rows:
            parameter = _parameter_name(row[position].unalias())
            if not parameter:
                raise _Untied(f"An insert into “{table.name}” does not bind tenant_id.")
            self._parameters.append(parameter)

    def _check_assignments(self, assignments: Sequence[exp.Expr]) -> None:
        for assignment in assignments:
            if isinstance(assignment, exp.EQ) and assignment.this.name == "tenant_id":
                raise _Untied("A statement would move a row to another tenant.")


def _scope_of(node: exp.Expr) -> exp.Expr | None:
    """Return the select, update or delete that directly holds a node."""
    above = node.parent
    while above is not None and not isinstance(above, exp.Select | exp.Update | exp.Delete):
        above = above.parent
    return above


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
