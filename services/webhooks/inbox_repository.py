"""Writes deliveries to the inbox: one statement for however many arrived together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Integer, LargeBinary, Text, Uuid, bindparam, cast, func, literal_column, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.types import TypeEngine
from sqlmodel import Session

from models import DeliveryState, WebhookDelivery
from services.kernel.standing import BYTEA, INTEGER, MOMENT, TEXT, UUIDS, BinaryType, Prepared

_TABLE = WebhookDelivery.__table__  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]


@dataclass(frozen=True, slots=True)
class _Type:
    """A column's type, for a session and for a statement that stands ready."""

    column: TypeEngine[Any]
    binary: BinaryType


_ID, _WORDS = _Type(Uuid(), UUIDS), _Type(Text(), TEXT)
_GIVEN: Mapping[str, _Type] = {
    "tenant_id": _ID,
    "id": _ID,
    "connection_id": _ID,
    "provider": _WORDS,
    "kind": _WORDS,
    "event_type": _WORDS,
    "dedupe_key": _WORDS,
    "headers": _WORDS,
    "query": _WORDS,
    "body": _Type(LargeBinary(), BYTEA),
    "duplicates": _Type(Integer(), INTEGER),
}
"""What differs from row to row, each an array. Headers travel as the text of their JSON."""
_AT_FIRST = {
    "state": f"'{DeliveryState.RECEIVED.value}'",
    "attempt": "0",
    "reason": "''",
    "cause": "''",
    "cut_offs": "0",
}
"""What every new row has."""


def _build() -> Any:
    """Return the insert, whose text is the same for any number of rows.

    One with a place for each value has to be built anew for each number, which takes thirty times as long as
    running it.
    """
    arrays = (bindparam(name, type_=ARRAY(kind.column)) for name, kind in _GIVEN.items())
    given = func.unnest(*arrays).table_valued(*_GIVEN).render_derived(name="given")
    values: dict[str, Any] = {
        **{name: given.c[name] for name in _GIVEN},
        "headers": cast(given.c.headers, JSONB),
        **{name: literal_column(value) for name, value in _AT_FIRST.items()},
        "trace_id": given.c.id,
        "received_at": bindparam("received_at"),
        "next_attempt_at": func.clock_timestamp(),
    }
    statement: Any = insert(_TABLE).from_select(list(values), select(*values.values()))  # pyright: ignore[reportUnknownArgumentType]
    again = _TABLE.c.duplicates + statement.excluded.duplicates + literal_column("1")  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return statement.on_conflict_do_update(
        index_elements=["tenant_id", "connection_id", "dedupe_key"], set_={"duplicates": again}
    ).returning(_TABLE.c.id)  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]


_INSERT = _build()


def _prepare() -> tuple[Prepared, Sequence[str]]:
    """Return the same insert as PostgreSQL takes it without a session, and the names of its values in order."""
    compiled = _INSERT.compile(dialect=postgresql.dialect(paramstyle="numeric_dollar"))
    oids = {"received_at": MOMENT.oid, **{name: kind.binary.array_oid for name, kind in _GIVEN.items()}}
    names: Sequence[str] = compiled.positiontup
    return Prepared(compiled.string, tuple(oids[name] for name in names)), names


PREPARED, _ORDER = _prepare()


def add_deliveries(session: Session, rows: Sequence[Mapping[str, object]], *, received_at: datetime) -> list[UUID]:
    """Store new deliveries; of one that is there already, count the copies.

    Args:
        session: across tenants.
        rows: a value for each name in :data:`_GIVEN`; no two with the same dedupe key of a connection.
        received_at: when they came.

    Returns:
        Their ids, or those they have if they were there already.
    """
    columns = {name: [row[name] for row in rows] for name in _GIVEN}
    return list(session.connection().scalars(_INSERT, {**columns, "received_at": received_at}))


def encode(rows: Sequence[Mapping[str, object]], *, received_at: datetime) -> list[bytes]:
    """Return the values of :data:`PREPARED`, which does what :func:`add_deliveries` does."""
    values = {name: kind.binary.array([row[name] for row in rows]) for name, kind in _GIVEN.items()}
    values["received_at"] = MOMENT.encode(received_at)
    return [values[name] for name in _ORDER]
