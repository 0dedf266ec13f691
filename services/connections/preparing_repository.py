"""Queries on what a connection needs beside its row."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, update
from sqlmodel import col, select

from models import Calendar, ChannelListing, ChannelPolicy, EmailDomain, Subscription
from services.kernel.db import UnitOfWork


def find_calendar(work: UnitOfWork, connection_id: UUID) -> Calendar | None:
    """Return a connection's first calendar, locked."""
    statement = select(Calendar).where(
        col(Calendar.tenant_id) == work.tenant_id, col(Calendar.connection_id) == connection_id
    )
    return work.session.exec(statement.order_by(col(Calendar.id)).limit(1).with_for_update()).first()


def find_default_policy(work: UnitOfWork, connection_id: UUID) -> ChannelPolicy | None:
    """Return the row that decides for all channels without a mode of their own."""
    return work.session.exec(
        select(ChannelPolicy).where(
            col(ChannelPolicy.tenant_id) == work.tenant_id,
            col(ChannelPolicy.connection_id) == connection_id,
            col(ChannelPolicy.external_id) == "",
        )
    ).first()


def find_listing(work: UnitOfWork, connection_id: UUID) -> ChannelListing | None:
    """Return how far a connection's channels are listed, locked."""
    return work.session.exec(
        select(ChannelListing)
        .where(col(ChannelListing.tenant_id) == work.tenant_id, col(ChannelListing.connection_id) == connection_id)
        .with_for_update()
    ).first()


def list_domains(work: UnitOfWork, connection_id: UUID) -> Sequence[EmailDomain]:
    """Return a connection's domains."""
    return work.session.exec(
        select(EmailDomain).where(
            col(EmailDomain.tenant_id) == work.tenant_id, col(EmailDomain.connection_id) == connection_id
        )
    ).all()


def retire_calendars(work: UnitOfWork, connection_id: UUID) -> None:
    """Forget a connection's subscriptions, and let its calendars rest; the meetings stay."""
    work.session.exec(
        delete(Subscription).where(
            col(Subscription.tenant_id) == work.tenant_id, col(Subscription.connection_id) == connection_id
        )
    )
    work.session.exec(
        update(Calendar)
        .where(col(Calendar.tenant_id) == work.tenant_id, col(Calendar.connection_id) == connection_id)
        .values(subscribe_due_at=None, cursor="", subscribe_error="")
    )


def delete_calendars(work: UnitOfWork, connection_id: UUID) -> None:
    """Delete a connection's calendars with their meetings."""
    work.session.exec(
        delete(Calendar).where(col(Calendar.tenant_id) == work.tenant_id, col(Calendar.connection_id) == connection_id)
    )
