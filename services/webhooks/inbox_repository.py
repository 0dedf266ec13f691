"""Writes deliveries to the inbox: one statement for however many arrived together."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Integer, LargeBinary, Text, Uuid, bindparam, cast, func, literal, select
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.types import TypeEngine
from sqlmodel import Session

from models import DeliveryState, WebhookDelivery

_TABLE = WebhookDelivery.__table__  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]
_GIVEN: Mapping[str, TypeEngine[Any]] = {
    "tenant_id": Uuid(),
    "id": Uuid(),
    "connection_id": Uuid(),
    "provider": Text(),
    "kind": Text(),
    "event_type": Text(),
    "dedupe_key": Text(),
    "headers": Text(),
    "query": Text(),
    "body": LargeBinary(),
    "duplicates": Integer(),
}
"""What differs from row to row. Headers travel as the text of their JSON."""


def _build() -> Any:
    """Return the insert, whose text is the same for any number of rows.

    One with a place for each value has to be built anew for each number, which takes thirty times as long as
    running it.
    """
    arrays = (bindparam(name, type_=ARRAY(kind)) for name, kind in _GIVEN.items())
    given = func.unnest(*arrays).table_valued(*_GIVEN).render_derived(name="given")
    values: dict[str, Any] = {
        **{name: given.c[name] for name in _GIVEN},
        "headers": cast(given.c.headers, JSONB),
        "state": literal(DeliveryState.RECEIVED.value, Text()),
        "trace_id": given.c.id,
        "received_at": bindparam("received_at"),
        "next_attempt_at": func.clock_timestamp(),
    }
    statement: Any = insert(_TABLE).from_select(list(values), select(*values.values()))  # pyright: ignore[reportUnknownArgumentType]
    again = _TABLE.c.duplicates + statement.excluded.duplicates + 1  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return statement.on_conflict_do_update(
        index_elements=["tenant_id", "connection_id", "dedupe_key"], set_={"duplicates": again}
    ).returning(_TABLE.c.id, _TABLE.c.tenant_id)  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]


_INSERT = _build()


def add_deliveries(
    session: Session, rows: Sequence[Mapping[str, object]], *, received_at: datetime
) -> list[tuple[UUID, UUID]]:
    """Store new deliveries; of one that is there already, count the copies.

    Args:
        session: across tenants.
        rows: a value for each name in :data:`_GIVEN`; no two with the same dedupe key of a connection.
        received_at: when they came.

    Returns:
        Delivery and tenant, of those that were there already too.
    """
    columns = {name: [row[name] for row in rows] for name in _GIVEN}
    stored = session.connection().execute(_INSERT, {**columns, "received_at": received_at})
    return [(row.id, row.tenant_id) for row in stored]
