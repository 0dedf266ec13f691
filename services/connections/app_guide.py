"""How to register an app of one's own at a provider: which address goes where, what it may do and why."""

import json
from collections.abc import Mapping

from services.connections.catalogue import describe_fields
from services.connections.clients import OPERATOR_SECRET, shared_endpoint_url
from services.connections.oauth import callback_url
from services.connections.places import find_scheme
from services.connections.views import AppGuideView, AppManifestView, AppPartView, WebhookUrlView
from services.kernel.kernel import Kernel
from services.provider_kit import registry
from services.provider_kit.contract import AppManifestRequest, Capability, ProviderManifest
from services.provider_kit.fields import Field, FieldKind
from services.tenants import Actor, Permission, require

_HINT = "Copy it whole, without spaces."
_NAME = Field(name="name", label="Name", help="How you tell your apps apart here.", max_length=80)
_CLIENT_ID = Field(
    name="client_id",
    label="Client ID",
    help="In your app's settings at the provider.",
    pattern=r"[\x21-\x7e]{3,200}",
    pattern_hint=_HINT,
)
_CLIENT_SECRET = Field(
    name="client_secret",
    label="Client Secret",
    kind=FieldKind.SECRET,
    help="In your app's settings at the provider, next to the Client ID.",
    pattern=r"[\x21-\x7e]{8,512}",
    pattern_hint=_HINT,
)
_SIGNING_SECRET = Field(
    name=OPERATOR_SECRET,
    label="Signing Secret",
    kind=FieldKind.SECRET,
    help="In your app's settings at the provider; it proves that messages come from there.",
    pattern=r"[\x21-\x7e]{8,512}",
    pattern_hint=_HINT,
)


def describe_app(
    kernel: Kernel, *, actor: Actor, provider: str, name: str = "Patchbay", since: int = 0
) -> AppGuideView:
    """Return how to register an app of one's own: which address goes where, what it may do and why, which keys to copy.

    Args:
        kernel: the process's seams.
        actor: who asks.
        provider: its slug.
        name: what people at the provider will call the agent.
        since: the manifest version that an app was made from; the answer says what is new since then.

    Raises:
        NotFound: there is no such provider, or it has no OAuth.
        Forbidden
    """
    require(actor, Permission.CONNECTIONS_VIEW)
    manifest, scheme = find_scheme(provider)
    redirect_url = callback_url(kernel.settings, provider=manifest.slug)
    webhooks = tuple(
        WebhookUrlView(
            kind=kind.name,
            label=kind.label,
            url=shared_endpoint_url(kernel.settings, provider=manifest.slug, kind=kind.name),
            pasted_into=kind.pasted_into,
        )
        for kind in manifest.webhooks
        if kind.shared and manifest.webhook_proof == "secret"
    )
    return AppGuideView(
        provider=manifest.slug,
        provider_name=manifest.name,
        redirect_url=redirect_url,
        redirect_pasted_into=scheme.redirect_pasted_into,
        webhook_urls=webhooks,
        fields=describe_fields(app_fields(manifest)),
        manifest=_describe_manifest(
            manifest,
            name=name,
            redirect_url=redirect_url,
            webhook_urls={item.kind: item.url for item in webhooks},
            since=since,
        ),
    )


def app_fields(manifest: ProviderManifest) -> tuple[Field, ...]:
    """Return what is kept of an app: its name here, and its keys."""
    keys = (_NAME, _CLIENT_ID, _CLIENT_SECRET)
    is_signed = Capability.WEBHOOKS in manifest.capabilities and manifest.webhook_proof == "secret"
    return (*keys, _SIGNING_SECRET) if is_signed else keys


def _describe_manifest(
    manifest: ProviderManifest, *, name: str, redirect_url: str, webhook_urls: Mapping[str, str], since: int
) -> AppManifestView | None:
    if Capability.APP_MANIFEST not in manifest.capabilities:
        return None
    module = registry.app_manifest(manifest.slug)
    built = module.build_app_manifest(
        AppManifestRequest(name=name.strip() or "Patchbay", redirect_url=redirect_url, webhook_urls=webhook_urls)
    )
    return AppManifestView(
        version=built.version,
        json=json.dumps(dict(built.document), indent=2, ensure_ascii=False),
        create_url=built.create_url,
        parts=tuple(
            AppPartView(kind=part.kind, name=part.name, reason=part.reason) for part in module.list_parts(built.version)
        ),
        changes=list_changes(manifest, since),
    )


def list_changes(manifest: ProviderManifest, since: int) -> tuple[AppPartView, ...]:
    """Return what the newest manifest has that the one of a version had not; nothing for an app made by hand."""
    if Capability.APP_MANIFEST not in manifest.capabilities or not since:
        return ()
    module = registry.app_manifest(manifest.slug)
    request = AppManifestRequest(name="-", redirect_url="", webhook_urls={kind.name: "" for kind in manifest.webhooks})
    newest = module.list_parts(module.build_app_manifest(request).version)
    known = {(part.kind, part.name) for part in module.list_parts(since)}
    return tuple(
        AppPartView(kind=part.kind, name=part.name, reason=part.reason)
        for part in newest
        if (part.kind, part.name) not in known
    )
