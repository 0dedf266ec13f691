"""Opens a connection's secrets for the length of one call, and says which addresses are whose."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from models import Connection, ConnectionStatus
from models import ProviderApp as OwnApp
from services import vault
from services.connections import app_repository, repository
from services.kernel.db import UnitOfWork
from services.kernel.errors import ConfigurationError, RetryLater
from services.kernel.kernel import Kernel
from services.kernel.secret import Secret
from services.kernel.settings import ProviderApp, Settings
from services.provider_kit import registry
from services.provider_kit.contract import Capability, ProviderContext, ProviderManifest

CREDENTIAL_TABLE = "credential"
CREDENTIAL_COLUMN = "sealed"
APP_TABLE = "provider_app"
OPERATOR_SECRET = "signing_secret"
"""Name under which a provider's webhooks find the secret of the app, the operator's or the tenant's own."""
RENEWED = (ConnectionStatus.ACTIVE, ConnectionStatus.DEGRADED, ConnectionStatus.PAUSED)
"""Statuses in which a connection's token is kept alive; a paused one must still be able to go on."""
USABLE = timedelta(seconds=60)
"""How long a token must still live for a call to begin with it."""


class TokenRunOut(RetryLater):
    """The access token is over: end the transaction, renew it with ``keep_fresh``, and start again."""

    def __init__(self, connection: Connection) -> None:
        super().__init__("The access is being renewed. Try again in a moment.", code="token_run_out")
        self.connection_id = connection.id


def addresses(settings: Settings, manifest: ProviderManifest) -> dict[str, str]:
    """Return the provider's addresses in force, by the manifest's names.

    Raises:
        ConfigurationError: an address carries a user name or password.
    """
    found = {
        name: settings.provider_url(manifest.slug, name, default=url.default) for name, url in manifest.urls.items()
    }
    for name, address in found.items():
        if "@" in urlsplit(address).netloc:
            raise ConfigurationError(
                f"PATCHBAY_{manifest.slug}_{name}_URL".upper() + " must not contain a user name or password."
            )
    return found


def build_context(
    kernel: Kernel, manifest: ProviderManifest, *, secrets: Mapping[str, Secret], settings: Mapping[str, str]
) -> ProviderContext:
    """Return what the provider's client is built from; lives for one call."""
    return ProviderContext(
        http=kernel.http,
        urls=addresses(kernel.settings, manifest),
        secrets=secrets,
        settings=settings,
        public_url=kernel.settings.public_url,
    )


def provider_context(kernel: Kernel, work: UnitOfWork, connection: Connection) -> ProviderContext:
    """Open a connection's secrets for one call.

    The context outlives the transaction: take it, end the unit of work, then call the provider.

    Raises:
        TokenRunOut: the token is over; it cannot be renewed within a transaction.
    """
    if can_be_renewed(connection) and not is_usable(connection, now=kernel.clock.now()):
        raise TokenRunOut(connection)
    return build_context(
        kernel,
        registry.get_manifest(connection.provider),
        secrets=open_secrets(kernel, work, connection),
        settings=dict(connection.settings),
    )


def open_client(kernel: Kernel, work: UnitOfWork, connection: Connection) -> Any:
    """Return the provider's client for a connection, ready to call.

    Raises:
        NeedsReauth: the connection holds no credential.
        TokenRunOut: its token is over; :func:`services.connections.refresh.with_fresh_token` takes care of that.
    """
    context = provider_context(kernel, work, connection)
    return registry.client(connection.provider).build_client(context)


def can_be_renewed(connection: Connection) -> bool:
    """Return whether the connection's token ends, and is kept alive by renewing it."""
    return connection.refresh_due_at is not None and connection.status in RENEWED


def is_usable(connection: Connection, *, now: datetime) -> bool:
    """Return whether a call may begin with the connection's token."""
    return connection.token_expires_at is None or connection.token_expires_at - now >= USABLE


def open_secrets(kernel: Kernel, work: UnitOfWork, connection: Connection) -> dict[str, Secret]:
    """Return a connection's own secrets by name."""
    credentials = repository.list_credentials(work.session, tenant_id=work.tenant_id, connection_id=connection.id)
    return {
        credential.name: vault.reveal(
            work,
            kernel,
            table=CREDENTIAL_TABLE,
            column=CREDENTIAL_COLUMN,
            row_id=credential.id,
            sealed=credential.sealed,
        )
        for credential in credentials
    }


def webhook_secrets(kernel: Kernel, work: UnitOfWork, connection: Connection) -> Mapping[str, Secret]:
    """Return what proves a webhook: the secret of the app, the connection's own, or its subscriptions' tokens.

    Returns:
        Secrets by name; empty if there are none, and then the provider's module refuses every request.
    """
    if registry.get_manifest(connection.provider).webhook_proof == "subscription":
        return subscription_secrets(kernel, work, connection)
    if connection.provider_app_id is not None:
        app = app_repository.find_app(work.session, tenant_id=work.tenant_id, app_id=connection.provider_app_id)
        return own_app_secrets(kernel, work, app) if app else {}
    if not connection.uses_operator_app:
        return open_secrets(kernel, work, connection)
    registered = find_operator_app(kernel.settings, connection.provider)
    return operator_secrets(registered) if registered else {}


def subscription_secrets(kernel: Kernel, work: UnitOfWork, connection: Connection) -> dict[str, Secret]:
    """Return, for each of a connection's subscriptions, its id → the provider's resource id, a space, the token."""
    rows = repository.list_subscriptions(work.session, tenant_id=work.tenant_id, connection_id=connection.id)
    tokens = {
        row.external_id: vault.reveal(
            work, kernel, table="subscription", column="sealed_token", row_id=row.id, sealed=row.sealed_token
        )
        for row in rows
    }
    return {row.external_id: Secret(f"{row.external_resource_id} {tokens[row.external_id].reveal()}") for row in rows}


def own_app_secrets(kernel: Kernel, work: UnitOfWork, app: OwnApp) -> dict[str, Secret]:
    """Return the secrets that one of the tenant's own apps signs webhooks with."""
    if app.sealed_signing_secret is None:
        return {}
    secret = vault.reveal(
        work,
        kernel,
        table=APP_TABLE,
        column="sealed_signing_secret",
        row_id=app.id,
        sealed=app.sealed_signing_secret,
    )
    return {OPERATOR_SECRET: secret}


def find_operator_app(settings: Settings, provider: str) -> ProviderApp | None:
    """Return the app that the operator registered at a provider, if its id and secret are set."""
    app = settings.provider_apps.get(provider)
    return app if app and app.client_id.strip() and app.client_secret.get_secret_value().strip() else None


def operator_secrets(app: ProviderApp) -> dict[str, Secret]:
    """Return the secrets that the operator's app signs webhooks with."""
    secret = Secret(app.signing_secret.get_secret_value())
    return {OPERATOR_SECRET: secret} if secret else {}


def endpoint_url(settings: Settings, *, provider: str, token: str, kind: str) -> str:
    """Return the address of one kind of webhook of one endpoint."""
    return f"{settings.public_url}/api/ai-agents/webhooks/{registry.address_of(provider)}/{token}/{kind}"


def shared_endpoint_url(settings: Settings, *, provider: str, kind: str) -> str:
    """Return the address that is called for all tenants."""
    is_default = any(item.default for item in registry.get_manifest(provider).webhooks if item.name == kind)
    address = f"{settings.public_url}/api/ai-agents/webhooks/{registry.address_of(provider)}"
    return address if is_default else f"{address}/{kind}"


def webhook_urls(kernel: Kernel, work: UnitOfWork, connection: Connection) -> dict[str, str]:
    """Return webhook kind → address of a connection's own endpoint; empty if it has none."""
    manifest = registry.get_manifest(connection.provider)
    endpoints = repository.list_endpoints(work.session, tenant_id=work.tenant_id, connection_ids=[connection.id])
    if not endpoints or Capability.WEBHOOKS not in manifest.capabilities:
        return {}
    return {
        kind.name: endpoint_url(
            kernel.settings, provider=connection.provider, token=endpoints[-1].token, kind=kind.name
        )
        for kind in manifest.webhooks
    }


def webhook_url(kernel: Kernel, work: UnitOfWork, connection: Connection, *, kind: str) -> str:
    """Return the address of one kind of webhook of a connection; empty if the provider has no such kind."""
    return webhook_urls(kernel, work, connection).get(kind, "")


def find_connections_for_account(
    kernel: Kernel, *, provider: str, account_ids: Collection[str]
) -> Sequence[tuple[UUID, UUID]]:
    """Return (tenant id, connection id) of what a request to a shared address may be about.

    Args:
        kernel: the process's seams.
        provider: its slug.
        account_ids: what the request names: external accounts, or subscriptions of ours where those prove it.

    The ids come from a request that nothing has proven yet: a candidate counts only after the signature has
    been checked with its own secret.
    """
    if not account_ids:
        return ()
    with kernel.unscoped_session("connections.find_by_account") as session:
        if registry.get_manifest(provider).webhook_proof == "subscription":
            return repository.list_subscribed_connections(session, subscription_ids=account_ids)
        return repository.list_account_connections(session, provider=provider, account_ids=account_ids)
