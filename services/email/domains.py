"""The domains of a connection: read from the provider, kept, and shown with their DNS records."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from models import Connection, EmailDomain
from services import audit, connections
from services.email import sender_repository as repository
from services.email.views import DnsRecordView, EmailDomainView
from services.kernel.db import UnitOfWork
from services.kernel.errors import NotFound
from services.kernel.kernel import Kernel
from services.provider_kit import registry
from services.provider_kit.contract import SendingDomain
from services.tenants import Actor, Permission, require

VERIFIED = "verified"
"""The word of a domain that may be sent from; see :class:`SendingDomain`."""


def list_domains(kernel: Kernel, *, actor: Actor, connection_id: UUID) -> tuple[EmailDomainView, ...]:
    """Return a connection's domains by name, as they were when the provider was last asked.

    Raises:
        NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        connections.get_row(work, connection_id)
        return domain_views(work, connection_id)


def sync_domains(kernel: Kernel, *, actor: Actor, connection_id: UUID) -> tuple[EmailDomainView, ...]:
    """Fetch a connection's domains with their DNS records from the provider.

    Raises:
        NotFound: no such connection, or its provider has no domains.
        NeedsReauth, RetryLater, Refused, Conflict, Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    connection, client = _open(kernel, actor.tenant_id, connection_id)
    found = connections.call_noted(
        kernel, connection, lambda: registry.domains(connection.provider).list_domains(client)
    )
    return _keep(kernel, actor, connection_id, found, action="connection.domains_synced")


def check_domain(kernel: Kernel, *, actor: Actor, connection_id: UUID, domain_id: UUID) -> tuple[EmailDomainView, ...]:
    """Ask the provider to look at a domain's DNS records again, and read what it says of all domains.

    Raises:
        NotFound: no such connection or domain.
        NeedsReauth, RetryLater, Refused, Conflict, Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    connection, client = _open(kernel, actor.tenant_id, connection_id)
    with kernel.unit_of_work(actor.tenant_id) as work:
        rows = repository.list_domains(work, connection_id)
    external_id = next((row.external_id for row in rows if row.id == domain_id), "")
    if not external_id:
        raise NotFound("There is no such domain on this connection. Fetch the domains again.", code="unknown_domain")
    module = registry.domains(connection.provider)

    def check_and_list() -> Sequence[SendingDomain]:
        module.check_domain(client, external_id)
        return module.list_domains(client)

    found = connections.call_noted(kernel, connection, check_and_list)
    return _keep(kernel, actor, connection_id, found, action="connection.domain_checked")


def domain_views(work: UnitOfWork, connection_id: UUID) -> tuple[EmailDomainView, ...]:
    """Return a connection's domains as shown, read within the caller's transaction."""
    return tuple(_view(row) for row in repository.list_domains(work, connection_id))


def _keep(
    kernel: Kernel, actor: Actor, connection_id: UUID, found: Sequence[SendingDomain], *, action: str
) -> tuple[EmailDomainView, ...]:
    with kernel.unit_of_work(actor.tenant_id) as work:
        connection = connections.get_open_row(work, connection_id, for_update=True)
        connections.store_domains(work, connection, found, now=kernel.clock.now())
        work.notify("connection", connection_id)
        audit.record(
            work,
            actor=actor,
            action=action,
            object_kind="connection",
            object_id=connection_id,
            detail={"count": len(found)},
        )
        return domain_views(work, connection_id)


def _open(kernel: Kernel, tenant_id: UUID, connection_id: UUID) -> tuple[Connection, Any]:
    """Open a connection for one call, its token renewed first if it is over."""

    def attempt(work: UnitOfWork) -> tuple[Connection, Any]:
        connection = connections.get_open_row(work, connection_id)
        registry.domains(connection.provider)  # refuses a provider without domains before any secret is opened
        return connection, connections.open_client(kernel, work, connection)

    return connections.with_fresh_token(kernel, tenant_id=tenant_id, attempt=attempt)


def _view(row: EmailDomain) -> EmailDomainView:
    return EmailDomainView(
        id=row.id,
        connection_id=row.connection_id,
        name=row.name,
        status=row.status,
        can_send=row.status == VERIFIED,
        can_receive=row.can_receive,
        records=tuple(DnsRecordView(**record) for record in row.records),
        checked_at=row.checked_at,
    )
