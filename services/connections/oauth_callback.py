"""Ends connecting an account by OAuth 2, at the callback.

Everything that decides is read from the attempt's row. The callback's parameters only find that row and carry the
code; none of them is stored or shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from models import OAuthAttempt
from services import audit, vault
from services.connections import repository
from services.connections.clients import addresses
from services.connections.grants import exchange_code, issuer_of
from services.connections.oauth import ATTEMPT_TABLE, VERIFIER_COLUMN, Target, hash_state
from services.connections.oauth_reply import REFUSALS, Reply, WalkEnded, read_reply, refusal_message
from services.connections.places import find_ready_place, find_scheme
from services.connections.saving import Draft, prove, save
from services.connections.token_times import DIES_AT, plan_times
from services.connections.views import OAuthOutcome
from services.kernel.db import UnitOfWork
from services.kernel.errors import Conflict, NotFound, PatchbayError, Refused, RetryLater, Unauthenticated
from services.kernel.kernel import Kernel
from services.kernel.log import get_logger
from services.kernel.secret import Secret
from services.provider_kit import registry
from services.provider_kit.auth import REFRESH_TOKEN, OAuth2
from services.provider_kit.contract import ProviderManifest, TokenGrant
from services.tenants import Actor, Permission, system_actor

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """An attempt that is now used up, by us."""

    attempt_id: UUID
    target: Target
    redirect_uri: str
    verifier: Secret
    is_popup: bool


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
    manifest, scheme = find_scheme(provider)
    reply = read_reply(query)
    found = _find_attempt(kernel, reply.state)
    try:
        claim = _claim(kernel, actor=actor, manifest=manifest, scheme=scheme, reply=reply, found=found)
    except WalkEnded as ending:
        return _refuse(kernel, actor=actor, manifest=manifest, found=found, ending=ending, is_ours=False)
    assert actor is not None and reply.code is not None and found is not None
    try:
        connection_id = _connect(kernel, actor=actor, manifest=manifest, scheme=scheme, code=reply.code, claim=claim)
    except WalkEnded as ending:
        return _refuse(kernel, actor=actor, manifest=manifest, found=found, ending=ending, is_ours=True)
    return OAuthOutcome(
        ok=True,
        code="connected",
        message=f"{manifest.name} is connected.",
        agent_id=claim.target.agent_id,
        connection_id=connection_id,
        is_popup=claim.is_popup,
    )


def describe_refusal(kernel: Kernel, *, actor: Actor, attempt_id: UUID) -> str:
    """Return what a refused walk of this browser ended with, in words; empty if that is not known or not theirs."""
    with kernel.unit_of_work(actor.tenant_id) as work:
        attempt = repository.find_attempt(work.session, tenant_id=actor.tenant_id, attempt_id=attempt_id)
        if attempt is None or attempt.session_id != actor.session_id:
            return ""
        return attempt.outcome_message


def _find_attempt(kernel: Kernel, state: str) -> tuple[UUID, UUID] | None:
    if not state:
        return None
    with kernel.unscoped_session("oauth.find_attempt") as session:
        return repository.find_attempt_by_state(session, state_hash=hash_state(state))


def _claim(
    kernel: Kernel,
    *,
    actor: Actor | None,
    manifest: ProviderManifest,
    scheme: OAuth2,
    reply: Reply,
    found: tuple[UUID, UUID] | None,
) -> _Claim:
    """Use the attempt up for this browser, committed before the provider is called; a second callback finds it used."""
    if reply.problem:
        raise WalkEnded(reply.problem)
    if found is None:
        raise WalkEnded("unknown_state")
    tenant_id, attempt_id = found
    with kernel.unit_of_work(tenant_id) as work:
        attempt = repository.lock_attempt(work.session, tenant_id=tenant_id, attempt_id=attempt_id)
        if attempt is None:
            raise WalkEnded("unknown_state")
        now = kernel.clock.now()
        checks = {
            "no_session": actor is None or actor.session_id is None,
            "other_tenant": actor is not None and actor.tenant_id != attempt.tenant_id,
            "other_session": actor is not None and actor.session_id != attempt.session_id,
            "expired": attempt.expires_at <= now,
            "used": attempt.used_at is not None,
            "other_provider": attempt.provider != manifest.slug,
            "wrong_issuer": not _is_from_issuer(kernel, manifest, scheme, reply),
            "missing_permission": actor is not None and not actor.may(Permission.CONNECTIONS_EDIT),
        }
        if problem := next((code for code, is_so in checks.items() if is_so), ""):
            raise WalkEnded(problem)
        verifier = vault.reveal(
            work, kernel, table=ATTEMPT_TABLE, column=VERIFIER_COLUMN, row_id=attempt.id, sealed=attempt.sealed_verifier
        )
        attempt.used_at = now
        attempt.outcome = "exchanging"
        return _Claim(
            attempt_id=attempt.id,
            target=Target(
                agent_id=attempt.agent_id,
                connection_id=attempt.connection_id,
                app_id=attempt.provider_app_id,
            ),
            redirect_uri=attempt.redirect_uri,
            verifier=verifier,
            is_popup=attempt.is_popup,
        )


def _is_from_issuer(kernel: Kernel, manifest: ProviderManifest, scheme: OAuth2, reply: Reply) -> bool:
    """Return whether the provider itself answers (RFC 9207 §2.4): it must say so where it does, and only as itself."""
    if reply.issuer is None:
        return not scheme.sends_iss
    return reply.issuer == issuer_of(scheme, addresses(kernel.settings, manifest))


def _connect(
    kernel: Kernel, *, actor: Actor, manifest: ProviderManifest, scheme: OAuth2, code: Secret, claim: _Claim
) -> UUID:
    """Exchange the code and save the connection; every failure is an ending."""
    try:
        draft = _draft(kernel, tenant_id=actor.tenant_id, manifest=manifest, scheme=scheme, code=code, claim=claim)
        with kernel.unit_of_work(actor.tenant_id) as work:
            connection_id = save(kernel, work, actor=actor, draft=draft)
            _set_outcome(work, claim.attempt_id, "connected")
        return connection_id
    except RetryLater as error:
        raise WalkEnded("unavailable") from error
    except (Refused, Unauthenticated, Conflict, NotFound) as error:
        # The provider's modules name causes that we have no code of our own for; their words are safe to show.
        code_of_ours = error.code if error.code in REFUSALS else "incomplete_grant"
        raise WalkEnded(code_of_ours, error.message) from error
    except PatchbayError as error:
        raise WalkEnded("exchange_refused") from error


def _draft(
    kernel: Kernel, *, tenant_id: UUID, manifest: ProviderManifest, scheme: OAuth2, code: Secret, claim: _Claim
) -> Draft:
    """Exchange the code, and let the provider prove what came of it."""
    with kernel.unit_of_work(tenant_id) as work:
        place = find_ready_place(kernel, work, manifest=manifest, scheme=scheme, app_id=claim.target.app_id)
    began = kernel.clock.now()
    answer = exchange_code(kernel.http, place, code=code, redirect_uri=claim.redirect_uri, verifier=claim.verifier)
    grant = _read_grant(manifest, answer)
    scopes = grant.account.scopes if grant.account else grant.scopes
    _require_scopes(manifest, scopes)
    facts = dict(grant.account.details) if grant.account else {}
    proof = prove(kernel, manifest, secrets=grant.secrets, settings=facts)
    if grant.account and proof.account.id != grant.account.id:
        raise Refused(f"{manifest.name} answered for two different accounts. Start again.", code="other_account")
    times = plan_times(
        scheme,
        has_refresh_token=REFRESH_TOKEN in grant.secrets,
        expires_at=began + grant.expires_in if grant.expires_in is not None else grant.expires_at,
        now=began,
    )
    return Draft(
        manifest=manifest,
        auth_scheme=scheme.id,
        agent_id=claim.target.agent_id,
        uses_operator_app=claim.target.app_id is None,
        provider_app_id=claim.target.app_id,
        connection_id=claim.target.connection_id,
        secrets=grant.secrets,
        settings={**facts, DIES_AT: (began + grant.ends_in).isoformat() if grant.ends_in else ""},
        scopes=scopes or proof.account.scopes,
        proof=proof,
        token_expires_at=times.expires_at,
        refresh_due_at=times.refresh_due_at,
    )


def _require_scopes(manifest: ProviderManifest, granted: Sequence[str]) -> None:
    """Refuse a grant that names its rights and lacks some."""
    lacking = [scope.name for scope in manifest.scopes if scope.name not in granted]
    if granted and lacking:
        raise Refused(
            f"{manifest.name} did not grant: {', '.join(lacking)}. Start again and accept all rights.",
            code="missing_scope",
            provider=manifest.slug,
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
    ending: WalkEnded,
    is_ours: bool,
) -> OAuthOutcome:
    """Record a refused ending, where its tenant is known, and say it.

    Args:
        is_ours: whether this very callback had claimed the attempt; a used one keeps its first outcome otherwise.
    """
    message = ending.message or refusal_message(ending.code, provider=manifest.slug)
    tenant_id = found[0] if found else actor.tenant_id if actor else None
    _log.info("connections.oauth.refused", provider=manifest.slug, code=ending.code)
    if tenant_id is None:
        return OAuthOutcome(ok=False, code=ending.code, message=message)
    is_own = actor is not None and actor.tenant_id == tenant_id
    with kernel.unit_of_work(tenant_id) as work:
        attempt = _use_up(kernel, work, found, ending=ending, is_ours=is_ours)
        audit.record(
            work,
            actor=actor if actor is not None and is_own else system_actor(tenant_id, "OAuth callback"),
            action="connection.oauth_refused",
            object_kind="oauth_attempt",
            object_id=attempt.id if attempt else None,
            detail={"provider": manifest.slug, "code": ending.code, "reason": message},
        )
    own = attempt if is_own else None
    return OAuthOutcome(
        ok=False,
        code=ending.code,
        message=message,
        agent_id=own.agent_id if own else None,
        connection_id=own.connection_id if own else None,
        attempt_id=own.id if own and ending.message else None,
        is_popup=own is not None and own.is_popup,
    )


def _use_up(
    kernel: Kernel, work: UnitOfWork, found: tuple[UUID, UUID] | None, *, ending: WalkEnded, is_ours: bool
) -> OAuthAttempt | None:
    """Make sure that nobody can come back with this state, whatever went wrong."""
    attempt = repository.lock_attempt(work.session, tenant_id=work.tenant_id, attempt_id=found[1]) if found else None
    if attempt is not None and (is_ours or attempt.used_at is None):
        attempt.used_at = attempt.used_at or kernel.clock.now()
        attempt.outcome = ending.code
        attempt.outcome_message = ending.message
        work.session.add(attempt)
        work.session.flush()
    return attempt


def _set_outcome(work: UnitOfWork, attempt_id: UUID, outcome: str) -> None:
    attempt = repository.lock_attempt(work.session, tenant_id=work.tenant_id, attempt_id=attempt_id)
    if attempt is None:
        raise WalkEnded("other_session")
    attempt.outcome = outcome
    work.session.add(attempt)
