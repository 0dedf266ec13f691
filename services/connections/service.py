"""Connections: list, connect by keys, test, disconnect, and the numbers that belong to them."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from models import Connection, ConnectionCheck, ConnectionStatus, PhoneNumber
from services import audit
from services.connections import repository
from services.connections.clients import (
    endpoint_url,
    provider_context,
    shared_endpoint_url,
    webhook_urls,
)
from services.connections.ending import end
from services.connections.notes import note_failure, note_success
from services.connections.saving import (
    Draft,
    add_check,
    describe_check,
    milliseconds_since,
    prove,
    require_agent,
    require_webhook_secret,
    save,
    store_channels,
)
from services.connections.views import (
    CheckView,
    ConnectionView,
    CredentialHint,
    PhoneNumberView,
    RefusalView,
    WebhookUrlView,
)
from services.kernel.db import UnitOfWork
from services.kernel.errors import Conflict, InvalidInput, NotFound, PatchbayError, Refused
from services.kernel.kernel import Kernel
from services.provider_kit import fields, registry
from services.provider_kit.auth import Pasted
from services.provider_kit.contract import Capability, ProviderContext, ProviderManifest
from services.tenants import Actor, Permission, require

_REFUSALS_SHOWN = timedelta(hours=24)

ResultT = TypeVar("ResultT")


def list_connections(
    kernel: Kernel, *, actor: Actor, agent_id: UUID | None = None, provider: str | None = None
) -> tuple[ConnectionView, ...]:
    """Return the tenant's connections, the oldest first, disconnected ones included.

    Args:
        kernel: the process's seams.
        actor: who asks.
        agent_id: only this agent's.
        provider: only this provider's.

    Raises:
        Forbidden
    """
    require(actor, Permission.CONNECTIONS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        rows = repository.list_connections(
            work.session, tenant_id=actor.tenant_id, agent_id=agent_id, provider=provider
        )
        return _build_views(kernel, work, rows)


def get_connection(kernel: Kernel, *, actor: Actor, connection_id: UUID) -> ConnectionView:
    """Return one connection.

    Raises:
        NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        return _view(kernel, work, connection_id)


def connect_with_keys(
    kernel: Kernel,
    *,
    actor: Actor,
    provider: str,
    scheme_id: str,
    agent_id: UUID | None,
    values: Mapping[str, object],
) -> ConnectionView:
    """Connect an account by keys from the provider's console; nothing is saved before the provider accepted them.

    Connecting an account again that was disconnected, or whose credential was refused, keeps the connection's id.

    Args:
        kernel: the process's seams.
        actor: who connects.
        provider: its slug.
        scheme_id: which of the manifest's ways.
        agent_id: the agent it is for; None for the whole tenant.
        values: what was typed, by field name.

    Raises:
        InvalidInput: a value is missing or looks wrong; names the field.
        Refused: the provider does not accept the credential (``invalid_auth``), or it cannot check webhooks.
        Conflict: the account is connected for this agent already.
        RetryLater: the provider could not be reached.
        NotFound: no such provider or agent.
        Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    manifest = registry.get_manifest(provider)
    scheme = _find_pasted(manifest, scheme_id)
    with kernel.unit_of_work(actor.tenant_id) as work:
        require_agent(work, agent_id)
    checked = fields.validate(scheme.fields, values)
    require_webhook_secret(
        kernel,
        manifest,
        secrets=checked.secrets,
        message=f"Without its signing secret nobody can tell {manifest.name}'s messages from forged ones. Fill it in.",
    )
    proof = prove(kernel, manifest, secrets=checked.secrets, settings=checked.settings)
    draft = Draft(
        manifest=manifest,
        auth_scheme=scheme.id,
        agent_id=agent_id,
        uses_operator_app=False,
        secrets=checked.secrets,
        settings=checked.settings,
        scopes=proof.account.scopes,
        proof=proof,
    )
    with kernel.unit_of_work(actor.tenant_id) as work:
        connection_id = save(kernel, work, actor=actor, draft=draft)
        return _view(kernel, work, connection_id)


def test_connection(kernel: Kernel, *, actor: Actor, connection_id: UUID) -> CheckView:
    """Make the cheapest call that proves the credential, and keep the result.

    A failed test is a result, not an exception.

    Raises:
        Conflict: the connection is disconnected.
        NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        connection = _get_open(work, connection_id)
        context = provider_context(kernel, work, connection)
    started = time.perf_counter()
    error: PatchbayError | None = None
    summary = ""
    try:
        account = registry.client(connection.provider).verify_credentials(_client(connection, context))
        _require_same_account(connection, account.id)
        summary = describe_check(account)
    except PatchbayError as problem:
        error, summary = problem, problem.message
    duration_ms = milliseconds_since(started)
    with kernel.unit_of_work(actor.tenant_id) as work:
        current = _get(work, connection_id)
        if error is None:
            note_success(work, current, now=kernel.clock.now())
        else:
            note_failure(work, current, error, now=kernel.clock.now(), is_check=True)
        check = add_check(
            kernel,
            work,
            connection_id=connection_id,
            succeeded=error is None,
            summary=summary,
            duration_ms=duration_ms,
        )
        audit.record(
            work,
            actor=actor,
            action="connection.tested",
            object_kind="connection",
            object_id=connection_id,
            detail={"succeeded": error is None},
        )
        work.notify("connection", connection_id)
        return _check_view(check)


def disconnect(kernel: Kernel, *, actor: Actor, connection_id: UUID) -> ConnectionView:
    """Forget a connection's secrets at once and close its addresses; history stays, and so does its id.

    Disconnecting twice does no harm.

    Raises:
        NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        connection = _get(work, connection_id, for_update=True)
        repository.delete_endpoints(work.session, tenant_id=actor.tenant_id, connection_id=connection_id)
        if connection.status is not ConnectionStatus.DISCONNECTED:
            repository.delete_credentials(work.session, tenant_id=actor.tenant_id, connection_id=connection_id)
            end(
                work,
                connection,
                actor=actor,
                action="connection.disconnected",
                reason="Disconnected",
                now=kernel.clock.now(),
            )
        return _view(kernel, work, connection_id)


def sync_numbers(kernel: Kernel, *, actor: Actor, connection_id: UUID) -> ConnectionView:
    """Fetch the connection's numbers from the provider; numbers that stay keep their agents.

    Raises:
        Refused: the provider has no numbers, or refuses to list them.
        NeedsReauth, RetryLater, Conflict, NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        connection = _get_open(work, connection_id)
        context = provider_context(kernel, work, connection)
    channels = _call(
        kernel, connection, lambda: registry.channels(connection.provider).list_channels(_client(connection, context))
    )
    with kernel.unit_of_work(actor.tenant_id) as work:
        current = _get_open(work, connection_id, for_update=True)
        store_channels(kernel, work, current, channels)
        audit.record(
            work,
            actor=actor,
            action="connection.numbers_synced",
            object_kind="connection",
            object_id=connection_id,
            detail={"count": len(channels)},
        )
        work.notify("connection", connection_id)
        return _view(kernel, work, connection_id)


def assign_number(
    kernel: Kernel, *, actor: Actor, connection_id: UUID, number_id: UUID, agent_id: UUID | None
) -> ConnectionView:
    """Let an agent answer on a number: the provider is told first, and nothing changes if it refuses.

    Args:
        kernel: the process's seams.
        actor: who assigns.
        connection_id: whose number.
        number_id: which number.
        agent_id: who answers there; None takes the number from its agent.

    Raises:
        Refused: the provider does not let us answer on this number.
        NeedsReauth, RetryLater, Conflict, NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        connection = _get_open(work, connection_id)
        number = _get_number(work, connection_id=connection_id, number_id=number_id)
        require_agent(work, agent_id)
        context = provider_context(kernel, work, connection)
        urls = webhook_urls(kernel, work, connection)
    if agent_id is not None:
        _call(kernel, connection, lambda: _route(_client(connection, context), connection, number, urls))
    with kernel.unit_of_work(actor.tenant_id) as work:
        _get_open(work, connection_id, for_update=True)
        current = _get_number(work, connection_id=connection_id, number_id=number_id)
        agent_name = require_agent(work, agent_id)
        current.agent_id = agent_id
        current.updated_at = kernel.clock.now()
        work.session.add(current)
        work.session.flush()
        audit.record(
            work,
            actor=actor,
            action="connection.number_assigned" if agent_id else "connection.number_released",
            object_kind="connection",
            object_id=connection_id,
            detail={"number_id": str(number_id), "agent_id": str(agent_id) if agent_id else None, "agent": agent_name},
        )
        work.notify("connection", connection_id)
        return _view(kernel, work, connection_id)


def _client(connection: Connection, context: ProviderContext) -> Any:
    return registry.client(connection.provider).build_client(context)


def _call(kernel: Kernel, connection: Connection, call: Callable[[], ResultT]) -> ResultT:
    """Call the provider outside any transaction; what it refuses shows on the card."""
    try:
        return call()
    except PatchbayError as error:
        with kernel.unit_of_work(connection.tenant_id) as work:
            note_failure(work, connection, error, now=kernel.clock.now())
        raise


def _route(client: Any, connection: Connection, number: PhoneNumber, urls: Mapping[str, str]) -> None:
    """Tell the provider to call us for a number; what the number can do is asked afresh."""
    module = registry.channels(connection.provider)
    channel = next((item for item in module.list_channels(client) if item.id == number.external_id), None)
    if channel is None:
        raise Refused(
            "This number is not on the connected account any more. Fetch the numbers again.",
            code="number_gone",
            provider=connection.provider,
        )
    module.route_channel(client, channel, webhook_urls=urls)


def _require_same_account(connection: Connection, account_id: str) -> None:
    if account_id != connection.external_account_id:
        raise Refused(
            f"The credential is now for another account than “{connection.external_account_name}”. Connect again.",
            code="other_account",
            provider=connection.provider,
        )


def _find_pasted(manifest: ProviderManifest, scheme_id: str) -> Pasted:
    schemes = {scheme.id: scheme for scheme in manifest.auth if isinstance(scheme, Pasted)}
    if scheme_id not in schemes:
        known = ", ".join(schemes) or "none"
        raise InvalidInput(
            f"{manifest.name} is not connected by keys this way; ways with keys: {known}.",
            field="scheme_id",
            provider=manifest.slug,
        )
    return schemes[scheme_id]


def _get(work: UnitOfWork, connection_id: UUID, *, for_update: bool = False) -> Connection:
    connection = repository.find_connection(
        work.session, tenant_id=work.tenant_id, connection_id=connection_id, for_update=for_update
    )
    if connection is None:
        raise NotFound("There is no such connection.", code="unknown_connection")
    return connection


def _get_open(work: UnitOfWork, connection_id: UUID, *, for_update: bool = False) -> Connection:
    connection = _get(work, connection_id, for_update=for_update)
    if connection.status is ConnectionStatus.DISCONNECTED:
        raise Conflict("This connection is disconnected. Connect the account again first.", code="disconnected")
    return connection


def _get_number(work: UnitOfWork, *, connection_id: UUID, number_id: UUID) -> PhoneNumber:
    number = repository.find_number(
        work.session, tenant_id=work.tenant_id, connection_id=connection_id, number_id=number_id
    )
    if number is None:
        raise NotFound("There is no such number on this connection. Fetch the numbers again.", code="unknown_number")
    return number


def _view(kernel: Kernel, work: UnitOfWork, connection_id: UUID) -> ConnectionView:
    rows = repository.list_connections(work.session, tenant_id=work.tenant_id, connection_id=connection_id)
    if not rows:
        raise NotFound("There is no such connection.", code="unknown_connection")
    return _build_views(kernel, work, rows)[0]


def _build_views(
    kernel: Kernel, work: UnitOfWork, rows: Sequence[tuple[Connection, str | None]]
) -> tuple[ConnectionView, ...]:
    """Build views with one statement per kind of detail, however many connections there are."""
    details = _Details(kernel, work, [connection.id for connection, _ in rows])
    return tuple(details.view(connection, agent_name or "") for connection, agent_name in rows)


class _Details:
    """What the views of some connections need, read once and kept by connection."""

    def __init__(self, kernel: Kernel, work: UnitOfWork, connection_ids: Sequence[UUID]) -> None:
        self._settings = kernel.settings
        session, where = work.session, {"tenant_id": work.tenant_id}
        since = kernel.clock.now() - _REFUSALS_SHOWN
        self._hints = repository.list_hints(session, **where, connection_ids=connection_ids)
        self._endpoints = repository.list_endpoints(session, **where, connection_ids=connection_ids)
        self._checks = repository.list_last_checks(session, **where, connection_ids=connection_ids)
        self._numbers = repository.list_numbers(session, **where, connection_ids=connection_ids)
        self._refusals = repository.list_refusals(session, **where, connection_ids=connection_ids, since=since)

    def view(self, connection: Connection, agent_name: str) -> ConnectionView:
        """Return one connection as shown."""
        manifest = registry.get_manifest(connection.provider)
        check = next((check for check in self._checks if check.connection_id == connection.id), None)
        return ConnectionView(
            id=connection.id,
            provider=connection.provider,
            provider_name=manifest.name,
            category=manifest.category,
            agent_id=connection.agent_id,
            agent_name=agent_name,
            status=connection.status.value,
            auth_scheme=connection.auth_scheme,
            uses_operator_app=connection.uses_operator_app,
            external_account_id=connection.external_account_id,
            external_account_name=connection.external_account_name,
            account_noun=manifest.account_noun,
            scopes=tuple(connection.scopes),
            settings=dict(connection.settings),
            credential_hints=self._credential_hints(connection, manifest),
            connected_at=connection.connected_at,
            connected_by=connection.connected_by,
            last_event_at=connection.last_event_at,
            last_error=connection.last_error,
            last_error_at=connection.last_error_at,
            error_count=connection.error_count,
            last_check=_check_view(check) if check else None,
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

    def _credential_hints(self, connection: Connection, manifest: ProviderManifest) -> tuple[CredentialHint, ...]:
        labels = {field.name: field.label for field in manifest.fields()}
        return tuple(
            CredentialHint(name=name, label=labels.get(name, name.replace("_", " ").capitalize()), hint=hint)
            for connection_id, name, hint in self._hints
            if connection_id == connection.id
        )

    def _webhook_urls(self, connection: Connection, manifest: ProviderManifest) -> tuple[WebhookUrlView, ...]:
        tokens = [item.token for item in self._endpoints if item.connection_id == connection.id]
        if not tokens or Capability.WEBHOOKS not in manifest.capabilities:
            return ()
        return tuple(
            WebhookUrlView(
                kind=kind.name,
                label=kind.label,
                url=shared_endpoint_url(self._settings, provider=connection.provider, kind=kind.name)
                if connection.uses_operator_app and kind.shared
                else endpoint_url(self._settings, provider=connection.provider, token=tokens[-1], kind=kind.name),
                pasted_into=kind.pasted_into,
            )
            for kind in manifest.webhooks
        )


def _check_view(check: ConnectionCheck) -> CheckView:
    return CheckView(
        succeeded=check.succeeded,
        summary=check.summary,
        duration_ms=check.duration_ms or 0,
        created_at=check.created_at,
    )
