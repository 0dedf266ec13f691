"""A row in every table of a tenant, made from the models, so that a new table is looked at without being named."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Table
from sqlalchemy import select as select_columns

from models.base import Base, TenantRow
from services.kernel.db import UnitOfWork
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel

NOT_DUE = timedelta(days=7)


def fill_empty_tables(kernel: Kernel, tenant_id: UUID, *, mark: str) -> None:
    """Give a tenant a row in each table in which it has none; what is work is not due for a week.

    Args:
        kernel: the process's seams.
        tenant_id: whose.
        mark: stands in every text.
    """
    kinds = {kind.__dict__["__table__"].name: kind for kind in _tables_of(TenantRow)}
    with kernel.unit_of_work(tenant_id) as work:
        for table in Base.metadata.sorted_tables:
            if table.name in kinds and _first_id(work, table) is None:
                work.session.add(kinds[table.name](**_values(work, table, kinds[table.name], mark)))
                work.session.flush()


def _tables_of(kind: type[Base]) -> Iterator[type[Base]]:
    for child in kind.__subclasses__():
        if "__table__" in child.__dict__:
            yield child
        yield from _tables_of(child)


def _values(work: UnitOfWork, table: Table, kind: type[Base], mark: str) -> Mapping[str, object]:
    keys = {"tenant_id", "id"}
    asked = {
        name: item.annotation for name, item in kind.model_fields.items() if item.is_required() and name not in keys
    }
    parents = {column.name: key.column.table for column in table.columns for key in column.foreign_keys}
    values = {
        name: _first_id(work, parents[name]) if name in parents else _value(annotation, f"{mark} {name}")
        for name, annotation in asked.items()
    }
    return values | {"tenant_id": work.tenant_id, "id": new_id()}


def _value(annotation: Any, said: str) -> object:
    if issubclass(annotation, StrEnum):
        return next(iter(annotation))
    makers: Mapping[type, object] = {
        str: f"{said} {new_id()}",
        bytes: said.encode(),
        int: 1,
        bool: False,
        UUID: new_id(),
        datetime: datetime.now(UTC) + NOT_DUE,
    }
    return makers[annotation]


def _first_id(work: UnitOfWork, table: Table) -> UUID | None:
    rows = select_columns(table.c.id).where(table.c.tenant_id == work.tenant_id).order_by(table.c.id).limit(1)
    return work.session.connection().execute(rows).scalar()
