"""Queries on failed attempts."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import col

from models import FailedAttempt, Message, Turn
from services.kernel.db import UnitOfWork, among


def count_cut_offs(work: UnitOfWork, rows: Sequence[Turn | Message], *, subject: str, code: str) -> Mapping[UUID, int]:
    """Return how many attempts at each row were noted as cut off; rows without any are left out."""
    found = work.session.connection().execute(
        select(col(FailedAttempt.subject_id), func.count())
        .where(
            col(FailedAttempt.tenant_id) == work.tenant_id,
            among(FailedAttempt.trace_id, [row.trace_id for row in rows]),
            among(FailedAttempt.subject_id, [row.id for row in rows]),
            col(FailedAttempt.subject) == subject,
            col(FailedAttempt.code) == code,
        )
        .group_by(col(FailedAttempt.subject_id))
    )
    return {row[0]: row[1] for row in found}
