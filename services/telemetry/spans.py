"""From rows to spans: the steps of a message's way, joined by its trace id. Nothing here has effects.

A span says which step it was, at which provider, how often it was tried and how it ended. It holds nothing that anybody
wrote, no name, no address and no tenant (docs/decisions/0019-spans-from-rows.md).
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from models import DeliveryState, MessageState, TurnState

Value = str | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One step."""

    name: str
    trace_id: int
    """128 bits: our trace id as it is, so that a trace is found here and there by the same number."""
    id: int
    """64 bits; the same whenever the same step is told of."""
    parent_id: int | None
    began_at: datetime
    ended_at: datetime
    failed: bool = False
    attributes: dict[str, Value] = field(default_factory=dict[str, Value])


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """A webhook, from its acceptance to its effects."""

    tenant_id: UUID
    id: UUID
    trace_id: UUID
    provider: str
    kind: str
    state: str
    cause: str
    attempt: int
    duplicates: int
    received_at: datetime
    stored_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRow:
    """One run of an agent."""

    tenant_id: UUID
    id: UUID
    trace_id: UUID
    state: str
    runner: str
    attempt: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    """A message that was to be sent."""

    tenant_id: UUID
    id: UUID
    trace_id: UUID
    turn_id: UUID | None
    """The turn that wrote it, if an agent did."""
    provider: str
    state: str
    attempt: int
    created_at: datetime
    attempted_at: datetime | None
    sent_at: datetime | None


Row = DeliveryRow | TurnRow | MessageRow


def is_over(row: Row) -> bool:
    """Return whether the step has ended, so that it can be told."""
    if isinstance(row, MessageRow):
        return row.state not in (MessageState.QUEUED, MessageState.SENDING)
    return row.finished_at is not None


def spans_of(row: Row) -> Iterator[Span]:
    """Return what a row tells once it is over."""
    if isinstance(row, DeliveryRow):
        yield _accepted(row)
        yield _processed(row)
    elif isinstance(row, TurnRow):
        yield _answered(row)
    else:
        yield _sent(row)


def _accepted(row: DeliveryRow) -> Span:
    return Span(
        name="accept",
        trace_id=row.trace_id.int,
        id=_span_id("accept", row.id),
        parent_id=None,
        began_at=row.received_at,
        ended_at=max(row.stored_at, row.received_at),
        attributes={
            "patchbay.provider": row.provider,
            "patchbay.kind": row.kind,
            "patchbay.duplicates": row.duplicates,
        },
    )


def _processed(row: DeliveryRow) -> Span:
    return _step(
        "process",
        row,
        parent_id=_span_id("accept", row.id),
        began_at=row.started_at or row.stored_at,
        ended_at=row.finished_at or row.stored_at,
        failed=row.state == DeliveryState.DEAD,
        attributes={"patchbay.provider": row.provider, "patchbay.cause": row.cause},
    )


def _answered(row: TurnRow) -> Span:
    began_at = row.started_at or row.created_at
    return _step(
        "turn",
        row,
        parent_id=_span_id("process", row.trace_id),
        began_at=began_at,
        ended_at=row.finished_at or began_at,
        failed=row.state == TurnState.DEAD,
        attributes={"patchbay.runner": row.runner},
    )


def _sent(row: MessageRow) -> Span:
    began_at = row.attempted_at or row.created_at
    return _step(
        "send",
        row,
        parent_id=_span_id("turn", row.turn_id) if row.turn_id else None,
        began_at=began_at,
        ended_at=row.sent_at or began_at,
        failed=row.state in (MessageState.FAILED, MessageState.UNKNOWN),
        attributes={"patchbay.provider": row.provider},
    )


def _step(
    name: str,
    row: Row,
    *,
    parent_id: int | None,
    began_at: datetime,
    ended_at: datetime,
    failed: bool,
    attributes: dict[str, Value],
) -> Span:
    shared = {"patchbay.state": row.state, "patchbay.attempts": row.attempt}
    return Span(
        name=name,
        trace_id=row.trace_id.int,
        id=_span_id(name, row.id),
        parent_id=parent_id,
        began_at=began_at,
        ended_at=max(began_at, ended_at),
        failed=failed,
        attributes={key: value for key, value in (attributes | shared).items() if value != ""},
    )


def _span_id(step: str, row_id: UUID) -> int:
    """Return a number that stands for a step: whoever knows the row knows it, before the step is told."""
    return int.from_bytes(hashlib.sha256(step.encode() + row_id.bytes).digest()[:8]) or 1
