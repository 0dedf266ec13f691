"""Connects accounts, and repairs connections, by keys from the provider's console."""

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from services.connections.catalogue import describe_fields
from services.connections.reading import build_view, get_row
from services.connections.saving import Draft, prove, require_agent, require_webhook_secret, save
from services.connections.views import ConnectionView, ReconnectView
from services.kernel.errors import InvalidInput, Refused
from services.kernel.kernel import Kernel
from services.provider_kit import fields, registry
from services.provider_kit.auth import Pasted
from services.provider_kit.contract import ProviderManifest
from services.tenants import Actor, Permission, require


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
    if manifest.needs_agent and agent_id is None:
        raise InvalidInput(f"{manifest.name} is connected for one agent. Choose which.", field="agent_id")
    with kernel.unit_of_work(actor.tenant_id) as work:
        require_agent(work, agent_id)
    draft = _prove(kernel, manifest=manifest, scheme=scheme, agent_id=agent_id, values=values)
    with kernel.unit_of_work(actor.tenant_id) as work:
        return build_view(kernel, work, save(kernel, work, actor=actor, draft=draft))


def plan_reconnect(kernel: Kernel, *, actor: Actor, connection_id: UUID) -> ReconnectView:
    """Return how a connection is repaired: on the provider's consent page, or by typing its keys again.

    Consent needs a browser that is signed in, so the address is ours and leads to the provider from there.

    Raises:
        NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        connection = get_row(work, connection_id)
    manifest = registry.get_manifest(connection.provider)
    scheme = next((scheme for scheme in manifest.auth if scheme.id == connection.auth_scheme), manifest.auth[0])
    if isinstance(scheme, Pasted):
        return ReconnectView(kind="keys", url="", fields=describe_fields(scheme.fields))
    address = registry.address_of(manifest.slug)
    path = f"/api/admin/ai-agents/integrations/{address}/oauth?connection_id={connection_id}"
    return ReconnectView(kind="consent", url=kernel.settings.public_url + path, fields=())


def reconnect_with_keys(
    kernel: Kernel, *, actor: Actor, connection_id: UUID, values: Mapping[str, object]
) -> ConnectionView:
    """Repair a connection with new keys to the same account; id, settings and history stay.

    Args:
        kernel: the process's seams.
        actor: who repairs it.
        connection_id: which one.
        values: what was typed, by field name; what is not secret may be left out and stays as it was.

    Raises:
        Refused: the keys are another account's (``wrong_account``), the provider does not accept them
            (``invalid_auth``), or the connection was made by consent (``needs_consent``).
        InvalidInput: a value is missing or looks wrong; names the field.
        Conflict, RetryLater, NotFound, Forbidden
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        connection = get_row(work, connection_id)
    manifest = registry.get_manifest(connection.provider)
    scheme = next((scheme for scheme in manifest.auth if scheme.id == connection.auth_scheme), None)
    if not isinstance(scheme, Pasted):
        raise Refused(
            f"This connection was made by consent. Connect it again on {manifest.name}'s own page.",
            code="needs_consent",
            provider=manifest.slug,
        )
    known = {field.name: connection.settings.get(field.name, "") for field in scheme.fields if not field.is_secret}
    draft = _prove(kernel, manifest=manifest, scheme=scheme, agent_id=connection.agent_id, values={**known, **values})
    with kernel.unit_of_work(actor.tenant_id) as work:
        save(kernel, work, actor=actor, draft=replace(draft, connection_id=connection_id))
        return build_view(kernel, work, connection_id)


def _prove(
    kernel: Kernel,
    *,
    manifest: ProviderManifest,
    scheme: Pasted,
    agent_id: UUID | None,
    values: Mapping[str, object],
) -> Draft:
    checked = fields.validate(scheme.fields, values)
    require_webhook_secret(
        kernel,
        manifest,
        secrets=checked.secrets,
        message=f"Without its signing secret nobody can tell {manifest.name}'s messages from forged ones. Fill it in.",
    )
    proof = prove(kernel, manifest, secrets=checked.secrets, settings=checked.settings)
    return Draft(
        manifest=manifest,
        auth_scheme=scheme.id,
        agent_id=agent_id,
        uses_operator_app=False,
        secrets=checked.secrets,
        settings=checked.settings,
        scopes=proof.account.scopes,
        proof=proof,
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
