"""The catalogue: every provider of the registry, how to connect it, and what is still missing for that."""

from collections.abc import Sequence
from uuid import UUID

from services.connections import repository
from services.connections.clients import find_operator_app
from services.connections.views import FieldView, ProviderCardView, SchemeView, ScopeView
from services.kernel.kernel import Kernel
from services.kernel.settings import Settings
from services.provider_kit import registry
from services.provider_kit.auth import AuthScheme, OAuth2
from services.provider_kit.contract import ProviderManifest
from services.provider_kit.fields import Field
from services.provider_kit.quality import read_quality
from services.tenants import Actor, Permission, require


def available_providers(kernel: Kernel, *, actor: Actor, agent_id: UUID | None = None) -> tuple[ProviderCardView, ...]:
    """Return all providers: installed ones first, then by name.

    Args:
        kernel: the process's seams.
        actor: who asks.
        agent_id: whose connections to count; None counts the tenant's.

    Raises:
        Forbidden
    """
    require(actor, Permission.CONNECTIONS_VIEW)
    with kernel.unit_of_work(actor.tenant_id) as work:
        counts = repository.count_connections(work.session, tenant_id=actor.tenant_id, agent_id=agent_id)
    cards = [
        _card(kernel.settings, manifest, connection_count=counts.get(manifest.slug, 0))
        for manifest in registry.list_manifests()
    ]
    return tuple(sorted(cards, key=lambda card: card.connection_count == 0))


def missing_app(settings: Settings, manifest: ProviderManifest) -> str:
    """Return what the operator must set before this provider's OAuth works; empty if nothing."""
    if find_operator_app(settings, manifest.slug):
        return ""
    if manifest.slug in settings.provider_apps:
        return f"PATCHBAY_PROVIDER_APPS has no client_id and client_secret for {manifest.slug}"
    return f"PATCHBAY_PROVIDER_APPS has no entry for {manifest.slug}"


def describe_fields(fields: Sequence[Field]) -> tuple[FieldView, ...]:
    """Return the values to type, as a form draws them."""
    return tuple(
        FieldView(
            name=field.name,
            label=field.label,
            kind=field.kind.value,
            help=field.help,
            placeholder=field.placeholder,
            required=field.required,
        )
        for field in fields
    )


def _card(settings: Settings, manifest: ProviderManifest, *, connection_count: int) -> ProviderCardView:
    schemes = tuple(_scheme(settings, manifest, scheme) for scheme in manifest.auth)
    is_possible = any(not scheme.missing for scheme in schemes)
    return ProviderCardView(
        slug=manifest.slug,
        name=manifest.name,
        category=manifest.category,
        is_core=manifest.is_core,
        summary=manifest.summary,
        capabilities=tuple(sorted(capability.value for capability in manifest.capabilities)),
        tier=read_quality(manifest.slug).tier.value,
        docs_url=manifest.docs_url,
        account_noun=manifest.account_noun,
        schemes=schemes,
        scopes=tuple(ScopeView(name=scope.name, reason=scope.reason) for scope in manifest.scopes),
        has_operator_app=find_operator_app(settings, manifest.slug) is not None,
        setup_guide=registry.read_setup(manifest.slug),
        disconnect_effects=manifest.disconnect_effects,
        answers=manifest.answers,
        connection_count=connection_count,
        missing="" if is_possible else "; ".join(scheme.missing for scheme in schemes),
    )


def _scheme(settings: Settings, manifest: ProviderManifest, scheme: AuthScheme) -> SchemeView:
    return SchemeView(
        id=scheme.id,
        label=scheme.label,
        is_oauth=isinstance(scheme, OAuth2),
        fields=describe_fields(scheme.fields),
        missing=missing_app(settings, manifest) if isinstance(scheme, OAuth2) else "",
    )
