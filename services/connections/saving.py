"""Proves a credential with the provider, then saves the connection in one transaction."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models import Connection, ConnectionCheck, ConnectionStatus, PhoneNumber, WebhookEndpoint
from services import audit
from services.audit.service import Detail
from services.connections import repository
from services.connections.clients import build_context
from services.connections.credentials import replace_credentials
from services.connections.life import change_status
from services.connections.preparing import prepare, store_domains
from services.connections.repairs import find_existing
from services.connections.token_times import DIES_AT
from services.kernel.db import UnitOfWork
from services.kernel.errors import NeedsReauth, NotFound, Refused, Unauthenticated
from services.kernel.ids import new_id, new_token
from services.kernel.kernel import Kernel
from services.kernel.secret import Secret
from services.provider_kit import registry
from services.provider_kit.contract import (
    Capability,
    ExternalAccount,
    ExternalChannel,
    ProviderManifest,
    SendingDomain,
    WebhookRequest,
)
from services.tenants import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the provider said about a credential that is not saved yet."""

    account: ExternalAccount
    channels: Sequence[ExternalChannel]
    domains: Sequence[SendingDomain]
    duration_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A proven connection, ready to save."""

    manifest: ProviderManifest
    auth_scheme: str
    agent_id: UUID | None
    uses_operator_app: bool
    secrets: Mapping[str, Secret]
    settings: Mapping[str, str]
    scopes: Sequence[str]
    proof: Proof
    provider_app_id: UUID | None = None
    """The tenant's own app, if it came through one."""
    connection_id: UUID | None = None
    """The connection to repair, if one was named."""
    token_expires_at: datetime | None = None
    refresh_due_at: datetime | None = None


def prove(
    kernel: Kernel, manifest: ProviderManifest, *, secrets: Mapping[str, Secret], settings: Mapping[str, str]
) -> Proof:
    """Ask the provider whose credential it is, and for the places that can be assigned to agents.

    Runs outside any transaction; every call has the outbound client's deadline.

    Raises:
        Refused: with code ``invalid_auth`` if the provider does not accept the credential.
        RetryLater: the provider could not be reached.
    """
    module = registry.client(manifest.slug)
    started = time.perf_counter()
    try:
        client = module.build_client(build_context(kernel, manifest, secrets=secrets, settings=settings))
        account = module.verify_credentials(client)
        duration_ms = milliseconds_since(started)
        channels: Sequence[ExternalChannel] = ()
        if Capability.CHANNELS in manifest.capabilities:
            channels = registry.channels(manifest.slug).list_channels(client)
        domains: Sequence[SendingDomain] = ()
        if Capability.DOMAINS in manifest.capabilities:
            domains = registry.domains(manifest.slug).list_domains(client)
    except NeedsReauth as error:
        raise Refused(
            f"{manifest.name} does not accept this. Copy the keys again, each one whole, and try once more.",
            code="invalid_auth",
            provider=manifest.slug,
            status=error.status,
            request_id=error.request_id,
        ) from error
    return Proof(account=account, channels=channels, domains=domains, duration_ms=duration_ms)


def milliseconds_since(started: float) -> int:
    """Return the time passed since a reading of ``time.perf_counter``."""
    return round((time.perf_counter() - started) * 1000)


def require_webhook_secret(
    kernel: Kernel, manifest: ProviderManifest, *, secrets: Mapping[str, Secret], message: str
) -> None:
    """Refuse a connection whose webhooks nobody could check: the provider's own module is asked.

    Raises:
        Refused: with code ``no_signing_secret``.
    """
    if Capability.WEBHOOKS not in manifest.capabilities or manifest.webhook_proof == "subscription":
        return
    for kind in manifest.webhooks:
        request = WebhookRequest(kind=kind.name, url=kernel.settings.public_url, headers={}, body=b"")
        try:
            registry.webhooks(manifest.slug).authenticate(request, secrets=secrets, now=kernel.clock.now())
        except Unauthenticated as error:
            if error.code == "no_secret":
                raise Refused(message, code="no_signing_secret", provider=manifest.slug) from error


def describe_check(account: ExternalAccount) -> str:
    """Return what a successful test proved, in words."""
    who = f"Signed in as {account.identity} at {account.name}" if account.identity else f"Signed in at {account.name}"
    return f"{who} ({account.proof})" if account.proof else who


def save(kernel: Kernel, work: UnitOfWork, *, actor: Actor, draft: Draft) -> UUID:
    """Save a proven connection, or repair the one that this account and agent had; the id then stays.

    Returns:
        The connection's id.

    Raises:
        NotFound: the agent, or the connection to repair, is not there.
        Refused: the connection to repair is to another account; ``other_account``.
        Conflict: the account is connected for this agent already.
    """
    manifest, account, now = draft.manifest, draft.proof.account, kernel.clock.now()
    existing = find_existing(
        work, manifest=manifest, account=account, agent_id=draft.agent_id, connection_id=draft.connection_id
    )
    require_agent(work, existing.agent_id if existing else draft.agent_id)
    connection = existing or Connection(
        tenant_id=work.tenant_id,
        id=new_id(),
        provider=manifest.slug,
        agent_id=draft.agent_id,
        status=ConnectionStatus.PENDING,
        auth_scheme=draft.auth_scheme,
        created_at=now,
        updated_at=now,
    )
    connection.auth_scheme = draft.auth_scheme
    connection.uses_operator_app = draft.uses_operator_app
    connection.provider_app_id = draft.provider_app_id
    connection.token_expires_at = draft.token_expires_at
    connection.refresh_due_at = draft.refresh_due_at
    connection.external_account_id = account.id
    connection.external_account_name = account.name
    connection.scopes = list(draft.scopes)
    settings = {**connection.settings, **draft.settings, **account.details}
    if not settings.get(DIES_AT):  # what an earlier grant said of its own end
        settings.pop(DIES_AT, None)
    connection.settings = settings
    connection.connected_by = actor.label
    connection.connected_at = now
    connection.last_error = ""
    connection.error_count = 0
    connection.updated_at = now
    work.session.add(connection)
    work.session.flush()
    replace_credentials(kernel, work, connection, draft.secrets)
    _ensure_endpoint(kernel, work, connection)
    store_channels(kernel, work, connection, draft.proof.channels)
    store_domains(work, connection, draft.proof.domains, now=now)
    prepare(work, connection, manifest, now=now)
    add_check(
        kernel,
        work,
        connection_id=connection.id,
        succeeded=True,
        summary=describe_check(account),
        duration_ms=draft.proof.duration_ms,
    )
    _note_connected(work, connection, actor=actor, draft=draft, is_repair=existing is not None, now=now)
    return connection.id


def _note_connected(
    work: UnitOfWork, connection: Connection, *, actor: Actor, draft: Draft, is_repair: bool, now: datetime
) -> None:
    """Put the connection into use, or leave it paused, and write down who did that; also if nothing was broken."""
    action = "connection.reconnected" if is_repair else "connection.created"
    detail: dict[str, Detail] = {
        "auth_scheme": draft.auth_scheme,
        "external_account_id": connection.external_account_id,
        "external_account_name": connection.external_account_name,
        "agent_id": str(connection.agent_id) if connection.agent_id else None,
        "own_app_id": str(draft.provider_app_id) if draft.provider_app_id else None,
    }
    is_paused = connection.status is ConnectionStatus.PAUSED
    changed = change_status(
        work,
        connection,
        to=ConnectionStatus.PAUSED if is_paused else ConnectionStatus.ACTIVE,
        reason="Connected again" if is_repair else "Connected",
        actor=actor,
        now=now,
        action=action,
        detail=detail,
    )
    if not changed:
        audit.record(
            work,
            actor=actor,
            action=action,
            object_kind="connection",
            object_id=connection.id,
            detail={"provider": connection.provider, **detail},
        )
        work.notify("connection", connection.id)


def require_agent(work: UnitOfWork, agent_id: UUID | None) -> str:
    """Return the agent's name; empty for none.

    Raises:
        NotFound: the tenant has no such agent.
    """
    if agent_id is None:
        return ""
    name = repository.find_agent_name(work.session, tenant_id=work.tenant_id, agent_id=agent_id)
    if name is None:
        raise NotFound("There is no such agent. Choose one from the list.", code="unknown_agent")
    return name


def store_channels(
    kernel: Kernel, work: UnitOfWork, connection: Connection, channels: Sequence[ExternalChannel]
) -> None:
    """Make the stored numbers those that the provider lists; a number that stays keeps its agent."""
    now = kernel.clock.now()
    stored = {
        number.number: number
        for number, _ in repository.list_numbers(work.session, tenant_id=work.tenant_id, connection_ids=[connection.id])
    }
    for channel in channels:
        number = stored.pop(channel.address, None) or PhoneNumber(
            tenant_id=work.tenant_id,
            id=new_id(),
            connection_id=connection.id,
            external_id=channel.id,
            number=channel.address,
            updated_at=now,
        )
        number.external_id = channel.id
        number.label = channel.label
        number.updated_at = now
        work.session.add(number)
    for gone in stored.values():
        work.session.delete(gone)
    work.session.flush()


def add_check(
    kernel: Kernel, work: UnitOfWork, *, connection_id: UUID, succeeded: bool, summary: str, duration_ms: int
) -> ConnectionCheck:
    """Keep the result of a test."""
    check = ConnectionCheck(
        tenant_id=work.tenant_id,
        id=new_id(),
        connection_id=connection_id,
        succeeded=succeeded,
        summary=summary,
        duration_ms=duration_ms,
        created_at=kernel.clock.now(),
    )
    work.session.add(check)
    work.session.flush()
    return check


def _ensure_endpoint(kernel: Kernel, work: UnitOfWork, connection: Connection) -> None:
    """Keep the address that may be pasted at the provider already; make one if there is none."""
    if repository.list_endpoints(work.session, tenant_id=work.tenant_id, connection_ids=[connection.id]):
        return
    work.session.add(
        WebhookEndpoint(
            tenant_id=work.tenant_id,
            id=new_id(),
            connection_id=connection.id,
            provider=connection.provider,
            token=new_token(bits=128),
            created_at=kernel.clock.now(),
        )
    )
    work.session.flush()
