"""Counts what became of messages, for one tenant: whole hours from their tallies, the rest from turns and answers.

A message that came in has the id of its delivery, which begins with the time of its arrival. So a bucket is a range of
ids, the index that makes turns unique finds a period, and the delivery log shows the same requests for it.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import log
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    SmallInteger,
    Subquery,
    Uuid,
    and_,
    case,
    cast,
    extract,
    func,
    literal,
    or_,
    select,
    tuple_,
)
from sqlmodel import col

from models import Agent, Conversation, DeliveryState, Message, Tally, Turn, WebhookDelivery
from services.analytics.outcome_repository import (
    ANSWERED,
    ASKED,
    FAILED,
    HANDED_OVER,
    IN_CONVERSATION,
    IS_ANSWER,
    narrowed,
)
from services.analytics.progress_repository import list_changed_hours, read_counted
from services.analytics.tallies import STEP, Reading, count_steps, plan_reading
from services.conversations.reading import CHANNELS
from services.kernel.db import UnitOfWork
from services.kernel.ids import lowest_id

_NUMBERS = ("inbound", "asked", "answered", "failed", "handed_over")
_NONE = literal(b"", LargeBinary)


class _Key(NamedTuple):
    """What a sum is of: a bucket, or an agent and a channel."""

    bucket: int | None
    agent_id: UUID | None
    channel: str | None


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
    steps: Counter[int] = field(default_factory=Counter[int])
    """How many answers took how long; see :func:`services.analytics.tallies.count_steps`."""

    def __add__(self, other: "Count") -> "Count":
        """Return what became of both groups' messages."""
        numbers = {name: getattr(self, name) + getattr(other, name) for name in _NUMBERS}
        return Count(**numbers, steps=self.steps + other.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """A period's counts; a group in which nothing came in is missing."""

    by_bucket: Mapping[int, Count]
    """By the place of the bucket, from 0."""
    by_agent: Mapping[UUID, Count]
    by_channel: Mapping[str, Count]

    @property
    def total(self) -> Count:
        """The period as a whole."""
        return sum(self.by_channel.values(), Count())


def count(work: UnitOfWork, wanted: Wanted) -> Counts:
    """Count a period by bucket, by agent and by channel."""
    reading = _plan(work, wanted.edges)
    cells = [_of_tallies(work, wanted, reading)] if reading.since < reading.until else []
    cells += [_of_rows(work, wanted, reading.ranges)] if reading.ranges else []
    sums = [item for some in cells for item in _add_up(work, some)]
    return Counts(
        by_bucket=_by(sums, lambda key: key.bucket),
        by_agent=_by(sums, lambda key: key.agent_id),
        by_channel=_by(sums, lambda key: key.channel),
    )


def count_hours(work: UnitOfWork, hours: Sequence[datetime]) -> list[dict[str, Any]]:
    """Count hours from the rows, as :class:`models.Tally` has them; without ids.

    Args:
        work: the unit of work.
        hours: where each begins, and where the last ends; without gaps.
    """
    cells = _of_rows(work, Wanted(edges=tuple(hours)), ((hours[0], hours[-1]),))
    rows = work.session.connection().execute(select(cells)).mappings().all()
    return [
        {name: value for name, value in row.items() if name != "bucket"} | {"begins_at": hours[row["bucket"]]}
        for row in rows
    ]


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


def _plan(work: UnitOfWork, edges: Sequence[datetime]) -> Reading:
    since, until = read_counted(work) or (edges[0], edges[0])
    changed = list_changed_hours(work, since=edges[0], until=edges[-1])
    return plan_reading(edges, since=since, until=until, changed=changed)


def _of_tallies(work: UnitOfWork, wanted: Wanted, reading: Reading) -> Subquery:
    """Return one row for each hour, agent and kind of channel."""
    row, edges = Tally, literal(list(wanted.edges), ARRAY(DateTime(timezone=True)))
    conditions = [
        col(row.tenant_id) == work.tenant_id,
        col(row.begins_at) >= reading.since,
        col(row.begins_at) < reading.until,
    ]
    if reading.without:
        conditions.append(col(row.begins_at).not_in(reading.without))
    if wanted.agent_id:
        conditions.append(col(row.agent_id) == wanted.agent_id)
    if wanted.channel:
        conditions.append(col(row.channel_kind).in_(CHANNELS[wanted.channel]))
    bucket = func.width_bucket(col(row.begins_at), edges, type_=Integer()) - 1
    numbers = (col(getattr(row, name)) for name in _NUMBERS)
    return (
        select(bucket.label("bucket"), col(row.agent_id), col(row.channel_kind), *numbers, col(row.took))
        .where(*conditions)
        .subquery("cells")
    )


def _of_rows(work: UnitOfWork, wanted: Wanted, ranges: Sequence[tuple[datetime, datetime]]) -> Subquery:
    """Return one row for each bucket, agent and kind of channel."""
    facts = _facts(work, wanted, ranges)
    group = (facts.c.bucket, facts.c.agent_id, facts.c.channel_kind)
    counts = (func.count().filter(facts.c[name]).label(name) for name in _NUMBERS[1:])
    took = func.coalesce(func.string_agg(facts.c.took, _NONE), _NONE, type_=LargeBinary()).label("took")
    return select(*group, func.count().label("inbound"), *counts, took).group_by(*group).subquery("cells")


def _facts(work: UnitOfWork, wanted: Wanted, ranges: Sequence[tuple[datetime, datetime]]) -> Subquery:
    """Return one row for each message that came in."""
    message_id = col(Turn.message_id)
    ids = literal([lowest_id(edge) for edge in wanted.edges], ARRAY(Uuid))
    is_inside = (and_(message_id >= lowest_id(begin), message_id < lowest_id(end)) for begin, end in ranges)
    return (
        select(
            (func.width_bucket(message_id, ids, type_=Integer()) - 1).label("bucket"),
            col(Turn.agent_id),
            col(Conversation.channel_kind),
            ASKED.label("asked"),
            ANSWERED.label("answered"),
            FAILED.label("failed"),
            HANDED_OVER.label("handed_over"),
            case((and_(ANSWERED, col(Message.sent_at).is_not(None)), _step())).label("took"),
        )
        .join(Conversation, IN_CONVERSATION)
        .outerjoin(Message, IS_ANSWER)
        .where(*narrowed(work, agent_id=wanted.agent_id, channel=wanted.channel), or_(*is_inside))
        .subquery("facts")
    )


def _step() -> ColumnElement[Any]:
    """Return how long an answer took, as two bytes; see :attr:`models.Tally.took`."""
    milliseconds = cast(extract("epoch", col(Message.sent_at) - col(Turn.created_at)), Float) * 1000
    step = func.round(func.ln(func.greatest(milliseconds, 1.0)) / literal(log(STEP)))
    return func.int2send(cast(step, SmallInteger), type_=LargeBinary())


def _add_up(work: UnitOfWork, cells: Subquery) -> list[tuple[_Key, Count]]:
    """Return the sums of cells by bucket, and by agent and channel."""
    keys = (cells.c.bucket, cells.c.agent_id, _channel(cells.c.channel_kind).label("channel"))
    parts = select(*keys, *(cells.c[name] for name in (*_NUMBERS, "took"))).subquery("parts")
    bucket, agent_id, channel = parts.c.bucket, parts.c.agent_id, parts.c.channel
    sums = (cast(func.sum(parts.c[name]), BigInteger) for name in _NUMBERS)
    took = func.string_agg(parts.c.took, _NONE)
    statement = select(bucket, agent_id, channel, *sums, took).group_by(
        func.grouping_sets(tuple_(bucket), tuple_(agent_id, channel))
    )
    rows: Sequence[Any] = work.session.connection().execute(statement).all()
    return [
        (_Key(*key), Count(**dict(zip(_NUMBERS, numbers, strict=True)), steps=count_steps(took)))
        for *key, numbers, took in ((*row[:3], row[3:-1], row[-1]) for row in rows)
    ]


def _by(sums: Sequence[tuple[_Key, Count]], part_of: Callable[[_Key], Any]) -> dict[Any, Count]:
    """Return sums by one part of their keys; those that have none are sums over it."""
    found: dict[Any, Count] = {}
    for key, some in sums:
        if (part := part_of(key)) is not None:
            found[part] = found.get(part, Count()) + some
    return found


def _channel(kind: ColumnElement[str]) -> ColumnElement[str]:
    """Return a channel by its kind; as bytes, since sorting by a language's rules takes several times as long."""
    return case(*((kind.in_(kinds), name) for name, kinds in CHANNELS.items() if kinds), else_=kind).collate("C")
