"""Queries on limits, on what has been counted, and on alarms."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, delete, func, text, update
from sqlalchemy import select as select_columns
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from models import (
    ActionRun,
    ActionRunState,
    Agent,
    AgentLimit,
    Conversation,
    LimitAlarm,
    LimitGroup,
    LimitSpan,
    Message,
    MessageState,
)
from services.kernel.db import UnitOfWork
from services.kernel.leases import in_seconds
from services.kernel.limiter import SPANS, window_start
from services.limits.rules import GROUPS, Used

WAITS_FOR_LIMIT = "waits_for_limit"
WAITS_FOR_PACE = "waits_for_pace"

_CONVERSATION_OF_MESSAGE = and_(
    col(Conversation.tenant_id) == col(Message.tenant_id), col(Conversation.id) == col(Message.conversation_id)
)


def hold_counting(work: UnitOfWork, *, alone: bool = False) -> None:
    """Until the end of the transaction, let others count too; ``alone``: wait for those who do, and let nobody begin.

    Who fills a counter from the rows must not miss one that is counted and not committed yet.
    """
    lock = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    work.session.connection().execute(
        text(f"SELECT {lock}(hashtextextended(:key, 0))"), {"key": f"limits:{work.tenant_id}"}
    )


def find_agent(work: UnitOfWork, agent_id: UUID) -> Agent | None:
    """Return an agent."""
    return work.session.exec(
        select(Agent).where(col(Agent.tenant_id) == work.tenant_id, col(Agent.id) == agent_id)
    ).first()


def list_limits(work: UnitOfWork, agent_id: UUID | None) -> Mapping[LimitGroup, AgentLimit]:
    """Return what is set for an agent, and for all agents together, by group."""
    rows = work.session.exec(
        select(AgentLimit).where(
            col(AgentLimit.tenant_id) == work.tenant_id,
            (col(AgentLimit.agent_id) == agent_id) | col(AgentLimit.agent_id).is_(None),
        )
    ).all()
    return {row.channel_group: row for row in rows}


def save_limit(work: UnitOfWork, row: AgentLimit) -> None:
    """Store what is set for a group, in place of what was."""
    values = row.model_dump()
    statement = insert(AgentLimit).values(**values)
    changed = {name: statement.excluded[name] for name in values if name not in _KEY}
    work.session.exec(
        statement.on_conflict_do_update(index_elements=["tenant_id", "agent_id", "channel_group"], set_=changed)
    )


def delete_limits(work: UnitOfWork, agent_id: UUID | None, groups: Collection[LimitGroup]) -> None:
    """Let the defaults hold again."""
    work.session.exec(
        delete(AgentLimit).where(
            col(AgentLimit.tenant_id) == work.tenant_id,
            _same_agent(AgentLimit, agent_id),
            col(AgentLimit.channel_group).in_(groups),
        )
    )


def database_time(work: UnitOfWork) -> datetime:
    """Return the database's time."""
    return work.session.connection().execute(text("SELECT clock_timestamp()")).scalar_one()


def count_used(work: UnitOfWork, agent_id: UUID | None, *, at: datetime) -> Mapping[LimitGroup, Used]:
    """Return what was counted in the windows that a time lies in, by group; for no agent: all of it, as ``ALL``."""
    found: dict[LimitGroup, Used] = {}
    messages = (
        select_columns(col(Conversation.channel_kind), *_in_windows(Message, at))
        .select_from(Message)
        .join(Conversation, _CONVERSATION_OF_MESSAGE)
        .where(
            col(Message.tenant_id) == work.tenant_id,
            col(Message.counted_at) >= window_start(at, SPANS[-1]),
            *([col(Conversation.agent_id) == agent_id] if agent_id else []),
        )
        .group_by(col(Conversation.channel_kind))
    )
    runs = select_columns(*_in_windows(ActionRun, at)).where(
        col(ActionRun.tenant_id) == work.tenant_id,
        col(ActionRun.counted_at) >= window_start(at, SPANS[-1]),
        *([col(ActionRun.agent_id) == agent_id] if agent_id else []),
    )
    connection = work.session.connection()
    for row in connection.execute(messages):
        _add(found, GROUPS[row[0]] if agent_id else LimitGroup.ALL, row[1:])
    for row in connection.execute(runs):
        _add(found, LimitGroup.ACTIONS if agent_id else LimitGroup.ALL, row)
    return found


def save_alarm(work: UnitOfWork, row: LimitAlarm) -> None:
    """Store the last alarm about a window, in place of the one before."""
    values = row.model_dump()
    statement = insert(LimitAlarm).values(**values)
    changed = {name: statement.excluded[name] for name in values if name not in _KEY}
    work.session.exec(
        statement.on_conflict_do_update(index_elements=["tenant_id", "agent_id", "channel_group", "span"], set_=changed)
    )


def find_alarm(work: UnitOfWork, agent_id: UUID | None, group: LimitGroup, span: LimitSpan) -> LimitAlarm | None:
    """Return the last alarm about a window of a limit."""
    return work.session.exec(
        select(LimitAlarm).where(
            col(LimitAlarm.tenant_id) == work.tenant_id,
            _same_agent(LimitAlarm, agent_id),
            col(LimitAlarm.channel_group) == group,
            col(LimitAlarm.span) == span,
        )
    ).first()


def find_last_connection(work: UnitOfWork, agent_id: UUID | None, group: LimitGroup, *, since: datetime) -> UUID | None:
    """Return through which connection the last of what was counted for a limit left, or was done."""
    kinds = [kind for kind, of in GROUPS.items() if group in (of, LimitGroup.ALL)]
    messages = (
        select_columns(col(Message.connection_id), col(Message.counted_at))
        .join(Conversation, _CONVERSATION_OF_MESSAGE)
        .where(
            col(Message.tenant_id) == work.tenant_id,
            col(Message.counted_at) >= since,
            col(Conversation.channel_kind).in_(kinds),
            *([col(Conversation.agent_id) == agent_id] if agent_id else []),
        )
    )
    runs = select_columns(col(ActionRun.connection_id), col(ActionRun.counted_at)).where(
        col(ActionRun.tenant_id) == work.tenant_id,
        col(ActionRun.counted_at) >= since,
        *([col(ActionRun.agent_id) == agent_id] if agent_id else []),
    )
    wanted = [messages] if kinds else []
    wanted += [runs] if group in (LimitGroup.ACTIONS, LimitGroup.ALL) else []
    connection = work.session.connection()
    last: list[tuple[datetime, UUID]] = []
    for statement in wanted:
        newest = statement.order_by(statement.selected_columns[1].desc()).limit(1)
        last += [(at, connection_id) for connection_id, at in connection.execute(newest) if at is not None]
    return max(last)[1] if last else None


def delete_alarms(work: UnitOfWork, agent_id: UUID | None, groups: Collection[LimitGroup]) -> list[UUID]:
    """Forget alarms about limits that have changed; return the connections they were about."""
    return list(
        work.session.connection()
        .execute(
            delete(LimitAlarm)
            .where(
                col(LimitAlarm.tenant_id) == work.tenant_id,
                _same_agent(LimitAlarm, agent_id),
                col(LimitAlarm.channel_group).in_(groups),
            )
            .returning(col(LimitAlarm.connection_id))
        )
        .scalars()
    )


def list_alarms(
    work: UnitOfWork, connection_ids: Collection[UUID], *, now: datetime
) -> list[tuple[LimitAlarm, str | None]]:
    """Return the alarms about windows that are not over, with their agents' names."""
    rows = work.session.exec(
        select(LimitAlarm, col(Agent.name))
        .outerjoin(
            Agent,
            and_(col(Agent.tenant_id) == col(LimitAlarm.tenant_id), col(Agent.id) == col(LimitAlarm.agent_id)),
        )
        .where(
            col(LimitAlarm.tenant_id) == work.tenant_id,
            col(LimitAlarm.connection_id).in_(connection_ids),
            col(LimitAlarm.resets_at) > now,
        )
        .order_by(col(LimitAlarm.raised_at), col(LimitAlarm.id))
    ).all()
    return [(row, name) for row, name in rows]


def let_waiting_try_again(work: UnitOfWork, agent_id: UUID | None) -> None:
    """Have looked at again what waits for a limit, of an agent or of all; the sweeper wakes it."""
    conversations = select(Conversation.id).where(
        col(Conversation.tenant_id) == work.tenant_id,
        *([col(Conversation.agent_id) == agent_id] if agent_id else []),
    )
    work.session.exec(
        update(Message)
        .where(
            col(Message.tenant_id) == work.tenant_id,
            col(Message.state) == MessageState.QUEUED,
            col(Message.error_code) == WAITS_FOR_LIMIT,
            col(Message.conversation_id).in_(conversations),
        )
        .values(next_attempt_at=in_seconds(0))
    )
    work.session.exec(
        update(ActionRun)
        .where(
            col(ActionRun.tenant_id) == work.tenant_id,
            col(ActionRun.state) == ActionRunState.QUEUED,
            col(ActionRun.error_code) == WAITS_FOR_LIMIT,
            *([col(ActionRun.agent_id) == agent_id] if agent_id else []),
        )
        .values(next_attempt_at=in_seconds(0))
    )


_KEY = ("tenant_id", "id", "agent_id", "channel_group")


def _same_agent(table: type[AgentLimit] | type[LimitAlarm], agent_id: UUID | None) -> ColumnElement[bool]:
    return col(table.agent_id).is_(None) if agent_id is None else col(table.agent_id) == agent_id


def _in_windows(table: type[Message] | type[ActionRun], at: datetime) -> list[ColumnElement[int]]:
    return [func.count().filter(col(table.counted_at) >= window_start(at, span)) for span in SPANS]


def _add(found: dict[LimitGroup, Used], group: LimitGroup, used: Row[Any] | Iterable[int]) -> None:
    minute, hour, day = (before + now for before, now in zip(found.get(group, (0, 0, 0)), used, strict=True))
    found[group] = (minute, hour, day)
