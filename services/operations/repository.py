"""Statements over all tenants that count, and read nothing else. Each runs unscoped.

Open work is found by its partial index. What came up lately is found tenant by tenant by its id, which begins with
the time it was made: no further index, and never a look at the whole table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from redis import Redis
from redis.exceptions import NoPermissionError
from sqlalchemy import (
    ColumnElement,
    Executable,
    Float,
    FromClause,
    Select,
    and_,
    func,
    literal,
    select,
    text,
    true,
    type_coerce,
    union_all,
)
from sqlmodel import Session, col

from models import (
    ActionRun,
    ActionRunState,
    Connection,
    DeliveryState,
    Direction,
    FailedAttempt,
    HealthNotice,
    Message,
    Tenant,
    TenantRow,
    Turn,
    WebhookDelivery,
    WorkRow,
)
from services.actions.repository import OPEN as OPEN_RUNS
from services.health.notice_repository import UNSENT as UNSENT_NOTICES
from services.kernel.db import set_local
from services.kernel.leases import is_due
from services.sending.repository import UNSENT as UNSENT_MESSAGES
from services.turns.repository import OPEN as OPEN_TURNS
from services.webhooks.repository import OPEN as OPEN_DELIVERIES

Query = Select[*tuple[Any, ...]]
Values = tuple[Any, ...]

QUANTILES = (0.5, 0.95, 0.99)


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
    """Return (subject, class of the error, count) of the attempts that failed since then."""
    rows = _lately(
        FailedAttempt,
        select(col(FailedAttempt.subject).label("subject"), col(FailedAttempt.error).label("error")),
        floor=floor,
    )
    return _counted(session, rows)


def count_dead_letters(session: Session) -> Sequence[Values]:
    """Return (provider, count) of the deliveries that wait for a person."""
    provider = col(WebhookDelivery.provider)
    statement = select(provider, func.count()).where(col(WebhookDelivery.state) == DeliveryState.DEAD)
    return _values(session, statement.group_by(provider).order_by(provider))


def measure_processing(session: Session, *, floor: UUID) -> Sequence[Values]:
    """Return (provider, count, quantiles) of the seconds that deliveries received since then took to be done."""
    seconds = _seconds(WebhookDelivery.received_at, WebhookDelivery.finished_at).label("seconds")
    is_done = col(WebhookDelivery.finished_at).is_not(None)
    provider = col(WebhookDelivery.provider)
    return _quantiles(session, _lately(WebhookDelivery, select(provider, seconds).where(is_done), floor=floor))


def measure_sending(session: Session, *, floor: UUID) -> Sequence[Values]:
    """Return (provider, count, quantiles) of the seconds that messages written since then took to be accepted."""
    seconds = _seconds(Message.created_at, Message.sent_at).label("seconds")
    statement = _with_connection(select(col(Connection.provider).label("provider"), seconds))
    is_sent = and_(col(Message.direction) == Direction.OUTBOUND, col(Message.sent_at).is_not(None))
    return _quantiles(session, _lately(Message, statement.where(is_sent), floor=floor))


def list_granted_scopes(session: Session) -> Sequence[Values]:
    """Return (provider, scopes, number of connections) of what the operator's apps were granted."""
    columns = (col(Connection.provider), col(Connection.scopes))
    statement = select(*columns, func.count()).where(
        col(Connection.uses_operator_app), col(Connection.status).in_(("active", "degraded"))
    )
    return _values(session, statement.group_by(*columns))


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
    """Return what Redis says about itself in ``INFO``, which servers allow that refuse ``CONFIG``; empty if not.

    Raises:
        RedisError: Redis is away.
    """
    try:
        found = cast(Mapping[str, object], redis.info("everything"))
    except NoPermissionError:
        return {}
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


def _seconds(began: Any, ended: Any) -> ColumnElement[float]:
    return type_coerce(func.greatest(func.extract("epoch", ended - began), 0), Float())


def _counted(session: Session, rows: FromClause) -> Sequence[Values]:
    columns = tuple(rows.c)
    statement = select(*columns, func.count()).group_by(*columns).order_by(*columns)
    return _values(session, statement)


def _quantiles(session: Session, rows: FromClause) -> Sequence[Values]:
    found = [func.percentile_cont(share).within_group(rows.c.seconds) for share in QUANTILES]
    statement = select(rows.c.provider, func.count(), *found).group_by(rows.c.provider).order_by(rows.c.provider)
    return _values(session, statement)
