"""Statements on how far hours are counted, and on which have changed since."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Text, cast, delete, func, insert
from sqlmodel import col, select

from models import Tally, TallyChange, TallyProgress
from services.kernel.db import UnitOfWork


def read_counted(work: UnitOfWork) -> tuple[datetime, datetime] | None:
    """Return from when until when hours are counted."""
    row = TallyProgress
    found = work.session.exec(
        select(row.counted_since, row.counted_until).where(col(row.tenant_id) == work.tenant_id)
    ).first()
    return (found[0], found[1]) if found else None


def list_changed_hours(
    work: UnitOfWork, *, since: datetime, until: datetime, limit: int | None = None
) -> set[datetime]:
    """Return the beginnings of hours whose rows changed since they were counted."""
    row = TallyChange
    statement = select(row.begins_at).where(
        col(row.tenant_id) == work.tenant_id, col(row.begins_at) >= since, col(row.begins_at) < until
    )
    return set(work.session.exec(statement.distinct().limit(limit)))


def lock_progress(work: UnitOfWork) -> TallyProgress | None:
    """Return how far a tenant's hours are counted, for one process at a time."""
    row = TallyProgress
    return work.session.exec(select(row).where(col(row.tenant_id) == work.tenant_id).with_for_update()).first()


def add_progress(work: UnitOfWork, row: TallyProgress) -> None:
    """Write down that nothing is counted yet."""
    work.session.add(row)


def first_open_transaction(work: UnitOfWork) -> int:
    """Return the number below which all transactions have ended, and are seen by the next statement."""
    return _number(work, func.pg_snapshot_xmin(func.pg_current_snapshot()))


def next_transaction(work: UnitOfWork) -> int:
    """Return a number that no transaction had before this statement."""
    return _number(work, func.pg_snapshot_xmax(func.pg_current_snapshot()))


def forget_changes(work: UnitOfWork, hours: Sequence[datetime]) -> None:
    """Forget the changes of hours that are counted next, in this transaction."""
    row = TallyChange
    work.session.exec(delete(row).where(col(row.tenant_id) == work.tenant_id, col(row.begins_at).in_(hours)))


def forget_before(work: UnitOfWork, before: datetime) -> None:
    """Forget tallies and changes of hours that nobody asks for any more."""
    for row in (Tally, TallyChange):
        work.session.exec(delete(row).where(col(row.tenant_id) == work.tenant_id, col(row.begins_at) < before))


def replace_tallies(work: UnitOfWork, *, since: datetime, until: datetime, rows: Sequence[dict[str, Any]]) -> None:
    """Write the tallies of hours in place of those that are there."""
    row = Tally
    work.session.exec(
        delete(row).where(col(row.tenant_id) == work.tenant_id, col(row.begins_at) >= since, col(row.begins_at) < until)
    )
    if rows:
        work.session.connection().execute(insert(row), list(rows))


def _number(work: UnitOfWork, number: Any) -> int:
    return work.session.connection().execute(select(cast(cast(number, Text), BigInteger))).scalar_one()
