"""The tenant's own apps at providers, and their keys.

Consent may be asked for the operator's app or for one of these; which, is always said. A connection keeps the app it
came through: its renewals and its webhooks are checked with that app's secrets.
"""

from collections.abc import Mapping
from uuid import UUID

from models import ProviderApp
from services import audit, vault
from services.connections import app_repository
from services.connections.app_guide import app_fields, list_changes
from services.connections.clients import APP_TABLE, OPERATOR_SECRET
from services.connections.places import find_scheme
from services.connections.saving import require_webhook_secret
from services.connections.views import ProviderAppView
from services.kernel.db import UnitOfWork
from services.kernel.errors import Conflict, InvalidInput, NotFound
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.secret import Secret
from services.provider_kit import fields, registry
from services.provider_kit.contract import Capability, ProviderManifest
from services.tenants import Actor, Permission, require


def list_apps(kernel: Kernel, *, actor: Actor, provider: str | None = None) -> tuple[ProviderAppView, ...]:
    """Return the tenant's own apps, the oldest first.

    Raises:
        Forbidden
    """
    require(actor, Permission.CONNECTIONS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        rows = app_repository.list_apps(work.session, tenant_id=actor.tenant_id, provider=provider)
        return tuple(_views(work, list(rows)))


def create_app(
    kernel: Kernel, *, actor: Actor, provider: str, values: Mapping[str, object], manifest_version: int = 0
) -> ProviderAppView:
    """Keep the keys of an app that the tenant has registered at a provider.

    Args:
        kernel: the process's seams.
        actor: who registers it.
        provider: its slug.
        values: what was typed, by the names of :func:`describe_app`'s fields.
        manifest_version: the version of the manifest it was made from; 0 if it was made by hand.

    Raises:
        InvalidInput: a value is missing or looks wrong; names the field.
        Conflict: this app is here already.
        NotFound: there is no such provider, or it has no OAuth.
        Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    manifest, _ = find_scheme(provider)
    checked = fields.validate(app_fields(manifest), values)
    _require_known_version(manifest, manifest_version)
    _require_signing_secret(kernel, manifest, checked.secrets)
    now = kernel.clock.now()
    with kernel.unit_of_work(actor.tenant_id) as work:
        client_id = checked.settings["client_id"]
        app_repository.lock_client_id(work.session, tenant_id=actor.tenant_id, provider=provider, client_id=client_id)
        if app_repository.find_app_by_client_id(
            work.session, tenant_id=actor.tenant_id, provider=manifest.slug, client_id=client_id
        ):
            raise Conflict("An app with this Client ID is here already.", code="known_app", provider=manifest.slug)
        app_id = new_id()
        app = ProviderApp(
            tenant_id=actor.tenant_id,
            id=app_id,
            provider=manifest.slug,
            name=checked.settings["name"],
            client_id=client_id,
            sealed_client_secret=b"",
            manifest_version=manifest_version,
            created_at=now,
            updated_at=now,
        )
        _seal(kernel, work, app, checked.secrets)
        work.session.add(app)
        work.session.flush()
        _record(work, actor, app, "connection.app_created")
        return _views(work, [app])[0]


def update_app(
    kernel: Kernel,
    *,
    actor: Actor,
    app_id: UUID,
    values: Mapping[str, object],
    manifest_version: int | None = None,
) -> ProviderAppView:
    """Change an app's name, or its secrets after they were made anew at the provider; what is left out stays.

    The client id stays for good: with another one, no access that was granted could be renewed.

    Raises:
        InvalidInput: a value looks wrong; names the field.
        NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        app = _get(work, app_id, for_update=True)
        manifest = registry.get_manifest(app.provider)
        given = {field.name for field in app_fields(manifest) if values.get(field.name) not in (None, "")}
        if "client_id" in values:
            raise InvalidInput(
                "The Client ID of an app cannot be changed. Add the other app, and connect through it.",
                field="client_id",
            )
        checked = fields.validate([field for field in app_fields(manifest) if field.name in given], values)
        app.name = checked.settings.get("name", app.name)
        if manifest_version is not None:
            _require_known_version(manifest, manifest_version)
            app.manifest_version = manifest_version
        _seal(kernel, work, app, checked.secrets)
        app.updated_at = kernel.clock.now()
        work.session.add(app)
        work.session.flush()
        _record(work, actor, app, "connection.app_updated", secrets=", ".join(sorted(checked.secrets)))
        return _views(work, [app])[0]


def delete_app(kernel: Kernel, *, actor: Actor, app_id: UUID) -> None:
    """Forget an app and its secrets; at the provider it stays.

    Raises:
        Conflict: connections came through it; they could not be renewed any more.
        NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        app = _get(work, app_id, for_update=True)
        uses = app_repository.count_uses(work.session, tenant_id=actor.tenant_id).get(app_id, 0)
        if uses:
            noun = "connection uses" if uses == 1 else "connections use"
            raise Conflict(f"{uses} {noun} this app. Disconnect first.", code="app_in_use", provider=app.provider)
        app_repository.detach_app(work.session, tenant_id=actor.tenant_id, app_id=app_id)
        work.session.delete(app)
        work.session.flush()
        _record(work, actor, app, "connection.app_deleted")


def _seal(kernel: Kernel, work: UnitOfWork, app: ProviderApp, secrets: Mapping[str, Secret]) -> None:
    """Put the given secrets into the row, sealed for their own column of it."""

    def seal(column: str, secret: Secret) -> bytes:
        return vault.seal(work, kernel, table=APP_TABLE, column=column, row_id=app.id, secret=secret)

    if client_secret := secrets.get("client_secret"):
        app.sealed_client_secret = seal("sealed_client_secret", client_secret)
    if signing_secret := secrets.get(OPERATOR_SECRET):
        app.sealed_signing_secret = seal("sealed_signing_secret", signing_secret)


def _require_signing_secret(kernel: Kernel, manifest: ProviderManifest, secrets: Mapping[str, Secret]) -> None:
    own = {name: secret for name, secret in secrets.items() if name == OPERATOR_SECRET}
    message = f"Without its Signing Secret nobody can tell {manifest.name}'s messages from forged ones. Fill it in."
    require_webhook_secret(kernel, manifest, secrets=own, message=message)


def _require_known_version(manifest: ProviderManifest, version: int) -> None:
    if version and (
        Capability.APP_MANIFEST not in manifest.capabilities
        or not registry.app_manifest(manifest.slug).list_parts(version)
    ):
        raise InvalidInput("There is no such version of the app manifest.", field="manifest_version")


def _views(work: UnitOfWork, apps: list[ProviderApp]) -> list[ProviderAppView]:
    uses = app_repository.count_uses(work.session, tenant_id=work.tenant_id)
    return [
        ProviderAppView(
            id=app.id,
            provider=app.provider,
            provider_name=registry.get_manifest(app.provider).name,
            name=app.name,
            client_id=app.client_id,
            has_signing_secret=app.sealed_signing_secret is not None,
            manifest_version=app.manifest_version,
            changes=list_changes(registry.get_manifest(app.provider), app.manifest_version),
            connection_count=uses.get(app.id, 0),
            created_at=app.created_at,
            updated_at=app.updated_at,
        )
        for app in apps
    ]


def _get(work: UnitOfWork, app_id: UUID, *, for_update: bool = False) -> ProviderApp:
    app = app_repository.find_app(work.session, tenant_id=work.tenant_id, app_id=app_id, for_update=for_update)
    if app is None:
        raise NotFound("There is no such app. Choose one from the list.", code="unknown_app")
    return app


def _record(work: UnitOfWork, actor: Actor, app: ProviderApp, action: str, *, secrets: str = "") -> None:
    audit.record(
        work,
        actor=actor,
        action=action,
        object_kind="provider_app",
        object_id=app.id,
        detail={
            "provider": app.provider,
            "name": app.name,
            "client_id": app.client_id,
            **({"secrets_replaced": secrets} if secrets else {}),
        },
    )
