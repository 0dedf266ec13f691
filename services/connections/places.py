"""Which app a walk or a renewal speaks for: the operator's, or one of the tenant's own. Never a guess."""

from uuid import UUID

from models import Connection
from services import vault
from services.connections import app_repository
from services.connections.catalogue import missing_app
from services.connections.clients import (
    APP_TABLE,
    addresses,
    find_operator_app,
    operator_secrets,
    own_app_secrets,
)
from services.connections.grants import AppAtProvider
from services.connections.saving import require_webhook_secret
from services.kernel.db import UnitOfWork
from services.kernel.errors import NotFound, Refused
from services.kernel.kernel import Kernel
from services.kernel.secret import Secret
from services.provider_kit import registry
from services.provider_kit.auth import OAuth2
from services.provider_kit.contract import ProviderManifest


def find_scheme(provider: str) -> tuple[ProviderManifest, OAuth2]:
    """Return a provider's manifest and its OAuth scheme.

    Raises:
        NotFound: there is no such provider, or it has no OAuth.
    """
    manifest = registry.get_manifest(provider)
    if manifest.oauth is None:
        raise NotFound(f"{manifest.name} does not connect by OAuth.", code="no_oauth", provider=manifest.slug)
    return manifest, manifest.oauth


def find_place(
    kernel: Kernel, work: UnitOfWork, *, manifest: ProviderManifest, scheme: OAuth2, app_id: UUID | None
) -> AppAtProvider:
    """Return an app with its id and secret, ready for one call.

    Args:
        kernel: the process's seams.
        work: the unit of work of the app's tenant.
        manifest: the provider.
        scheme: how it connects.
        app_id: the tenant's own app; None for the operator's.

    Raises:
        NotFound: the tenant has no such app at this provider.
        Refused: the operator has not set the app up; ``not_configured``, the message names the setting.
    """
    client_id, client_secret = _keys(kernel, work, manifest, app_id)
    return AppAtProvider(
        manifest=manifest,
        scheme=scheme,
        client_id=client_id,
        client_secret=client_secret,
        urls=addresses(kernel.settings, manifest),
    )


def find_ready_place(
    kernel: Kernel, work: UnitOfWork, *, manifest: ProviderManifest, scheme: OAuth2, app_id: UUID | None
) -> AppAtProvider:
    """Return an app that a connection may be made through; see :func:`find_place`.

    Raises:
        NotFound, Refused: as :func:`find_place`, and ``no_signing_secret`` if nobody could check its webhooks.
    """
    place = find_place(kernel, work, manifest=manifest, scheme=scheme, app_id=app_id)
    if app_id is None:
        app = find_operator_app(kernel.settings, manifest.slug)
        secrets = operator_secrets(app) if app else {}
        lack, remedy = f"PATCHBAY_PROVIDER_APPS has no signing_secret for {manifest.slug}", "Add it, then restart."
    else:
        own = app_repository.find_app(work.session, tenant_id=work.tenant_id, app_id=app_id)
        secrets = own_app_secrets(kernel, work, own) if own else {}
        lack, remedy = "Your app has no signing secret here", "Add it."
    require_webhook_secret(
        kernel,
        manifest,
        secrets=secrets,
        message=f"{lack}; without it nobody can tell {manifest.name}'s messages from forged ones. {remedy}",
    )
    return place


def place_of(kernel: Kernel, work: UnitOfWork, connection: Connection) -> AppAtProvider:
    """Return the app that a connection was made through; see :func:`find_place`."""
    manifest, scheme = find_scheme(connection.provider)
    return find_place(kernel, work, manifest=manifest, scheme=scheme, app_id=connection.provider_app_id)


def _keys(kernel: Kernel, work: UnitOfWork, manifest: ProviderManifest, app_id: UUID | None) -> tuple[str, Secret]:
    if app_id is not None:
        own = app_repository.find_app(work.session, tenant_id=work.tenant_id, app_id=app_id)
        if own is None or own.provider != manifest.slug:
            raise NotFound(
                "This app was deleted in the meantime. Choose another one and start again.",
                code="unknown_app",
                provider=manifest.slug,
            )
        column, sealed = "sealed_client_secret", own.sealed_client_secret
        return own.client_id, vault.reveal(work, kernel, table=APP_TABLE, column=column, row_id=own.id, sealed=sealed)
    app = find_operator_app(kernel.settings, manifest.slug)
    if app is None:
        raise Refused(
            f"{missing_app(kernel.settings, manifest)}. Set it to the app's client_id, client_secret and"
            " signing_secret, then restart.",
            code="not_configured",
            provider=manifest.slug,
        )
    return app.client_id, Secret(app.client_secret.get_secret_value())
