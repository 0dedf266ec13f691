"""Counts what became of messages, for one tenant, in one pass over its turns.

A message that came in has the id of its delivery, which begins with the time of its arrival. So a bucket is a range of
ids, the index that makes turns unique finds a period, and the delivery log shows the same requests for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Float,
    Integer,
    Subquery,
    Uuid,
    case,
    cast,
    extract,
    func,
    literal,
    literal_column,
    select,
    tuple_,
)
from sqlmodel import col

from models import Agent, Conversation, DeliveryState, Message, Turn, WebhookDelivery
from services.analytics.outcome_repository import (
    ANSWERED,
    ASKED,
    FAILED,
    HANDED_OVER,
    IN_CONVERSATION,
    IS_ANSWER,
    narrowed,
)
from services.conversations.reading import CHANNELS
from services.kernel.db import UnitOfWork
from services.kernel.ids import lowest_id

_QUANTILES = (0.5, 0.95)
_OF_BUCKET, _OF_AGENT, _OF_CHANNEL, _OF_ALL = 0b011, 0b101, 0b110, 0b111
"""What ``GROUPING`` says: a bit for each column that a row is a sum over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is counted."""

    edges: tuple[datetime, ...]
    """Where each bucket begins, and where the last one ends."""
    agent_id: UUID | None = None
    channel: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What became of the messages of one group."""

    inbound: int = 0
    asked: int = 0
    answered: int = 0
    failed: int = 0
    handed_over: int = 0
    p50_seconds: float | None = None
    p95_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """A period's counts; a group in which nothing came in is missing."""

    total: Count
    by_bucket: dict[int, Count]
    """By the place of the bucket, from 0."""
    by_agent: dict[UUID, Count]
    by_channel: dict[str, Count]


def count(work: UnitOfWork, wanted: Wanted) -> Counts:
    """Count a period as a whole, by bucket, by agent and by channel."""
    facts = _facts(work, wanted)
    bucket, agent_id, channel = facts.c.bucket, facts.c.agent_id, facts.c.channel
    statement = select(
        func.grouping(bucket, agent_id, channel), bucket, agent_id, channel, *_aggregates(facts)
    ).group_by(func.grouping_sets(tuple_(bucket), tuple_(agent_id), tuple_(channel), literal_column("()")))
    return _read(work.session.connection().execute(statement).all())


def count_whole(work: UnitOfWork, wanted: Wanted) -> Count:
    """Count a period as a whole only."""
    statement = select(*_aggregates(_facts(work, wanted)))
    return _count(*work.session.connection().execute(statement).one())


def count_dead_letters(work: UnitOfWork, *, since: datetime, until: datetime) -> int:
    """Count the requests of a period that could not be processed."""
    row = WebhookDelivery
    statement = select(func.count()).where(
        col(row.tenant_id) == work.tenant_id,
        col(row.state) == DeliveryState.DEAD,
        col(row.received_at) >= since,
        col(row.received_at) < until,
    )
    return work.session.connection().execute(statement).scalar_one()


def list_agent_names(work: UnitOfWork) -> dict[UUID, str]:
    """Return the names of the tenant's agents, by id, in the order of their names."""
    statement = select(col(Agent.id), col(Agent.name)).where(col(Agent.tenant_id) == work.tenant_id)
    rows = work.session.connection().execute(statement.order_by(func.lower(col(Agent.name)))).all()
    return {row.id: row.name for row in rows}


def _facts(work: UnitOfWork, wanted: Wanted) -> Subquery:
    """Return one row for each message that came in."""
    ids = [lowest_id(edge) for edge in wanted.edges]
    bucket = func.width_bucket(col(Turn.message_id), literal(ids, ARRAY(Uuid)), type_=Integer())
    took = extract("epoch", col(Message.sent_at) - col(Turn.created_at))
    return (
        select(
            (bucket - 1).label("bucket"),
            col(Turn.agent_id),
            _channel().label("channel"),
            ASKED.label("asked"),
            ANSWERED.label("answered"),
            FAILED.label("failed"),
            HANDED_OVER.label("handed_over"),
            case((ANSWERED, cast(took, Float))).label("seconds"),
        )
        .join(Conversation, IN_CONVERSATION)
        .outerjoin(Message, IS_ANSWER)
        .where(
            *narrowed(work, agent_id=wanted.agent_id, channel=wanted.channel),
            col(Turn.message_id) >= ids[0],
            col(Turn.message_id) < ids[-1],
        )
        .subquery("facts")
    )


def _channel() -> ColumnElement[str]:
    """Return a conversation's channel; as bytes, since sorting by a language's rules takes several times as long."""
    kind = col(Conversation.channel_kind)
    return case(*((kind.in_(kinds), name) for name, kinds in CHANNELS.items() if kinds), else_=kind).collate("C")


def _aggregates(facts: Subquery) -> tuple[ColumnElement[Any], ...]:
    quantiles = literal(list(_QUANTILES), ARRAY(Float))
    return (
        func.count(),
        *(func.count().filter(facts.c[name]) for name in ("asked", "answered", "failed", "handed_over")),
        func.percentile_cont(quantiles).within_group(facts.c.seconds),
    )


def _read(rows: Sequence[Any]) -> Counts:
    found: dict[int, dict[Any, Count]] = {_OF_BUCKET: {}, _OF_AGENT: {}, _OF_CHANNEL: {}, _OF_ALL: {}}
    for grouped, bucket, agent_id, channel, *numbers in rows:
        key = {_OF_BUCKET: bucket, _OF_AGENT: agent_id, _OF_CHANNEL: channel, _OF_ALL: None}[grouped]
        found[grouped][key] = _count(*numbers)
    return Counts(
        total=found[_OF_ALL].get(None, Count()),
        by_bucket=found[_OF_BUCKET],
        by_agent=found[_OF_AGENT],
        by_channel=found[_OF_CHANNEL],
    )


def _count(
    inbound: int, asked: int, answered: int, failed: int, handed_over: int, quantiles: Sequence[float] | None
) -> Count:
    p50, p95 = quantiles or (None, None)
    return Count(
        inbound=inbound,
        asked=asked,
        answered=answered,
        failed=failed,
        handed_over=handed_over,
        p50_seconds=p50,
        p95_seconds=p95,
    )
