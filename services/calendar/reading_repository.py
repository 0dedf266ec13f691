"""Queries on what is shown of calendars. Each binds the tenant."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, func
from sqlmodel import col, select

from models import Agent, Calendar, CalendarEvent, Connection, ConnectionStatus, EventStatus
from services.kernel.db import UnitOfWork

MOST_EVENTS = 5000
"""Of one answer; nobody reads more at once."""


def has_agent(work: UnitOfWork, agent_id: UUID) -> bool:
    """Return whether there is such an agent."""
    statement = select(Agent.id).where(col(Agent.tenant_id) == work.tenant_id, col(Agent.id) == agent_id)
    return work.session.exec(statement).first() is not None


def list_calendars(
    work: UnitOfWork,
    *,
    agent_id: UUID | None = None,
    connection_id: UUID | None = None,
    calendar_id: UUID | None = None,
) -> Sequence[tuple[Calendar, Connection]]:
    """Return calendars with their connections, the oldest first; an agent's only while they are connected."""
    statement = (
        select(Calendar, Connection)
        .join(
            Connection,
            and_(
                col(Connection.tenant_id) == col(Calendar.tenant_id),
                col(Connection.id) == col(Calendar.connection_id),
            ),
        )
        .where(col(Calendar.tenant_id) == work.tenant_id)
        .order_by(col(Calendar.id))
    )
    if agent_id is not None:
        is_connected = col(Connection.status) != ConnectionStatus.DISCONNECTED
        statement = statement.where(col(Connection.agent_id) == agent_id, is_connected)
    if connection_id is not None:
        statement = statement.where(col(Calendar.connection_id) == connection_id)
    if calendar_id is not None:
        statement = statement.where(col(Calendar.id) == calendar_id)
    return work.session.exec(statement).all()


def list_events(
    work: UnitOfWork, calendar_ids: Sequence[UUID], *, begins_at: datetime, ends_at: datetime
) -> Sequence[CalendarEvent]:
    """Return the meetings of which any part lies between two times, the earliest first."""
    statement = (
        select(CalendarEvent)
        .where(
            col(CalendarEvent.tenant_id) == work.tenant_id,
            col(CalendarEvent.calendar_id).in_(calendar_ids),
            col(CalendarEvent.starts_at) < ends_at,
            (col(CalendarEvent.ends_at) > begins_at) | (col(CalendarEvent.starts_at) >= begins_at),
        )
        .order_by(col(CalendarEvent.starts_at), col(CalendarEvent.id))
        .limit(MOST_EVENTS)
    )
    return work.session.exec(statement).all()


def count_meetings(work: UnitOfWork, calendar_id: UUID, *, begins_at: datetime, ends_at: datetime) -> int:
    """Return how many meetings take place between two times, all-day entries aside."""
    statement = select(func.count()).where(
        col(CalendarEvent.tenant_id) == work.tenant_id,
        col(CalendarEvent.calendar_id) == calendar_id,
        col(CalendarEvent.starts_at) < ends_at,
        (col(CalendarEvent.ends_at) > begins_at) | (col(CalendarEvent.starts_at) >= begins_at),
        col(CalendarEvent.is_all_day).is_(False),
        col(CalendarEvent.status) != EventStatus.CANCELLED,
    )
    return work.session.exec(statement).one()


def find_next_meeting(work: UnitOfWork, calendar_id: UUID, *, now: datetime) -> CalendarEvent | None:
    """Return the meeting under way, or the next one, all-day entries aside."""
    statement = (
        select(CalendarEvent)
        .where(
            col(CalendarEvent.tenant_id) == work.tenant_id,
            col(CalendarEvent.calendar_id) == calendar_id,
            col(CalendarEvent.ends_at) > now,
            col(CalendarEvent.is_all_day).is_(False),
            col(CalendarEvent.status) != EventStatus.CANCELLED,
        )
        .order_by(col(CalendarEvent.starts_at), col(CalendarEvent.id))
        .limit(1)
    )
    return work.session.exec(statement).first()
