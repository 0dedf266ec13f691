"""Begins connecting an account by OAuth 2: one attempt per walk, bound to the browser session, ten minutes.

What the walk is for (tenant, agent, connection, app, provider, return address, PKCE verifier) stands in the attempt's
row; the address that the browser is sent to carries none of it but the state.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from models import OAuthAttempt
from services import vault
from services.connections import repository
from services.connections.grants import build_consent_url
from services.connections.places import find_ready_place, find_scheme
from services.connections.saving import require_agent
from services.kernel.db import UnitOfWork
from services.kernel.errors import Forbidden, NotFound, Refused
from services.kernel.ids import new_id, new_token
from services.kernel.kernel import Kernel
from services.kernel.secret import Secret
from services.kernel.settings import Settings
from services.provider_kit import registry
from services.provider_kit.contract import ProviderManifest
from services.tenants import Actor, Permission, require

ATTEMPT_LIFETIME = timedelta(minutes=10)
ATTEMPT_TABLE, VERIFIER_COLUMN = "oauth_attempt", "sealed_verifier"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a walk is for."""

    agent_id: UUID | None
    connection_id: UUID | None
    app_id: UUID | None


def begin_oauth(
    kernel: Kernel,
    *,
    actor: Actor,
    provider: str,
    agent_id: UUID | None = None,
    app_id: UUID | None = None,
    connection_id: UUID | None = None,
    is_popup: bool = False,
) -> str:
    """Start a walk to the provider's consent page.

    Args:
        kernel: the process's seams.
        actor: who starts, in which browser.
        provider: its slug.
        agent_id: the agent to connect for; None for the whole tenant. A repair leaves it as it is.
        app_id: the tenant's own app to ask for; None for the operator's, or for the one that a repaired connection
            came through.
        connection_id: the connection to repair; None for a new one.
        is_popup: whether the consent page gets a window of its own.

    Returns:
        The address to send the browser to.

    Raises:
        NotFound: no such provider, agent, app or connection, or the provider has no OAuth.
        Refused: the operator has not set the app up; the message names the setting.
        Forbidden: the right is missing, or the actor has no browser session to bind the attempt to.
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    manifest, scheme = find_scheme(provider)
    if actor.session_id is None:
        raise Forbidden("Connecting by consent needs a browser. Sign in there.", code="no_session", provider=provider)
    state = Secret(new_token(bits=256))
    verifier = Secret(new_token(bits=384) if scheme.pkce else "")
    redirect_uri = callback_url(kernel.settings, provider=manifest.slug)
    now = kernel.clock.now()
    if manifest.needs_agent and agent_id is None and connection_id is None:
        raise Refused(
            f"{manifest.name} is connected for one agent. Choose which.", code="needs_agent", provider=provider
        )
    with kernel.unit_of_work(actor.tenant_id) as work:
        target = _find_target(work, manifest, agent_id=agent_id, app_id=app_id, connection_id=connection_id)
        place = find_ready_place(kernel, work, manifest=manifest, scheme=scheme, app_id=target.app_id)
        attempt_id = new_id()
        work.session.add(
            OAuthAttempt(
                tenant_id=actor.tenant_id,
                id=attempt_id,
                state_hash=hash_state(state.reveal()),
                session_id=actor.session_id,
                provider=manifest.slug,
                agent_id=target.agent_id,
                connection_id=target.connection_id,
                provider_app_id=target.app_id,
                is_popup=is_popup,
                scopes=[scope.name for scope in manifest.scopes],
                redirect_uri=redirect_uri,
                sealed_verifier=vault.seal(
                    work, kernel, table=ATTEMPT_TABLE, column=VERIFIER_COLUMN, row_id=attempt_id, secret=verifier
                ),
                created_at=now,
                expires_at=now + ATTEMPT_LIFETIME,
            )
        )
    return build_consent_url(place, redirect_uri=redirect_uri, state=state, verifier=verifier)


def begin_reconnect(kernel: Kernel, *, actor: Actor, connection_id: UUID, is_popup: bool = False) -> str:
    """Start a walk that repairs a connection: same id, settings and history, and only for the same account.

    Every right of the manifest is asked for again, those that are missing too.

    Returns:
        The address to send the browser to.

    Raises:
        NotFound: there is no such connection.
        Refused: it was connected by keys (``needs_keys``), or the app is not set up.
        Forbidden: the right is missing, or the actor has no browser session.
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    with kernel.unit_of_work(actor.tenant_id) as work:
        connection = repository.find_connection(work.session, tenant_id=actor.tenant_id, connection_id=connection_id)
        if connection is None:
            raise NotFound("There is no such connection.", code="unknown_connection")
        provider, scheme_id = connection.provider, connection.auth_scheme
    manifest = registry.get_manifest(provider)
    if manifest.oauth is None or manifest.oauth.id != scheme_id:
        raise Refused(
            f"This connection was made with keys. Type {manifest.name}'s keys again to repair it.",
            code="needs_keys",
            provider=provider,
        )
    return begin_oauth(kernel, actor=actor, provider=provider, connection_id=connection_id, is_popup=is_popup)


def callback_url(settings: Settings, *, provider: str) -> str:
    """Return the address a provider sends the browser back to; built from the setting, never from a request."""
    return f"{settings.public_url}/api/admin/ai-agents/integrations/{registry.address_of(provider)}/oauth/callback"


def _find_target(
    work: UnitOfWork,
    manifest: ProviderManifest,
    *,
    agent_id: UUID | None,
    app_id: UUID | None,
    connection_id: UUID | None,
) -> Target:
    """Return what a walk is for; a repair keeps the connection's own agent, and its app unless another is named."""
    if connection_id is None:
        require_agent(work, agent_id)
        return Target(agent_id=agent_id, connection_id=None, app_id=app_id)
    connection = repository.find_connection(work.session, tenant_id=work.tenant_id, connection_id=connection_id)
    if connection is None or connection.provider != manifest.slug:
        raise NotFound("There is no such connection.", code="unknown_connection", provider=manifest.slug)
    return Target(
        agent_id=connection.agent_id, connection_id=connection.id, app_id=app_id or connection.provider_app_id
    )


def hash_state(state: str) -> str:
    """Return what is stored of a state; the state itself is only ever in the address."""
    return hashlib.sha256(state.encode()).hexdigest()
