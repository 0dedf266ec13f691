"""Queries on cached meetings. Each binds the tenant."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from sqlalchemy import delete, func, or_
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from models import CalendarEvent
from services.kernel.db import UnitOfWork

_CHUNK = 1000
_KEPT_COLUMNS = frozenset({"tenant_id", "id", "calendar_id", "external_id", "created_at"})


def store_events(work: UnitOfWork, rows: Sequence[Mapping[str, object]], *, unless_newer: bool) -> None:
    """Add meetings, or change those that are there.

    Args:
        work: the unit of work.
        rows: by column.
        unless_newer: leave alone what was changed at the provider after the given state.
    """
    if not rows:
        return
    statement = insert(CalendarEvent)
    new = statement.excluded
    work.session.connection().execute(
        statement.on_conflict_do_update(
            index_elements=["tenant_id", "calendar_id", "external_id"],
            set_={name: new[name] for name in rows[0] if name not in _KEPT_COLUMNS},
            where=or_(
                col(CalendarEvent.external_updated_at).is_(None),
                new.external_updated_at.is_(None),
                new.external_updated_at >= col(CalendarEvent.external_updated_at),
            )
            if unless_newer
            else None,
        ),
        [dict(row) for row in rows],
    )


def list_external_ids(work: UnitOfWork, calendar_id: UUID) -> frozenset[str]:
    """Return the provider's ids of all cached meetings of a calendar."""
    statement = select(col(CalendarEvent.external_id)).where(
        col(CalendarEvent.tenant_id) == work.tenant_id, col(CalendarEvent.calendar_id) == calendar_id
    )
    return frozenset(work.session.exec(statement).all())


def delete_events(work: UnitOfWork, calendar_id: UUID, *, external_ids: Iterable[str]) -> int:
    """Forget meetings; return how many were there."""
    ids, count = sorted(external_ids), 0
    for begin in range(0, len(ids), _CHUNK):
        result = work.session.connection().execute(
            delete(CalendarEvent).where(
                col(CalendarEvent.tenant_id) == work.tenant_id,
                col(CalendarEvent.calendar_id) == calendar_id,
                col(CalendarEvent.external_id).in_(ids[begin : begin + _CHUNK]),
            )
        )
        count += result.rowcount
    return count


def count_events(work: UnitOfWork, calendar_id: UUID) -> int:
    """Return how many meetings of a calendar are cached."""
    statement = select(func.count()).where(
        col(CalendarEvent.tenant_id) == work.tenant_id, col(CalendarEvent.calendar_id) == calendar_id
    )
    return work.session.exec(statement).one()
