"""Reads connections for the pages and the API: the row with all that is shown beside it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from models import Connection, ConnectionCheck, ConnectionStatus, Ending
from services.connections import app_repository, reading_repository, repository
from services.connections.breaker import circuit_state
from services.connections.clients import endpoint_url, shared_endpoint_url
from services.connections.views import (
    CheckView,
    ConnectionView,
    CredentialHint,
    PhoneNumberView,
    RefusalView,
    ScopeView,
    UsageView,
    WebhookUrlView,
)
from services.kernel.db import UnitOfWork
from services.kernel.errors import Conflict, InvalidInput, NotFound
from services.kernel.kernel import Kernel
from services.provider_kit import registry
from services.provider_kit.contract import Capability, ProviderManifest
from services.tenants import Actor, Permission, require

_REFUSALS_SHOWN = timedelta(hours=24)


def list_connections(
    kernel: Kernel, *, actor: Actor, agent_id: UUID | None = None, provider: str | None = None, state: str = ""
) -> tuple[ConnectionView, ...]:
    """Return the tenant's connections, the oldest first, disconnected ones included.

    Args:
        kernel: the process's seams.
        actor: who asks.
        agent_id: only this agent's.
        provider: only this provider's.
        state: only those in this status.

    Raises:
        InvalidInput, Forbidden
    """
    require(actor, Permission.CONNECTIONS_VIEW)
    if state and state not in [status.value for status in ConnectionStatus]:
        raise InvalidInput(f"Use one of {', '.join(ConnectionStatus)}.", field="state")
    with kernel.unit_of_work(actor.tenant_id) as work:
        rows = repository.list_connections(
            work.session, tenant_id=actor.tenant_id, agent_id=agent_id, provider=provider
        )
        rows = [(connection, name) for connection, name in rows if state in ("", connection.status)]
        return _views(kernel, work, rows)


def get_connection(kernel: Kernel, *, actor: Actor, connection_id: UUID) -> ConnectionView:
    """Return one connection.

    Raises:
        NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        return build_view(kernel, work, connection_id)


def get_row(work: UnitOfWork, connection_id: UUID, *, for_update: bool = False) -> Connection:
    """Return a connection's row.

    Raises:
        NotFound
    """
    connection = repository.find_connection(
        work.session, tenant_id=work.tenant_id, connection_id=connection_id, for_update=for_update
    )
    if connection is None:
        raise NotFound("There is no such connection.", code="unknown_connection")
    return connection


def get_open_row(work: UnitOfWork, connection_id: UUID, *, for_update: bool = False) -> Connection:
    """Return the row of a connection that is not disconnected.

    Raises:
        NotFound, Conflict
    """
    connection = get_row(work, connection_id, for_update=for_update)
    if connection.status is ConnectionStatus.DISCONNECTED:
        raise Conflict("This connection is disconnected. Connect the account again first.", code="disconnected")
    return connection


def build_view(kernel: Kernel, work: UnitOfWork, connection_id: UUID) -> ConnectionView:
    """Return one connection as shown, read within the caller's transaction.

    Raises:
        NotFound
    """
    rows = repository.list_connections(work.session, tenant_id=work.tenant_id, connection_id=connection_id)
    if not rows:
        raise NotFound("There is no such connection.", code="unknown_connection")
    return _views(kernel, work, rows)[0]


def _views(
    kernel: Kernel, work: UnitOfWork, rows: Sequence[tuple[Connection, str | None]]
) -> tuple[ConnectionView, ...]:
    """Build views with one statement per kind of detail, however many connections there are."""
    details = _Details(kernel, work, [connection.id for connection, _ in rows])
    return tuple(details.view(connection, agent_name or "") for connection, agent_name in rows)


def missing_scopes(connection: Connection, manifest: ProviderManifest) -> tuple[ScopeView, ...]:
    """Return the rights that consent did not grant, or that came later; none if the provider does not tell."""
    if not connection.scopes or manifest.oauth is None or connection.auth_scheme != manifest.oauth.id:
        return ()
    return tuple(
        ScopeView(name=scope.name, reason=scope.reason)
        for scope in manifest.scopes
        if scope.name not in connection.scopes
    )


class _Details:
    """What the views of some connections need, read once and kept by connection."""

    def __init__(self, kernel: Kernel, work: UnitOfWork, connection_ids: Sequence[UUID]) -> None:
        self._settings = kernel.settings
        session, where = work.session, {"tenant_id": work.tenant_id}
        self._now = kernel.clock.now()
        since = self._now - _REFUSALS_SHOWN
        self._hints = reading_repository.list_hints(session, **where, connection_ids=connection_ids)
        self._endpoints = repository.list_endpoints(session, **where, connection_ids=connection_ids)
        self._checks = reading_repository.list_last_checks(session, **where, connection_ids=connection_ids)
        self._numbers = repository.list_numbers(session, **where, connection_ids=connection_ids)
        self._refusals = reading_repository.list_refusals(session, **where, connection_ids=connection_ids, since=since)
        apps = app_repository.list_apps(session, tenant_id=work.tenant_id)
        self._app_names: Mapping[UUID | None, str] = {app.id: app.name for app in apps}
        self._traffic = reading_repository.count_conversations(session, **where, connection_ids=connection_ids)

    def view(self, connection: Connection, agent_name: str) -> ConnectionView:
        """Return one connection as shown."""
        manifest = registry.get_manifest(connection.provider)
        check = next((check for check in self._checks if check.connection_id == connection.id), None)
        circuit, next_call_at = circuit_state(connection, now=self._now)
        return ConnectionView(
            id=connection.id,
            provider=connection.provider,
            provider_name=manifest.name,
            name=connection.name or connection.external_account_name,
            category=manifest.category,
            agent_id=connection.agent_id,
            agent_name=agent_name,
            status=connection.status.value,
            cause=connection.cause.value,
            is_ending=connection.ending is not Ending.NONE,
            used_by=self._usage(connection, agent_name),
            auth_scheme=connection.auth_scheme,
            uses_operator_app=connection.uses_operator_app,
            provider_app_id=connection.provider_app_id,
            provider_app_name=self._app_names.get(connection.provider_app_id, ""),
            external_account_id=connection.external_account_id,
            external_account_name=connection.external_account_name,
            account_noun=manifest.account_noun,
            scopes=tuple(connection.scopes),
            missing_scopes=missing_scopes(connection, manifest),
            settings=dict(connection.settings),
            credential_hints=self._credential_hints(connection, manifest),
            connected_at=connection.connected_at,
            connected_by=connection.connected_by,
            last_event_at=connection.last_event_at,
            token_expires_at=connection.token_expires_at,
            next_check_at=connection.next_check_at,
            last_error=connection.last_error,
            last_error_at=connection.last_error_at,
            error_count=connection.error_count,
            circuit=circuit.value,
            circuit_reason=connection.circuit_reason,
            next_call_at=next_call_at,
            last_check=check_view(check) if check else None,
            webhook_urls=self._webhook_urls(connection, manifest),
            numbers=tuple(
                PhoneNumberView(
                    id=number.id,
                    number=number.number,
                    label=number.label,
                    agent_id=number.agent_id,
                    agent_name=name or "",
                )
                for number, name in self._numbers
                if number.connection_id == connection.id
            ),
            refusals=tuple(
                RefusalView(reason=reason, count=count, last_at=last_at)
                for connection_id, reason, count, last_at in self._refusals
                if connection_id == connection.id
            ),
        )

    def _usage(self, connection: Connection, agent_name: str) -> UsageView:
        numbers = [(number, name) for number, name in self._numbers if number.connection_id == connection.id]
        conversations, channels = self._traffic.get(connection.id, (0, 0))
        return UsageView(
            agents=tuple(sorted({name for name in (agent_name, *(name for _, name in numbers)) if name})),
            channels=sum(1 for number, _ in numbers if number.agent_id) if numbers else channels,
            conversations=conversations,
        )

    def _credential_hints(self, connection: Connection, manifest: ProviderManifest) -> tuple[CredentialHint, ...]:
        labels = {field.name: field.label for field in manifest.fields()}
        return tuple(
            CredentialHint(name=name, label=labels.get(name, name.replace("_", " ").capitalize()), hint=hint)
            for connection_id, name, hint in self._hints
            if connection_id == connection.id
        )

    def _webhook_urls(self, connection: Connection, manifest: ProviderManifest) -> tuple[WebhookUrlView, ...]:
        tokens = [item.token for item in self._endpoints if item.connection_id == connection.id]
        is_pasted = Capability.WEBHOOKS in manifest.capabilities and manifest.webhook_proof == "secret"
        if not tokens or not is_pasted:
            return ()
        return tuple(
            WebhookUrlView(
                kind=kind.name,
                label=kind.label,
                url=shared_endpoint_url(self._settings, provider=connection.provider, kind=kind.name)
                if kind.shared and (connection.uses_operator_app or connection.provider_app_id or kind.default)
                else endpoint_url(self._settings, provider=connection.provider, token=tokens[-1], kind=kind.name),
                pasted_into=kind.pasted_into,
            )
            for kind in manifest.webhooks
        )


def check_view(check: ConnectionCheck) -> CheckView:
    """Return one test as shown."""
    return CheckView(
        succeeded=check.succeeded,
        cause=check.cause.value,
        summary=check.summary,
        duration_ms=check.duration_ms or 0,
        created_at=check.created_at,
    )
