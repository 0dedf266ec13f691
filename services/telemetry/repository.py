"""Reads rows of all tenants for their spans: times, states and the like, no content. Runs unscoped."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select, true, tuple_
from sqlmodel import Session, col

from models import Author, Connection, Direction, Message, Tenant, Turn, WebhookDelivery
from services.telemetry.spans import DeliveryRow, MessageRow, Row, TurnRow

Key = tuple[UUID, UUID]
Kind = type[WebhookDelivery] | type[Turn] | type[Message]
_Query = Select[*tuple[Any, ...]]

_TIMED = ("tenant_id", "id", "trace_id", "state", "attempt", "created_at")


def list_new(session: Session, kind: Kind, *, floor: UUID, limit: int) -> Sequence[Row]:
    """Return rows whose ids, which begin with the time they were made, are above the floor; the oldest first."""
    own = _query(kind).where(col(kind.tenant_id) == col(Tenant.id), col(kind.id) >= floor)
    found = own.order_by(col(kind.id)).limit(limit).correlate(Tenant).lateral("found")
    statement = select(found).select_from(Tenant).join(found, true()).order_by(found.c.id).limit(limit)
    return _rows(session, kind, statement)


def list_known(session: Session, kind: Kind, keys: Collection[Key]) -> Sequence[Row]:
    """Return rows by (tenant, id)."""
    if not keys:
        return ()
    return _rows(session, kind, _query(kind).where(tuple_(col(kind.tenant_id), col(kind.id)).in_(keys)))


def _rows(session: Session, kind: Kind, statement: _Query) -> Sequence[Row]:
    _, build = _KINDS[kind]
    return [build(**row) for row in session.connection().execute(statement).mappings()]


def _query(kind: Kind) -> _Query:
    query, _ = _KINDS[kind]
    return query()


def _deliveries() -> _Query:
    names = ("tenant_id", "id", "trace_id", "provider", "kind", "state", "cause", "attempt", "duplicates")
    return _select(WebhookDelivery, (*names, "received_at", "stored_at", "started_at", "finished_at"))


def _turns() -> _Query:
    return _select(Turn, (*_TIMED, "runner", "started_at", "finished_at"))


def _messages() -> _Query:
    wrote = (
        select(col(Turn.id))
        .where(
            col(Turn.tenant_id) == col(Message.tenant_id),
            col(Turn.trace_id) == col(Message.trace_id),
            col(Turn.conversation_id) == col(Message.conversation_id),
            col(Message.author) == Author.AGENT,
        )
        .correlate(Message)
        .order_by(col(Turn.id))
        .limit(1)
        .scalar_subquery()
    )
    is_of = (col(Connection.tenant_id) == col(Message.tenant_id)) & (col(Connection.id) == col(Message.connection_id))
    return (
        _select(Message, (*_TIMED, "attempted_at", "sent_at"))
        .add_columns(col(Connection.provider).label("provider"), wrote.label("turn_id"))
        .join_from(Message, Connection, is_of)
        .where(col(Message.direction) == Direction.OUTBOUND)
    )


def _select(kind: Kind, names: Sequence[str]) -> _Query:
    columns: list[ColumnElement[Any]] = [getattr(kind, name).label(name) for name in names]
    return select(*columns)


_KINDS: Mapping[Kind, tuple[Callable[[], _Query], Callable[..., Row]]] = {
    WebhookDelivery: (_deliveries, DeliveryRow),
    Turn: (_turns, TurnRow),
    Message: (_messages, MessageRow),
}
KINDS: tuple[Kind, ...] = tuple(_KINDS)
