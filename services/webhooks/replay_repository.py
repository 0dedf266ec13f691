"""Queries of replays: what may be replayed, who replayed what, and the change itself."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVarTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, func, literal, text, update
from sqlalchemy import select as select_columns
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from models import (
    DeliveryState,
    Direction,
    Message,
    MessageState,
    Rehearsal,
    Replay,
    ReplayedDelivery,
    ReplayKind,
    Turn,
    TurnState,
    WebhookDelivery,
)
from services.kernel.db import UnitOfWork
from services.kernel.leases import in_seconds, is_free
from services.turns.repository import OPEN_REHEARSALS
from services.webhooks.filters import DeliveryFilter
from services.webhooks.log_repository import UNARRIVED, matching

Columns = TypeVarTuple("Columns")

REPLAYABLE = (DeliveryState.FAILED, DeliveryState.DEAD, DeliveryState.IGNORED)
_ENDED_TURNS = (TurnState.DONE, TurnState.SKIPPED, TurnState.DEAD)
_TABLES: Mapping[ReplayKind, type[WebhookDelivery] | type[Turn] | type[Message]] = {
    ReplayKind.PROCESS: WebhookDelivery,
    ReplayKind.REHEARSE: Turn,
    ReplayKind.SEND: Message,
}
"""What each kind starts again."""


@dataclass(frozen=True, slots=True)
class Target:
    """A row to start again, and the delivery it comes from."""

    id: UUID
    delivery_id: UUID
    trace_id: UUID
    delivery_state: DeliveryState
    delivery_reason: str


def count_matching(work: UnitOfWork, wanted: DeliveryFilter) -> int:
    """Return how many deliveries a filter means."""
    return work.session.exec(select(func.count()).select_from(WebhookDelivery).where(*matching(work, wanted))).one()


def count_targets(work: UnitOfWork, wanted: DeliveryFilter, kind: ReplayKind) -> tuple[int, int]:
    """Return how many rows there are to start again, and how many of them may have reached a contact already."""
    unsure = func.count().filter(col(Message.state) == MessageState.UNKNOWN) if kind is ReplayKind.SEND else literal(0)
    statement = select_columns(func.count(), unsure).select_from(WebhookDelivery)
    found = work.session.connection().execute(_joined(statement, work, wanted, kind)).one()
    return int(found[0]), int(found[1])


def lock_targets(
    work: UnitOfWork, wanted: DeliveryFilter, kind: ReplayKind, *, with_unsure: bool, limit: int
) -> Sequence[Target]:
    """Return rows to start again, the oldest first, locked; what somebody else holds is left to them."""
    table = _TABLES[kind]
    delivery = WebhookDelivery
    statement = select_columns(
        col(table.id), col(delivery.id), col(delivery.trace_id), col(delivery.state), col(delivery.reason)
    ).select_from(delivery)
    statement = _joined(statement, work, wanted, kind)
    if kind is ReplayKind.SEND and not with_unsure:
        statement = statement.where(col(Message.state) == MessageState.FAILED)
    rows = work.session.connection().execute(
        statement.order_by(col(delivery.id), col(table.id)).limit(limit).with_for_update(of=table, skip_locked=True)
    )
    return [Target(*row) for row in rows]


def process_again(work: UnitOfWork, delivery_ids: Collection[UUID]) -> None:
    """Let deliveries begin anew. The caller has locked them, and checked their state."""
    work.session.exec(
        update(WebhookDelivery)
        .where(col(WebhookDelivery.tenant_id) == work.tenant_id, col(WebhookDelivery.id).in_(delivery_ids))
        .values(
            state=DeliveryState.RECEIVED,
            reason="",
            cause="",
            attempt=0,
            cut_offs=0,
            next_attempt_at=in_seconds(0),
            started_at=None,
            finished_at=None,
            lease_until=None,
            lease_token=None,
        )
    )


def add_replay(work: UnitOfWork, row: Replay) -> bool:
    """Store a replay unless one has its key; return whether it was stored. Waits for one that is being stored."""
    stored = work.session.exec(
        insert(Replay)
        .values(**row.model_dump())
        .on_conflict_do_nothing(
            index_elements=["tenant_id", "idempotency_key"], index_where=text("idempotency_key <> ''")
        )
        .returning(col(Replay.id))
    )
    return stored.first() is not None


def get_replay_by_key(work: UnitOfWork, key: str) -> Replay:
    """Return the replay that has this key."""
    return work.session.exec(
        select(Replay).where(col(Replay.tenant_id) == work.tenant_id, col(Replay.idempotency_key) == key)
    ).one()


def get_replay(work: UnitOfWork, replay_id: UUID) -> Replay:
    """Return a replay."""
    return work.session.exec(
        select(Replay).where(col(Replay.tenant_id) == work.tenant_id, col(Replay.id) == replay_id)
    ).one()


def add_replayed(work: UnitOfWork, rows: Sequence[ReplayedDelivery]) -> None:
    """Note which deliveries a replay was of."""
    work.session.add_all(rows)
    work.session.flush()


def _joined(
    statement: Select[*Columns], work: UnitOfWork, wanted: DeliveryFilter, kind: ReplayKind
) -> Select[*Columns]:
    """Restrict a statement to what a filter means and what a kind may start again."""
    statement = statement.where(*matching(work, wanted), *_STARTABLE[kind]())
    if kind is ReplayKind.PROCESS:
        return statement
    table = Turn if kind is ReplayKind.REHEARSE else Message
    return statement.join(
        table,
        (col(table.tenant_id) == col(WebhookDelivery.tenant_id))
        & (col(table.trace_id) == col(WebhookDelivery.trace_id)),
    )


def _deliveries_at_rest() -> list[ColumnElement[bool]]:
    row = WebhookDelivery
    return [col(row.state).in_(REPLAYABLE), col(row.pruned_at).is_(None), is_free(row)]


def _ended_turns() -> list[ColumnElement[bool]]:
    under_way = exists().where(
        col(Rehearsal.tenant_id) == col(Turn.tenant_id),
        col(Rehearsal.turn_id) == col(Turn.id),
        col(Rehearsal.state).in_(OPEN_REHEARSALS),
    )
    return [col(Turn.state).in_(_ENDED_TURNS), ~under_way]


def _unarrived_messages() -> list[ColumnElement[bool]]:
    return [col(Message.direction) == Direction.OUTBOUND, col(Message.state).in_(UNARRIVED)]


_STARTABLE: Mapping[ReplayKind, Callable[[], list[ColumnElement[bool]]]] = {
    ReplayKind.PROCESS: _deliveries_at_rest,
    ReplayKind.REHEARSE: _ended_turns,
    ReplayKind.SEND: _unarrived_messages,
}
