"""Connects an account by OAuth 2: one attempt per walk, bound to the browser session, single use, ten minutes.

Everything that decides (tenant, agent, provider, return address, PKCE verifier) is read from the attempt's row. The
callback's parameters only find that row and carry the code; none of them is stored or shown.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from uuid import UUID

from models import OAuthAttempt
from services import audit, vault
from services.connections import repository
from services.connections.catalogue import missing_app
from services.connections.clients import addresses, find_operator_app, operator_secrets
from services.connections.grants import AppAtProvider, build_consent_url, exchange_code
from services.connections.saving import Draft, prove, require_agent, require_webhook_secret, save
from services.connections.views import OAuthOutcome
from services.kernel.db import UnitOfWork
from services.kernel.errors import Conflict, Forbidden, NotFound, PatchbayError, Refused, RetryLater, Unauthenticated
from services.kernel.ids import new_id, new_token
from services.kernel.kernel import Kernel
from services.kernel.log import get_logger
from services.kernel.secret import Secret
from services.kernel.settings import Settings
from services.provider_kit import registry
from services.provider_kit.auth import OAuth2
from services.provider_kit.contract import ProviderManifest, TokenGrant
from services.tenants import Actor, Permission, require, system_actor

ATTEMPT_LIFETIME = timedelta(minutes=10)
_TABLE, _COLUMN = "oauth_attempt", "sealed_verifier"

_STATE = re.compile(r"[A-Za-z0-9_-]{43}")
"""What ``new_token(bits=256)`` makes; anything else was not made by us."""
_CODE = re.compile(r"[\x20-\x7e]{1,2048}")
"""RFC 6749 appendix A.11: printable ASCII; the length is our limit."""
_ERROR = re.compile(r"[\x20-\x7e]{1,200}")

_log = get_logger(__name__)

REFUSALS: Mapping[str, str] = MappingProxyType(
    {
        "cancelled": "You cancelled at {name}. Nothing was connected; start again when you are ready.",
        "provider_error": "{name} ended the connection with an error. Start again; if it happens twice, ask the"
        " person who runs Patchbay to check the app at {name}.",
        "missing_parameter": "{name} sent you back without what is needed to connect. Start again from this page.",
        "repeated_parameter": "The return address holds a value twice. Start again from this page.",
        "malformed_parameter": "The return address is damaged. Start again from this page.",
        "unknown_state": "Patchbay did not start this connection. Start it from this page.",
        "no_session": "You are not signed in any more. Sign in, then connect {name} again.",
        "other_session": "This connection was started in another browser or before you signed in again. Start it here.",
        "expired": "The consent took longer than ten minutes. Start again.",
        "used": "This consent was used already. Check whether {name} is connected; if not, start again.",
        "other_provider": "The consent was started for another service. Start again.",
        "other_tenant": "The consent was started for another company. Start again.",
        "missing_permission": "Your role may not connect accounts. Ask an owner of your company.",
        "not_configured": "The app at {name} is not set up on this server. Ask the person who runs Patchbay to set"
        " PATCHBAY_PROVIDER_APPS.",
        "no_signing_secret": "The app at {name} has no signing secret on this server. Ask the person who runs"
        " Patchbay to complete PATCHBAY_PROVIDER_APPS.",
        "exchange_refused": "{name} did not accept the consent. Start again.",
        "unavailable": "{name} could not be reached to finish. Start again in a minute.",
        "incomplete_grant": "{name} did not grant what is needed. Start again and accept everything it asks.",
        "missing_scope": "Not every right was granted at {name}. Start again and accept all of them.",
        "other_account": "{name} answered for two different accounts. Start again.",
        "already_connected": "This {noun} is connected already. Disconnect it first, or choose another one.",
        "unknown_agent": "The agent was deleted in the meantime. Choose another one and start again.",
    }
)
"""Every refused ending has its own sentence; the code travels in the address, the sentence does not."""


@dataclass(frozen=True, slots=True)
class _Reply:
    """The callback's parameters after the first look."""

    state: str = ""
    code: Secret | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """An attempt that is now used up, by us."""

    attempt_id: UUID
    agent_id: UUID | None
    redirect_uri: str
    verifier: Secret


class _Ending(Exception):
    """The walk ends here, refused."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.message = message


def begin_oauth(kernel: Kernel, *, actor: Actor, provider: str, agent_id: UUID | None) -> str:
    """Start a walk to the provider's consent page.

    Returns:
        The address to send the browser to.

    Raises:
        NotFound: no such provider or agent, or the provider has no OAuth.
        Refused: the operator has not set the app up; the message names the setting.
        Forbidden: the right is missing, or the actor has no browser session to bind the attempt to.
    """
    require(actor, Permission.CONNECTIONS_EDIT)
    manifest, scheme = _find_scheme(provider)
    if actor.session_id is None:
        raise Forbidden("Connecting by consent needs a browser. Sign in there.", code="no_session", provider=provider)
    place = _app_at(kernel, manifest, scheme)
    state = Secret(new_token(bits=256))
    verifier = Secret(new_token(bits=384) if scheme.pkce else "")
    redirect_uri = callback_url(kernel.settings, provider=manifest.slug)
    now = kernel.clock.now()
    with kernel.unit_of_work(actor.tenant_id) as work:
        require_agent(work, agent_id)
        attempt_id = new_id()
        work.session.add(
            OAuthAttempt(
                tenant_id=actor.tenant_id,
                id=attempt_id,
                state_hash=_hash(state.reveal()),
                session_id=actor.session_id,
                provider=manifest.slug,
                agent_id=agent_id,
                scopes=[scope.name for scope in manifest.scopes],
                redirect_uri=redirect_uri,
                sealed_verifier=vault.seal(
                    work, kernel, table=_TABLE, column=_COLUMN, row_id=attempt_id, secret=verifier
                ),
                created_at=now,
                expires_at=now + ATTEMPT_LIFETIME,
            )
        )
    return build_consent_url(place, redirect_uri=redirect_uri, state=state, verifier=verifier)


def finish_oauth(
    kernel: Kernel, *, actor: Actor | None, provider: str, query: Mapping[str, Sequence[str]]
) -> OAuthOutcome:
    """End a walk: check who came back with what, exchange the code, save the connection.

    Never raises for what a browser can send: every ending is an outcome with a code and a sentence. A refused one
    stores no token, uses the attempt up, and leaves one audit entry if the tenant is known.

    Args:
        kernel: the process's seams.
        actor: who is behind the browser's session cookie; None if nobody is.
        provider: slug from the callback's address.
        query: the callback's parameters, each with all its values.

    Raises:
        NotFound: no such provider, or it has no OAuth.
    """
    manifest, scheme = _find_scheme(provider)
    reply = _read_reply(query)
    found = _find_attempt(kernel, reply.state)
    try:
        claim = _claim(kernel, actor=actor, manifest=manifest, reply=reply, found=found)
    except _Ending as ending:
        return _refuse(kernel, actor=actor, manifest=manifest, found=found, ending=ending, is_ours=False)
    assert actor is not None and reply.code is not None and found is not None
    try:
        connection_id = _connect(kernel, actor=actor, manifest=manifest, scheme=scheme, code=reply.code, claim=claim)
    except _Ending as ending:
        return _refuse(kernel, actor=actor, manifest=manifest, found=found, ending=ending, is_ours=True)
    return OAuthOutcome(
        ok=True,
        code="connected",
        message=f"{manifest.name} is connected.",
        agent_id=claim.agent_id,
        connection_id=connection_id,
    )


def refusal_message(code: str, *, provider: str) -> str:
    """Return the sentence for a refused ending; a general one if the code is not ours."""
    try:
        manifest = registry.get_manifest(provider)
    except NotFound:
        return "The connection was not finished. Start again."
    template = REFUSALS.get(code, "{name} was not connected. Start again.")
    return template.format(name=manifest.name, noun=manifest.account_noun)


def callback_url(settings: Settings, *, provider: str) -> str:
    """Return the address a provider sends the browser back to; built from the setting, never from a request."""
    return f"{settings.public_url}/api/admin/ai-agents/integrations/{provider}/oauth/callback"


def _find_scheme(provider: str) -> tuple[ProviderManifest, OAuth2]:
    manifest = registry.get_manifest(provider)
    if manifest.oauth is None:
        raise NotFound(f"{manifest.name} does not connect by OAuth.", code="no_oauth", provider=manifest.slug)
    return manifest, manifest.oauth


def _app_at(kernel: Kernel, manifest: ProviderManifest, scheme: OAuth2) -> AppAtProvider:
    app = find_operator_app(kernel.settings, manifest.slug)
    if app is None:
        raise Refused(
            f"{missing_app(kernel.settings, manifest)}. Set it to the app's client_id, client_secret and"
            " signing_secret, then restart.",
            code="not_configured",
            provider=manifest.slug,
        )
    require_webhook_secret(
        kernel,
        manifest,
        secrets=operator_secrets(app),
        message=f"PATCHBAY_PROVIDER_APPS has no signing_secret for {manifest.slug}; without it nobody can tell"
        f" {manifest.name}'s messages from forged ones. Add it, then restart.",
    )
    return AppAtProvider(manifest=manifest, scheme=scheme, app=app, urls=addresses(kernel.settings, manifest))


def _read_reply(query: Mapping[str, Sequence[str]]) -> _Reply:
    """Look at the parameters' form; the state is kept whenever it could be one of ours."""
    states, codes, errors = (query.get(name, ()) for name in ("state", "code", "error"))
    state = states[0] if len(states) == 1 and _STATE.fullmatch(states[0]) else ""
    if errors:
        return _Reply(state, problem=_error_problem(errors))
    if not states or not codes or "" in (*states, *codes):
        return _Reply(state, problem="missing_parameter")
    if len(states) > 1 or len(codes) > 1:
        return _Reply(state, problem="repeated_parameter")
    if not state or not _CODE.fullmatch(codes[0]):
        return _Reply(state, problem="malformed_parameter")
    return _Reply(state, code=Secret(codes[0]))


def _error_problem(errors: Sequence[str]) -> str:
    if len(errors) > 1:
        return "repeated_parameter"
    if not _ERROR.fullmatch(errors[0]):
        return "malformed_parameter"
    return "cancelled" if errors[0] == "access_denied" else "provider_error"


def _find_attempt(kernel: Kernel, state: str) -> tuple[UUID, UUID] | None:
    if not state:
        return None
    with kernel.unscoped_session("oauth.find_attempt") as session:
        return repository.find_attempt_by_state(session, state_hash=_hash(state))


def _claim(
    kernel: Kernel,
    *,
    actor: Actor | None,
    manifest: ProviderManifest,
    reply: _Reply,
    found: tuple[UUID, UUID] | None,
) -> _Claim:
    """Use the attempt up for this browser, committed before the provider is called; a second callback finds it used."""
    if reply.problem:
        raise _Ending(reply.problem)
    if found is None:
        raise _Ending("unknown_state")
    tenant_id, attempt_id = found
    with kernel.unit_of_work(tenant_id) as work:
        attempt = repository.lock_attempt(work.session, tenant_id=tenant_id, attempt_id=attempt_id)
        if attempt is None:
            raise _Ending("unknown_state")
        now = kernel.clock.now()
        checks = {
            "no_session": actor is None or actor.session_id is None,
            "other_tenant": actor is not None and actor.tenant_id != attempt.tenant_id,
            "other_session": actor is not None and actor.session_id != attempt.session_id,
            "expired": attempt.expires_at <= now,
            "used": attempt.used_at is not None,
            "other_provider": attempt.provider != manifest.slug,
            "missing_permission": actor is not None and not actor.may(Permission.CONNECTIONS_EDIT),
        }
        if problem := next((code for code, is_so in checks.items() if is_so), ""):
            raise _Ending(problem)
        verifier = vault.reveal(
            work, kernel, table=_TABLE, column=_COLUMN, row_id=attempt.id, sealed=attempt.sealed_verifier
        )
        attempt.used_at = now
        attempt.outcome = "exchanging"
        return _Claim(
            attempt_id=attempt.id,
            agent_id=attempt.agent_id,
            redirect_uri=attempt.redirect_uri,
            verifier=verifier,
        )


def _connect(
    kernel: Kernel, *, actor: Actor, manifest: ProviderManifest, scheme: OAuth2, code: Secret, claim: _Claim
) -> UUID:
    """Exchange the code and save the connection; every failure is an ending."""
    try:
        draft = _draft(kernel, manifest=manifest, scheme=scheme, code=code, claim=claim)
        with kernel.unit_of_work(actor.tenant_id) as work:
            connection_id = save(kernel, work, actor=actor, draft=draft)
            _set_outcome(work, claim.attempt_id, "connected")
        return connection_id
    except RetryLater as error:
        raise _Ending("unavailable") from error
    except (Refused, Unauthenticated, Conflict, NotFound) as error:
        # The provider's modules name causes that we have no code of our own for; their words are safe to show.
        code_of_ours = error.code if error.code in REFUSALS else "incomplete_grant"
        raise _Ending(code_of_ours, error.message) from error
    except PatchbayError as error:
        raise _Ending("exchange_refused") from error


def _draft(kernel: Kernel, *, manifest: ProviderManifest, scheme: OAuth2, code: Secret, claim: _Claim) -> Draft:
    place = _app_at(kernel, manifest, scheme)
    answer = exchange_code(kernel.http, place, code=code, redirect_uri=claim.redirect_uri, verifier=claim.verifier)
    grant = _read_grant(manifest, answer)
    scopes = grant.account.scopes
    lacking = [scope.name for scope in manifest.scopes if scope.name not in scopes]
    if scopes and lacking:
        raise Refused(
            f"{manifest.name} did not grant: {', '.join(lacking)}. Start again and accept all rights.",
            code="missing_scope",
            provider=manifest.slug,
        )
    facts = dict(grant.account.details)
    proof = prove(kernel, manifest, secrets=grant.secrets, settings=facts)
    if proof.account.id != grant.account.id:
        raise Refused(f"{manifest.name} answered for two different accounts. Start again.", code="other_account")
    if grant.expires_at is not None:
        facts["token_expires_at"] = grant.expires_at.isoformat()
    return Draft(
        manifest=manifest,
        auth_scheme=scheme.id,
        agent_id=claim.agent_id,
        uses_operator_app=True,
        secrets=grant.secrets,
        settings=facts,
        scopes=scopes or proof.account.scopes,
        proof=proof,
    )


def _read_grant(manifest: ProviderManifest, answer: Mapping[str, object]) -> TokenGrant:
    try:
        return registry.oauth(manifest.slug).read_grant(answer)
    except Refused as error:
        # RFC 6749 §5.2: a refusal has an ``error``; some providers send one with status 200.
        code = "exchange_refused" if "error" in answer else "incomplete_grant"
        raise Refused(error.message, code=code, provider=manifest.slug) from error


def _refuse(
    kernel: Kernel,
    *,
    actor: Actor | None,
    manifest: ProviderManifest,
    found: tuple[UUID, UUID] | None,
    ending: _Ending,
    is_ours: bool,
) -> OAuthOutcome:
    """Record a refused ending, where its tenant is known, and say it.

    Args:
        is_ours: whether this very callback had claimed the attempt; a used one keeps its first outcome otherwise.
    """
    message = ending.message or refusal_message(ending.code, provider=manifest.slug)
    tenant_id = found[0] if found else actor.tenant_id if actor else None
    _log.info("connections.oauth.refused", provider=manifest.slug, code=ending.code)
    agent_id = None
    if tenant_id is not None:
        is_own = actor is not None and actor.tenant_id == tenant_id
        with kernel.unit_of_work(tenant_id) as work:
            attempt = _use_up(kernel, work, found, outcome=ending.code, is_ours=is_ours)
            agent_id = attempt.agent_id if attempt and is_own else None
            audit.record(
                work,
                actor=actor if actor is not None and is_own else system_actor(tenant_id, "OAuth callback"),
                action="connection.oauth_refused",
                object_kind="oauth_attempt",
                object_id=attempt.id if attempt else None,
                detail={"provider": manifest.slug, "code": ending.code, "reason": message},
            )
    return OAuthOutcome(ok=False, code=ending.code, message=message, agent_id=agent_id)


def _use_up(
    kernel: Kernel, work: UnitOfWork, found: tuple[UUID, UUID] | None, *, outcome: str, is_ours: bool
) -> OAuthAttempt | None:
    """Make sure that nobody can come back with this state, whatever went wrong."""
    attempt = repository.lock_attempt(work.session, tenant_id=work.tenant_id, attempt_id=found[1]) if found else None
    if attempt is not None and (is_ours or attempt.used_at is None):
        attempt.used_at = attempt.used_at or kernel.clock.now()
        attempt.outcome = outcome
        work.session.add(attempt)
        work.session.flush()
    return attempt


def _set_outcome(work: UnitOfWork, attempt_id: UUID, outcome: str) -> None:
    attempt = repository.lock_attempt(work.session, tenant_id=work.tenant_id, attempt_id=attempt_id)
    if attempt is None:
        raise _Ending("other_session")
    attempt.outcome = outcome
    work.session.add(attempt)


def _hash(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()
