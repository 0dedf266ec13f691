"""Notes when four fifths of an hour's or a day's limit are used, or all of it: once each in a window."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models import Connection, LimitAlarm, LimitGroup, LimitSpan
from services.connections.life import look_at_health
from services.connections.repository import find_connection
from services.kernel.db import UnitOfWork
from services.kernel.ids import new_id
from services.kernel.limiter import window_start
from services.limits import repository
from services.limits.rules import LENGTHS, Rule, Used, alarm_at

SPANS = tuple(LimitSpan)
WATCHED = (LimitSpan.HOUR, LimitSpan.DAY)
"""What alarms are raised about: a minute is over before anybody has read of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How much of a limit is used."""

    agent_id: UUID | None
    """None: all agents together."""
    rule: Rule
    used: Used
    at: datetime


def raise_alarms(work: UnitOfWork, use: Use, connection: Connection, *, now: datetime) -> None:
    """Note each window that is used to four fifths, or wholly, unless that was noted before.

    Args:
        work: the transaction that counts, or that sets the limit.
        use: how much is used.
        connection: what leaves through it is held back; its owners are told.
        now: the time.
    """
    for place, span in enumerate(SPANS):
        most = use.rule.most[place]
        if span not in WATCHED or most is None:
            continue
        reached = most if use.used[place] >= most else alarm_at(most)
        if use.used[place] < reached or _is_noted(work, use, span, reached=reached, most=most):
            continue
        repository.save_alarm(work, _alarm(work, use, connection, span, used=use.used[place], most=most))
        look_at_health(work, connection, now=now)


def raise_alarms_of_set(work: UnitOfWork, agent_id: UUID | None, rule: Rule, *, now: datetime) -> None:
    """Note that what was used already is much of a limit that has just been set."""
    at = repository.database_time(work)
    used = repository.count_used(work, agent_id, at=at).get(rule.group)
    if not used:
        return
    since = window_start(at, LENGTHS[LimitSpan.DAY])
    connection_id = repository.find_last_connection(work, agent_id, rule.group, since=since)
    connection = connection_id and find_connection(work.session, tenant_id=work.tenant_id, connection_id=connection_id)
    if connection:
        raise_alarms(work, Use(agent_id=agent_id, rule=rule, used=used, at=at), connection, now=now)


def _is_noted(work: UnitOfWork, use: Use, span: LimitSpan, *, reached: int, most: int) -> bool:
    row = repository.find_alarm(work, _owner(use), use.rule.group, span)
    return row is not None and row.resets_at > use.at and row.most == most and row.used >= reached


def _alarm(work: UnitOfWork, use: Use, connection: Connection, span: LimitSpan, *, used: int, most: int) -> LimitAlarm:
    return LimitAlarm(
        tenant_id=work.tenant_id,
        id=new_id(),
        agent_id=_owner(use),
        connection_id=connection.id,
        channel_group=use.rule.group,
        span=span,
        used=used,
        most=most,
        excess=use.rule.excess,
        raised_at=use.at,
        resets_at=window_start(use.at, LENGTHS[span]) + LENGTHS[span],
    )


def _owner(use: Use) -> UUID | None:
    return None if use.rule.group is LimitGroup.ALL else use.agent_id
