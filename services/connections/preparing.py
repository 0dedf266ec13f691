"""What a connection needs beside its row, by what its provider can do: a calendar, a list of channels, domains."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from models import Calendar, ChannelListing, ChannelMode, ChannelPolicy, Connection, EmailDomain
from services.connections import preparing_repository as repository
from services.kernel.db import UnitOfWork
from services.kernel.ids import new_id
from services.kernel.leases import in_seconds
from services.provider_kit.contract import Capability, ProviderManifest, SendingDomain

PRIMARY_CALENDAR = "primary"
"""Stands for the account's main calendar until the provider told us its id."""


def prepare(work: UnitOfWork, connection: Connection, manifest: ProviderManifest, *, now: datetime) -> None:
    """Make the rows that a connection's provider asks for, and let their jobs begin; what is there already stays."""
    for capability, step in _STEPS.items():
        if capability in manifest.capabilities:
            step(work, connection, now)


def store_domains(work: UnitOfWork, connection: Connection, domains: Sequence[SendingDomain], *, now: datetime) -> None:
    """Make the stored domains those that the provider lists."""
    stored = {row.name: row for row in repository.list_domains(work, connection.id)}
    for domain in domains:
        name = domain.name.lower()
        row = stored.pop(name, None) or EmailDomain(
            tenant_id=work.tenant_id,
            id=new_id(),
            connection_id=connection.id,
            external_id=domain.id,
            name=name,
            status=domain.status,
            checked_at=now,
        )
        row.external_id, row.status, row.can_receive = domain.id, domain.status, domain.can_receive
        row.records = [
            {
                "type": record.type,
                "name": record.name,
                "value": record.value,
                "priority": record.priority,
                "status": record.status,
                "purpose": record.purpose,
            }
            for record in domain.records
        ]
        row.checked_at = now
        work.session.add(row)
    for gone in stored.values():
        work.session.delete(gone)
    work.session.flush()


def _prepare_calendar(work: UnitOfWork, connection: Connection, now: datetime) -> None:
    calendar = repository.find_calendar(work, connection.id) or Calendar(
        tenant_id=work.tenant_id,
        id=new_id(),
        connection_id=connection.id,
        external_id=PRIMARY_CALENDAR,
        next_attempt_at=now,
        created_at=now,
        updated_at=now,
    )
    calendar.attempt = calendar.subscribe_attempt = 0
    calendar.next_attempt_at = calendar.subscribe_due_at = now
    work.session.add(calendar)
    work.session.flush()
    work.wake("sync_calendar", calendar.id)
    work.wake("renew_subscription", calendar.id)


def _prepare_channels(work: UnitOfWork, connection: Connection, now: datetime) -> None:
    if repository.find_default_policy(work, connection.id) is None:
        work.session.add(
            ChannelPolicy(
                tenant_id=work.tenant_id,
                id=new_id(),
                connection_id=connection.id,
                mode=ChannelMode.MENTIONS,
                updated_at=now,
            )
        )
    listing = repository.find_listing(work, connection.id) or ChannelListing(
        tenant_id=work.tenant_id,
        id=new_id(),
        connection_id=connection.id,
        next_attempt_at=in_seconds(0),
        created_at=now,
    )
    listing.attempt = 0
    listing.next_attempt_at = in_seconds(0)
    work.session.add(listing)
    work.session.flush()
    work.wake("list_channels", listing.id)


_STEPS: Mapping[Capability, Callable[[UnitOfWork, Connection, datetime], None]] = {
    Capability.CALENDAR: _prepare_calendar,
    Capability.SHARED: _prepare_channels,
}
