"""Queries on calendars and their subscriptions, as the jobs need them. Each binds the tenant."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, case, delete, or_, update
from sqlmodel import col, select

from models import Calendar, Connection, Subscription, SubscriptionState
from services.kernel.db import UnitOfWork
from services.kernel.leases import is_free


def lock_free(work: UnitOfWork, calendar_id: UUID) -> Calendar | None:
    """Return a calendar, locked, if nobody holds it."""
    return work.session.exec(
        select(Calendar)
        .where(col(Calendar.tenant_id) == work.tenant_id, col(Calendar.id) == calendar_id, is_free(Calendar))
        .with_for_update()
    ).first()


def lock_held(work: UnitOfWork, calendar_id: UUID, lease_token: UUID) -> Calendar | None:
    """Return a calendar, locked, if the lease is still ours."""
    return work.session.exec(
        select(Calendar)
        .where(
            col(Calendar.tenant_id) == work.tenant_id,
            col(Calendar.id) == calendar_id,
            col(Calendar.lease_token) == lease_token,
        )
        .with_for_update()
    ).first()


def get_connection(work: UnitOfWork, connection_id: UUID) -> Connection:
    """Return the connection that a calendar lies behind."""
    return work.session.exec(
        select(Connection).where(col(Connection.tenant_id) == work.tenant_id, col(Connection.id) == connection_id)
    ).one()


def find_connection(work: UnitOfWork, connection_id: UUID) -> Connection | None:
    """Return a connection that may have been deleted meanwhile."""
    return work.session.exec(
        select(Connection).where(col(Connection.tenant_id) == work.tenant_id, col(Connection.id) == connection_id)
    ).first()


def stamp_notification(work: UnitOfWork, *, connection_id: UUID, subscription_id: str, now: datetime) -> UUID | None:
    """Remember that a subscription spoke; return its calendar's id, or None if there is no such subscription."""
    statement = (
        update(Subscription)
        .where(
            col(Subscription.tenant_id) == work.tenant_id,
            col(Subscription.connection_id) == connection_id,
            col(Subscription.external_id) == subscription_id,
        )
        .values(notified_at=now)
        .returning(col(Subscription.calendar_id))
    )
    return work.session.scalar(statement)


def mark_changed(work: UnitOfWork, calendar_id: UUID, *, now: datetime) -> None:
    """Let a calendar be due, unless it waits because the last sync failed.

    A lease means that a sync is under way, or was cut off: it finds the new time when it ends.
    """
    waits = and_(col(Calendar.attempt) > 0, col(Calendar.lease_token).is_(None))
    work.session.exec(
        update(Calendar)
        .where(col(Calendar.tenant_id) == work.tenant_id, col(Calendar.id) == calendar_id)
        .values(changed_at=now, next_attempt_at=case((waits, col(Calendar.next_attempt_at)), else_=now))
    )


def list_subscriptions(
    work: UnitOfWork, calendar_id: UUID, *, state: SubscriptionState | None = None
) -> Sequence[Subscription]:
    """Return a calendar's subscriptions, the oldest first."""
    statement = select(Subscription).where(
        col(Subscription.tenant_id) == work.tenant_id, col(Subscription.calendar_id) == calendar_id
    )
    if state is not None:
        statement = statement.where(col(Subscription.state) == state)
    return work.session.exec(statement.order_by(col(Subscription.id))).all()


def find_subscription(work: UnitOfWork, subscription_id: UUID) -> Subscription | None:
    """Return a subscription, locked; None if it was forgotten meanwhile."""
    return work.session.exec(
        select(Subscription)
        .where(col(Subscription.tenant_id) == work.tenant_id, col(Subscription.id) == subscription_id)
        .with_for_update()
    ).first()


def delete_subscription(work: UnitOfWork, subscription_id: UUID) -> None:
    """Forget a subscription."""
    work.session.exec(
        delete(Subscription).where(
            col(Subscription.tenant_id) == work.tenant_id, col(Subscription.id) == subscription_id
        )
    )


def delete_ended(work: UnitOfWork, calendar_id: UUID, *, now: datetime, unanswered_before: datetime) -> None:
    """Forget subscriptions that have a successor and have expired, and those that were never answered."""
    ended = and_(
        col(Subscription.state) == SubscriptionState.STOPPING,
        col(Subscription.expires_at) <= now,
    )
    unanswered = and_(
        col(Subscription.state) == SubscriptionState.PENDING,
        col(Subscription.created_at) < unanswered_before,
    )
    work.session.exec(
        delete(Subscription).where(
            col(Subscription.tenant_id) == work.tenant_id,
            col(Subscription.calendar_id) == calendar_id,
            or_(ended, unanswered),
        )
    )


def retire_others(work: UnitOfWork, calendar_id: UUID, *, successor_id: UUID) -> None:
    """Let all active subscriptions of a calendar but one be stopped."""
    work.session.exec(
        update(Subscription)
        .where(
            col(Subscription.tenant_id) == work.tenant_id,
            col(Subscription.calendar_id) == calendar_id,
            col(Subscription.id) != successor_id,
            col(Subscription.state) == SubscriptionState.ACTIVE,
        )
        .values(state=SubscriptionState.STOPPING)
    )


def ask_for_sync(work: UnitOfWork, calendar_id: UUID, *, now: datetime) -> None:
    """Let a calendar be due, whatever it waits for."""
    work.session.exec(
        update(Calendar)
        .where(col(Calendar.tenant_id) == work.tenant_id, col(Calendar.id) == calendar_id)
        .values(next_attempt_at=now)
    )
