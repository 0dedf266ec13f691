"""The columns that hold sealed values, found in the schema itself, so that a rotation cannot forget one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, LargeBinary, Uuid, bindparam, func, select, update
from sqlalchemy.sql.schema import Column, Table
from sqlmodel import Session

import models
from services.kernel.db import set_local
from services.kernel.vault import Place

_KEY_ID_AT, _KEY_ID_BYTES = 2, 16  # counted from 1, as SQL does: a format byte stands before it


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """One column of one tenant's table that holds sealed values."""

    table: Table
    column: Column[bytes]

    @property
    def key_id(self) -> Any:
        """Return the expression for the id of the key that a value names, as bytes."""
        return func.substring(self.column, _KEY_ID_AT, _KEY_ID_BYTES, type_=LargeBinary())

    def place(self, tenant_id: UUID, row_id: UUID) -> Place:
        """Return where a row's value stands."""
        return Place(tenant_id, self.table.name, self.column.name, row_id)


def _is_sealed(column: Column[Any]) -> bool:
    return column.name == "sealed" or column.name.startswith("sealed_")


SEALED_COLUMNS = tuple(
    SealedColumn(table, column)
    for table in models.metadata.sorted_tables
    for column in table.columns
    if _is_sealed(column)
)


def read_value(session: Session, place: Place) -> bytes | None:
    """Return what stands in a place now; none if there is no such place, or nothing in it."""
    sealed = next((s for s in SEALED_COLUMNS if (s.table.name, s.column.name) == (place.table, place.column)), None)
    if sealed is None:
        return None
    statement = select(sealed.column).where(
        sealed.table.c.tenant_id == place.tenant_id, sealed.table.c.id == place.row_id
    )
    return session.connection().execute(statement).scalar()


def count_by_key(session: Session, *, tenant_id: UUID) -> dict[UUID, int]:
    """Return how many of the tenant's sealed values name which key; nothing sealed, nothing counted."""
    counts: dict[UUID, int] = {}
    for sealed in SEALED_COLUMNS:
        key_id_column = sealed.key_id.label("key_id")
        statement = (
            select(key_id_column, func.count())
            .where(sealed.table.c.tenant_id == tenant_id, func.length(sealed.column) > _KEY_ID_BYTES)
            .group_by(key_id_column)
        )
        for key_id, count in session.connection().execute(statement):
            key = UUID(bytes=bytes(key_id))
            counts[key] = counts.get(key, 0) + int(count)
    return counts


def take_batch(
    session: Session, sealed: SealedColumn, *, tenant_id: UUID, key_id: UUID, after: UUID, size: int
) -> Sequence[tuple[UUID, bytes]]:
    """Lock and return (row id, value) of the next rows under a key, in order of their ids.

    Rows that somebody else is writing are left out: a rotation never waits for a row, so that it cannot be part of a
    deadlock. They come with the next pass.
    """
    _plan_for_batches(session)
    table = sealed.table
    statement = (
        select(table.c.id, sealed.column)
        .where(table.c.tenant_id == tenant_id, table.c.id > after, sealed.key_id == key_id.bytes)
        .order_by(table.c.id)
        .limit(size)
        .with_for_update(skip_locked=True, key_share=True)
    )
    return [(row_id, bytes(value)) for row_id, value in session.connection().execute(statement)]


def swap_values(
    session: Session, sealed: SealedColumn, *, tenant_id: UUID, swaps: Sequence[tuple[UUID, bytes, bytes]]
) -> int:
    """Put new values where the old ones still stand, in one statement; return how many there were.

    Args:
        session: the transaction.
        sealed: which column.
        tenant_id: whose rows.
        swaps: row id, value before, value after; in order of the row ids, and at least one.
    """
    table = sealed.table
    given = (
        func.unnest(
            bindparam("ids", [row_id for row_id, _, _ in swaps], type_=ARRAY(Uuid())),
            bindparam("befores", [before for _, before, _ in swaps], type_=ARRAY(LargeBinary())),
            bindparam("afters", [after for _, _, after in swaps], type_=ARRAY(LargeBinary())),
        )
        .table_valued("id", "before", "after")
        .render_derived(name="given")
    )
    statement = (
        update(table)
        .values({sealed.column.name: given.c.after})
        .where(
            table.c.tenant_id == tenant_id,
            table.c.id.between(swaps[0][0], swaps[-1][0]),
            table.c.id == given.c.id,
            sealed.column == given.c.before,
        )
    )
    return session.connection().execute(statement).rowcount


def _plan_for_batches(session: Session) -> None:
    """Let the database take each batch along the primary key, whatever it believes about the size of the table.

    Left to statistics that are out of date, it reads and sorts all that is left with every batch, or compares each row
    of a batch with each.
    """
    for plan in ("enable_sort", "enable_bitmapscan", "enable_nestloop"):
        set_local(session, plan, "off")
