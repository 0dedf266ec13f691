"""Statements on findings, on where notices go, and on the notices themselves. Each binds the tenant."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, exists, func, text, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, delete, select

from models import (
    Connection,
    HealthFinding,
    HealthNotice,
    NoticeKind,
    NoticeState,
    NoticeTarget,
    OptOut,
    PhoneNumber,
)
from services.kernel.db import UnitOfWork
from services.kernel.leases import is_due, is_free

UNSENT = (NoticeState.QUEUED, NoticeState.SENDING)


def lock_observation(work: UnitOfWork, connection_id: UUID) -> None:
    """Let nobody else judge the same connection until the end of the transaction."""
    key = f"health:{work.tenant_id}:{connection_id}"
    work.session.connection().execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})


def set_due(
    work: UnitOfWork, connection_id: UUID, due_at: datetime, *, unless_changed_from: datetime | None = None
) -> None:
    """Say when a connection is looked at next; with ``unless_changed_from``, only if nobody asked for it meanwhile."""
    statement = update(Connection).where(
        col(Connection.tenant_id) == work.tenant_id, col(Connection.id) == connection_id
    )
    if unless_changed_from is not None:
        statement = statement.where(col(Connection.health_due_at) == unless_changed_from)
    work.session.exec(statement.values(health_due_at=due_at))


def list_open(session: Session, *, tenant_id: UUID, connection_ids: Collection[UUID]) -> Sequence[HealthFinding]:
    """Return the findings that are not over."""
    return session.exec(
        select(HealthFinding)
        .where(
            col(HealthFinding.tenant_id) == tenant_id,
            col(HealthFinding.connection_id).in_(connection_ids),
            col(HealthFinding.resolved_at).is_(None),
        )
        .order_by(col(HealthFinding.id))
    ).all()


def list_over_untold(work: UnitOfWork, connection_id: UUID, *, since: datetime) -> Sequence[HealthFinding]:
    """Return the findings that are over since then, of whose beginning a notice went out but not of their end."""
    return work.session.exec(
        select(HealthFinding)
        .where(
            col(HealthFinding.tenant_id) == work.tenant_id,
            col(HealthFinding.connection_id) == connection_id,
            col(HealthFinding.resolved_at) >= since,
            col(HealthFinding.batch_id).is_not(None),
            col(HealthFinding.resolution_batch_id).is_(None),
        )
        .order_by(col(HealthFinding.id))
    ).all()


def list_notices(work: UnitOfWork, batch_ids: Collection[UUID]) -> Sequence[HealthNotice]:
    """Return the notices of some batches, locked: what becomes of them is decided by what they say now."""
    if not batch_ids:
        return ()
    return work.session.exec(
        select(HealthNotice)
        .where(col(HealthNotice.tenant_id) == work.tenant_id, col(HealthNotice.batch_id).in_(batch_ids))
        .order_by(col(HealthNotice.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def list_targets(session: Session, *, tenant_id: UUID) -> Sequence[tuple[NoticeTarget, Connection]]:
    """Return where owners are told, and what each lies behind, the oldest first."""
    return session.exec(
        select(NoticeTarget, Connection)
        .join(
            Connection,
            and_(
                col(Connection.tenant_id) == col(NoticeTarget.tenant_id),
                col(Connection.id) == col(NoticeTarget.connection_id),
            ),
        )
        .where(col(NoticeTarget.tenant_id) == tenant_id)
        .order_by(col(NoticeTarget.id))
    ).all()


def find_target(session: Session, *, tenant_id: UUID, target_id: UUID) -> NoticeTarget | None:
    """Return one of them."""
    return session.exec(
        select(NoticeTarget).where(col(NoticeTarget.tenant_id) == tenant_id, col(NoticeTarget.id) == target_id)
    ).first()


def has_target(session: Session, *, tenant_id: UUID, connection_id: UUID, channel_id: str) -> bool:
    """Return whether owners are told there already."""
    found = session.exec(
        select(col(NoticeTarget.id)).where(
            col(NoticeTarget.tenant_id) == tenant_id,
            col(NoticeTarget.connection_id) == connection_id,
            col(NoticeTarget.channel_id) == channel_id,
        )
    )
    return found.first() is not None


def delete_target(session: Session, *, tenant_id: UUID, target_id: UUID) -> None:
    """Forget where owners were told, and what they were told there."""
    session.exec(
        delete(NoticeTarget).where(col(NoticeTarget.tenant_id) == tenant_id, col(NoticeTarget.id) == target_id)
    )


def find_connection(session: Session, *, tenant_id: UUID, connection_id: UUID) -> Connection | None:
    """Return a connection as it stands now."""
    return session.exec(
        select(Connection)
        .where(col(Connection.tenant_id) == tenant_id, col(Connection.id) == connection_id)
        .execution_options(populate_existing=True)
    ).first()


def list_untold_connections(session: Session, *, tenant_id: UUID) -> Sequence[UUID]:
    """Return the connections with a finding that nobody was told of."""
    return session.exec(
        select(col(HealthFinding.connection_id))
        .where(
            col(HealthFinding.tenant_id) == tenant_id,
            col(HealthFinding.resolved_at).is_(None),
            col(HealthFinding.told_at).is_(None),
        )
        .distinct()
    ).all()


def find_sender(session: Session, *, tenant_id: UUID, connection_id: UUID) -> str:
    """Return the number that notices are sent from: one that an agent answers on, else the first; empty if none."""
    found = session.exec(
        select(col(PhoneNumber.number))
        .where(col(PhoneNumber.tenant_id) == tenant_id, col(PhoneNumber.connection_id) == connection_id)
        .order_by(col(PhoneNumber.agent_id).is_(None), col(PhoneNumber.number))
        .limit(1)
    ).first()
    return found or ""


def has_opted_out(session: Session, *, tenant_id: UUID, connection_id: UUID, sender: str, contact: str) -> bool:
    """Return whether whoever has this number wants nothing from that sender."""
    found = session.exec(
        select(col(OptOut.id)).where(
            col(OptOut.tenant_id) == tenant_id,
            col(OptOut.connection_id) == connection_id,
            col(OptOut.sender) == sender,
            col(OptOut.contact) == contact,
        )
    )
    return found.first() is not None


def count_tests(session: Session, *, tenant_id: UUID, target_id: UUID, since: datetime) -> int:
    """Return how many test notices went to a target since then."""
    return session.exec(
        select(func.count())
        .select_from(HealthNotice)
        .where(
            col(HealthNotice.tenant_id) == tenant_id,
            col(HealthNotice.target_id) == target_id,
            col(HealthNotice.kind) == NoticeKind.TEST,
            col(HealthNotice.created_at) > since,
        )
    ).one()


def find_notice(session: Session, *, tenant_id: UUID, notice_id: UUID) -> HealthNotice | None:
    """Return a notice."""
    return session.exec(
        select(HealthNotice).where(col(HealthNotice.tenant_id) == tenant_id, col(HealthNotice.id) == notice_id)
    ).first()


def lock_sendable(work: UnitOfWork, notice_id: UUID) -> HealthNotice | None:
    """Return a notice, locked, if it is due, nobody sends it, and its target waits for nothing before it."""
    earlier = aliased(HealthNotice)
    return work.session.exec(
        select(HealthNotice)
        .where(
            col(HealthNotice.tenant_id) == work.tenant_id,
            col(HealthNotice.id) == notice_id,
            col(HealthNotice.state).in_(UNSENT),
            is_due(HealthNotice),
            is_free(HealthNotice),
            ~exists().where(
                col(earlier.tenant_id) == col(HealthNotice.tenant_id),
                col(earlier.target_id) == col(HealthNotice.target_id),
                col(earlier.id) < col(HealthNotice.id),
                col(earlier.state).in_(UNSENT),
            ),
        )
        .with_for_update()
    ).first()


def lock_held(work: UnitOfWork, notice_id: UUID, lease_token: UUID) -> HealthNotice | None:
    """Return a notice, locked, if the lease is still ours."""
    return work.session.exec(
        select(HealthNotice)
        .where(
            col(HealthNotice.tenant_id) == work.tenant_id,
            col(HealthNotice.id) == notice_id,
            col(HealthNotice.lease_token) == lease_token,
        )
        .with_for_update()
    ).first()


def find_next_unsent(work: UnitOfWork, target_id: UUID) -> UUID | None:
    """Return the first notice that still waits to be sent to a target."""
    return work.session.exec(
        select(col(HealthNotice.id))
        .where(
            col(HealthNotice.tenant_id) == work.tenant_id,
            col(HealthNotice.target_id) == target_id,
            col(HealthNotice.state) == NoticeState.QUEUED,
        )
        .order_by(col(HealthNotice.id))
        .limit(1)
    ).first()


def list_known_ids(work: UnitOfWork, notice: HealthNotice) -> frozenset[str]:
    """Return the provider's ids of our other notices to the same target."""
    rows = work.session.exec(
        select(col(HealthNotice.external_id)).where(
            col(HealthNotice.tenant_id) == work.tenant_id,
            col(HealthNotice.target_id) == notice.target_id,
            col(HealthNotice.external_id) != "",
        )
    ).all()
    return frozenset(rows)


def stamp_told(work: UnitOfWork, notice: HealthNotice, *, now: datetime) -> None:
    """Note on the findings that the owners were told; the first notice of a batch counts."""
    if notice.kind is NoticeKind.TEST:
        return
    batch, told = (
        (HealthFinding.batch_id, HealthFinding.told_at)
        if notice.kind is NoticeKind.BEGAN
        else (HealthFinding.resolution_batch_id, HealthFinding.resolution_told_at)
    )
    values: dict[Any, Any] = {col(told): now}
    if notice.kind is NoticeKind.BEGAN:
        values[col(HealthFinding.untold_reason)] = ""
    work.session.exec(
        update(HealthFinding)
        .where(col(HealthFinding.tenant_id) == work.tenant_id, col(batch) == notice.batch_id, col(told).is_(None))
        .values(values)
    )


def stamp_untold(work: UnitOfWork, notice: HealthNotice, *, reason: str) -> None:
    """Note on the findings why the owners could not be told; another target may still tell them."""
    if notice.kind is not NoticeKind.BEGAN:
        return
    work.session.exec(
        update(HealthFinding)
        .where(
            col(HealthFinding.tenant_id) == work.tenant_id,
            col(HealthFinding.batch_id) == notice.batch_id,
            col(HealthFinding.told_at).is_(None),
        )
        .values(untold_reason=reason)
    )


def list_due(session: Session, *, limit: int) -> Sequence[tuple[UUID, UUID]]:
    """Return (tenant id, id) of the notices that are due and that nobody sends; runs unscoped."""
    return session.exec(
        select(col(HealthNotice.tenant_id), col(HealthNotice.id))
        .where(col(HealthNotice.state).in_(UNSENT), is_due(HealthNotice), is_free(HealthNotice))
        .order_by(col(HealthNotice.next_attempt_at))
        .limit(limit)
    ).all()
