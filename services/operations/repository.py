"""Statements over all tenants that count, and read nothing else. Each runs unscoped.

Open work is found by its partial index. What came up lately is found tenant by tenant by its id, which begins with
the time it was made: no further index, and never a look at the whole table.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from redis import Redis
from redis.exceptions import NoPermissionError, ResponseError
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Executable,
    Float,
    FromClause,
    Select,
    String,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    text,
    true,
    type_coerce,
    union_all,
)
from sqlalchemy import (
    cast as cast_sql,
)
from sqlmodel import Session, col

from models import (
    ActionRun,
    ActionRunState,
    Author,
    Connection,
    DeliveryState,
    Direction,
    FailedAttempt,
    HealthNotice,
    Message,
    Tenant,
    TenantRow,
    Turn,
    TurnState,
    WebhookDelivery,
    WorkRow,
)
from services.actions.repository import OPEN as OPEN_RUNS
from services.connections import WORKING
from services.health.notice_repository import UNSENT as UNSENT_NOTICES
from services.kernel.db import set_local
from services.kernel.leases import is_due
from services.operations.views import BOUNDS
from services.sending.repository import UNSENT as UNSENT_MESSAGES
from services.turns.repository import OPEN as OPEN_TURNS
from services.webhooks.repository import OPEN as OPEN_DELIVERIES

Query = Select[*tuple[Any, ...]]
Values = tuple[Any, ...]


def limit_time(session: Session, *, seconds: float) -> None:
    """Have the database give up on a statement that takes longer."""
    set_local(session, "statement_timeout", str(round(seconds * 1000)))


def count_open(session: Session) -> Sequence[Values]:
    """Return (kind, open, due, age of the oldest due one) of all kinds of work, in one statement."""
    kinds = (
        _open("deliveries", WebhookDelivery, col(WebhookDelivery.state).in_(OPEN_DELIVERIES)),
        _open("turns", Turn, col(Turn.state).in_(OPEN_TURNS)),
        _open(
            "messages",
            Message,
            and_(col(Message.direction) == Direction.OUTBOUND, col(Message.state).in_(UNSENT_MESSAGES)),
        ),
        _open("action_runs", ActionRun, col(ActionRun.state).in_((ActionRunState.AWAITING_APPROVAL, *OPEN_RUNS))),
        _open("notices", HealthNotice, col(HealthNotice.state).in_(UNSENT_NOTICES)),
    )
    return _values(session, union_all(*kinds))


def count_deliveries(session: Session, *, floor: UUID) -> Sequence[Values]:
    """Return (provider, state, count) of the deliveries received since then."""
    rows = _lately(
        WebhookDelivery,
        select(col(WebhookDelivery.provider).label("provider"), col(WebhookDelivery.state).label("state")),
        floor=floor,
    )
    return _counted(session, rows)


def count_messages(session: Session, *, floor: UUID) -> Sequence[Values]:
    """Return (provider, direction, state, count) of the messages written since then."""
    rows = _lately(
        Message,
        _with_connection(
            select(
                col(Connection.provider).label("provider"),
                col(Message.direction).label("direction"),
                col(Message.state).label("state"),
            )
        ),
        floor=floor,
    )
    return _counted(session, rows)


def count_failures(session: Session, *, floor: UUID) -> Sequence[Values]:
    """Return (subject, provider, class of the error, its code, count) of the attempts that failed since then."""
    names = ("subject", "provider", "error", "code")
    rows = _lately(FailedAttempt, select(*(getattr(FailedAttempt, name).label(name) for name in names)), floor=floor)
    return _counted(session, rows)


def count_dead_letters(session: Session) -> Sequence[Values]:
    """Return (provider, count) of the deliveries that wait for a person."""
    provider = col(WebhookDelivery.provider)
    statement = select(provider, func.count()).where(col(WebhookDelivery.state) == DeliveryState.DEAD)
    return _values(session, statement.group_by(provider).order_by(provider))


def count_circuits(session: Session) -> Sequence[Values]:
    """Return (provider, ``open`` or ``held``, count) of the connections through which no calls are made now."""
    provider, is_open = col(Connection.provider), col(Connection.circuit_opened_at).is_not(None)
    state = case((is_open, "open"), else_="held").label("state")
    statement = select(provider, state, func.count()).where(
        or_(is_open, col(Connection.held_until) > func.clock_timestamp())
    )
    return _values(session, statement.group_by(provider, state).order_by(provider, state))


def measure_processing(session: Session, *, floor: UUID) -> Sequence[Values]:
    """Measure from received to done, by provider, what was received since then; see :func:`_buckets`."""
    row = WebhookDelivery
    statement = _timed(row.provider, row.received_at, row.finished_at)
    return _buckets(session, _lately(row, statement.where(col(row.finished_at).is_not(None)), floor=floor))


def measure_turns(session: Session, *, floor: UUID) -> Sequence[Values]:
    """Measure how long agents took for turns that came up since then, by who answered."""
    statement = _timed(Turn.runner, Turn.started_at, Turn.finished_at)
    is_answered = and_(col(Turn.state) == TurnState.DONE, col(Turn.started_at).is_not(None))
    return _buckets(session, _lately(Turn, statement.where(is_answered), floor=floor))


def measure_sending(session: Session, *, floor: UUID) -> Sequence[Values]:
    """Measure from written to accepted, by provider, the messages written since then."""
    statement = _with_connection(_timed(Connection.provider, Message.created_at, Message.sent_at))
    return _buckets(session, _lately(Message, statement.where(_is_sent()), floor=floor))


def measure_whole_way(session: Session, *, floor: UUID) -> Sequence[Values]:
    """Measure from a webhook to the provider's acceptance of the agent's answer, by provider, since then."""
    came_from = and_(
        col(WebhookDelivery.tenant_id) == col(Message.tenant_id), col(WebhookDelivery.id) == col(Message.trace_id)
    )
    statement = _timed(WebhookDelivery.provider, WebhookDelivery.received_at, Message.sent_at)
    statement = statement.join_from(Message, WebhookDelivery, came_from)
    by_agent = and_(_is_sent(), col(Message.author) == Author.AGENT)
    return _buckets(session, _lately(Message, statement.where(by_agent), floor=floor))


def list_granted_scopes(session: Session) -> Sequence[Values]:
    """Return (provider, whether through the operator's app, scopes, number of connections) of what was granted."""
    columns = (col(Connection.provider), col(Connection.uses_operator_app), col(Connection.scopes))
    statement = select(*columns, func.count()).where(col(Connection.status).in_(WORKING))
    return _values(session, statement.group_by(*columns).order_by(*columns))


_SERVER = text(
    """
    SELECT extract(epoch FROM clock_timestamp()) AS now,
           current_setting('fsync') AS fsync,
           current_setting('synchronous_commit') AS synchronous_commit,
           current_setting('full_page_writes') AS full_page_writes,
           current_setting('server_version_num')::int AS version,
           role.rolname AS role,
           role.rolsuper OR role.rolbypassrls AS is_above_isolation,
           EXISTS (
               SELECT 1 FROM pg_class AS owned
               WHERE owned.relowner = role.oid AND owned.relkind IN ('r', 'p')
           ) AS owns_tables
    FROM pg_roles AS role
    WHERE role.rolname = current_user
    """
)


@dataclass(frozen=True, slots=True)
class Server:
    """What PostgreSQL says about itself: its clock, what it promises to keep, and as whom we work."""

    now: float
    fsync: str
    synchronous_commit: str
    full_page_writes: str
    version: int
    role: str
    is_above_isolation: bool
    owns_tables: bool


def read_server(session: Session) -> Server:
    """Return what the server says about itself."""
    now, *rest = _values(session, _SERVER)[0]
    return Server(float(now), *rest)


def find_revision(session: Session) -> str:
    """Return the schema's revision; empty if there is no schema yet."""
    if not _values(session, text("SELECT to_regclass('alembic_version') IS NOT NULL"))[0][0]:
        return ""
    found = _values(session, text("SELECT version_num FROM alembic_version"))
    return str(found[0][0]) if found else ""


def read_redis(redis: Redis) -> dict[str, str]:
    """Return what Redis says about itself in ``INFO``, and in ``CONFIG`` if it allows that; empty if neither.

    Raises:
        RedisError: Redis is away.
    """
    try:
        found = dict(cast(Mapping[str, object], redis.info("everything")))
    except NoPermissionError:
        return {}
    with suppress(ResponseError):  # as many a hosted Redis does, and ours
        found |= cast(Mapping[str, object], redis.config_get("appendfsync"))
    return {name: str(value) for name, value in found.items()}


def _values(session: Session, statement: Executable) -> Sequence[Values]:
    return [tuple(row) for row in session.connection().execute(statement)]


def _open(name: str, row: type[WorkRow], is_open: ColumnElement[bool]) -> Query:
    waits = func.clock_timestamp() - func.min(col(row.next_attempt_at)).filter(is_due(row))
    return select(
        literal(name),
        func.count(),
        func.count().filter(is_due(row)),
        func.coalesce(func.extract("epoch", waits), 0.0),
    ).where(is_open)


def _with_connection(statement: Query) -> Query:
    return statement.join_from(
        Message,
        Connection,
        (col(Connection.tenant_id) == col(Message.tenant_id)) & (col(Connection.id) == col(Message.connection_id)),
    )


def _lately(row: type[TenantRow], statement: Query, *, floor: UUID) -> FromClause:
    """Return the rows of all tenants whose ids are above the floor.

    Lateral, and kept from being merged into what stands around it: one short look into each tenant's primary key.
    """
    own = statement.where(col(row.tenant_id) == col(Tenant.id), col(row.id) >= floor)
    found = own.correlate(Tenant).offset(0).lateral("found")
    return select(found).select_from(Tenant).join(found, true()).subquery("lately")


def _is_sent() -> ColumnElement[bool]:
    return and_(col(Message.direction) == Direction.OUTBOUND, col(Message.sent_at).is_not(None))


def _timed(word: Any, began: Any, ended: Any) -> Query:
    """Select a word, and the seconds between two times."""
    seconds = func.greatest(func.extract("epoch", ended - began), 0)
    return select(type_coerce(word, String()).label("word"), type_coerce(seconds, Float()).label("seconds"))


def _counted(session: Session, rows: FromClause) -> Sequence[Values]:
    columns = tuple(rows.c)
    statement = select(*columns, func.count()).group_by(*columns).order_by(*columns)
    return _values(session, statement)


def _buckets(session: Session, rows: FromClause) -> Sequence[Values]:
    """Return (word, bucket, count, seconds in all) of rows with a word and seconds each.

    Bucket 0 holds what took less than the first of :data:`~services.operations.views.BOUNDS`, and so on.
    """
    bucket = func.width_bucket(cast_sql(rows.c.seconds, Float()), literal(list(BOUNDS), ARRAY(Float))).label("bucket")
    statement = select(rows.c.word, bucket, func.count(), func.sum(rows.c.seconds)).group_by(rows.c.word, bucket)
    return _values(session, statement.order_by(rows.c.word, bucket))
