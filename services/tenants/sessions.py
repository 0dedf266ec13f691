"""Browser sessions: signing in and out, and who is behind a cookie."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import Session

from models import LinkPurpose, Membership, User, WebSession
from services.audit import record
from services.kernel.errors import Unauthenticated
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.secret import Secret
from services.tenants import passwords, repository, tokens
from services.tenants.actor import Actor
from services.tenants.limits import SignInLimiter
from services.tenants.views import SignedIn

IDLE_LIMIT = timedelta(minutes=30)
ABSOLUTE_LIMIT = timedelta(hours=12)
SEEN_STEP = timedelta(minutes=1)
"""How exactly it is known when a session was last used; finer would write on every click."""

_WRONG = "The e-mail address or the password is not right. Check both and try again."
_NO_PLACE = "Your account does not belong to a company any more. Ask an owner to invite you again."
_DEAD_LINK = (
    "This sign-in link has been used or is too old: it works once, within 60 minutes. Sign in with your password."
)


def sign_in(kernel: Kernel, email: str, password: Secret, *, limiter: SignInLimiter, address: str = "") -> SignedIn:
    """Open a session for a person who knows their password.

    Unknown addresses and wrong passwords get the same answer, after the same time.

    Args:
        kernel: the process's seams.
        email: as typed.
        password: as typed.
        limiter: counts the tries.
        address: the network address that asks, for the limit; empty if unknown.

    Raises:
        Unauthenticated: address or password is wrong, or the person has no place in a tenant.
        RetryLater: too many tries.
    """
    now = kernel.clock.now()
    account = email.strip().lower()[:254]
    limiter.count_try(account=account, address=address, now=now)
    with kernel.unscoped_session("sign_in.find_user") as session:
        user = repository.find_user_by_email(session, account) if account.isprintable() else None
        membership = repository.find_first_membership(session, user.id) if user else None
    fits = passwords.verify_password(password, stored=user.password_hash if user else "")
    if not fits or user is None:
        raise Unauthenticated(_WRONG, code="wrong_credentials")
    if membership is None:
        raise Unauthenticated(_NO_PLACE, code="no_membership")
    rehashed = passwords.hash_password(password) if passwords.needs_rehash(user.password_hash) else ""
    with kernel.unit_of_work(membership.tenant_id) as work:
        if rehashed:
            repository.set_password_hash(work.session, user_id=user.id, before=user.password_hash, after=rehashed)
        signed_in = open_session(work.session, membership=membership, user=user, now=now)
        record(
            work, actor=signed_in.actor, action="session.opened", object_kind="session",
            object_id=signed_in.actor.session_id, detail={"with": "password"},
        )  # fmt: skip
    limiter.forget_account(account, now=now)
    return signed_in


def is_sign_in_link_usable(kernel: Kernel, token: str) -> bool:
    """Return whether a sign-in link would work; looking does not use it up."""
    return _is_usable(kernel, token, LinkPurpose.SIGN_IN)


def is_setup_link_usable(kernel: Kernel, token: str) -> bool:
    """Return whether a set-up link would work; looking does not use it up."""
    return _is_usable(kernel, token, LinkPurpose.SETUP)


def sign_in_with_link(kernel: Kernel, token: str) -> SignedIn:
    """Open a session for whoever holds a sign-in link; the link is used up.

    Raises:
        Unauthenticated: the link is unknown, used or too old.
    """
    now = kernel.clock.now()
    if not tokens.is_plausible(token):
        raise Unauthenticated(_DEAD_LINK, code="link_not_valid")
    with kernel.unscoped_session("sign_in.use_link") as session:
        link = repository.use_link(session, token_hash=tokens.hash_token(token), purpose=LinkPurpose.SIGN_IN, now=now)
        user = repository.find_user(session, link.user_id) if link and link.user_id else None
        membership = (
            repository.find_first_membership(session, user.id, tenant_id=link.tenant_id) if link and user else None
        )
    if user is None or membership is None:
        raise Unauthenticated(_DEAD_LINK, code="link_not_valid")
    with kernel.unit_of_work(membership.tenant_id) as work:
        signed_in = open_session(work.session, membership=membership, user=user, now=now)
        record(
            work, actor=signed_in.actor, action="session.opened", object_kind="session",
            object_id=signed_in.actor.session_id, detail={"with": "link"},
        )  # fmt: skip
    return signed_in


def find_actor_by_session(kernel: Kernel, token: str) -> Actor | None:
    """Return who is behind a session token, and note that the session is in use.

    Returns:
        None if the session is unknown, ended, idle for 30 minutes or older than 12 hours.
    """
    if not tokens.is_plausible(token):
        return None
    now = kernel.clock.now()
    with kernel.unscoped_session("session.find_actor") as session:
        row = repository.find_session(session, token_hash=tokens.hash_token(token))
        if row is None or not _is_alive(row.session, now=now):
            return None
        if now - row.session.last_seen_at >= SEEN_STEP:
            row.session.last_seen_at = now
        return _actor(row.membership, user_name=row.user_name, session_id=row.session.id)


def sign_out(kernel: Kernel, token: str) -> None:
    """End the session behind a token; unknown ones are over already."""
    if not tokens.is_plausible(token):
        return
    now = kernel.clock.now()
    with kernel.unscoped_session("session.end") as session:
        row = repository.find_session(session, token_hash=tokens.hash_token(token))
        if row is None or row.session.revoked_at is not None:
            return
        row.session.revoked_at = now
        actor = _actor(row.membership, user_name=row.user_name, session_id=row.session.id)
    with kernel.unit_of_work(actor.tenant_id) as work:
        record(work, actor=actor, action="session.closed", object_kind="session", object_id=actor.session_id)


def open_session(session: Session, *, membership: Membership, user: User, now: datetime) -> SignedIn:
    """Add a session for a member, in the caller's transaction; sessions that ran out go."""
    token = tokens.new_secret_token()
    row = WebSession(
        tenant_id=membership.tenant_id,
        id=new_id(),
        token_hash=tokens.hash_token(token.reveal()),
        membership_id=membership.id,
        created_at=now,
        last_seen_at=now,
        expires_at=now + ABSOLUTE_LIMIT,
    )
    repository.delete_ended_sessions(session, tenant_id=membership.tenant_id, membership_id=membership.id, now=now)
    session.add(row)
    session.flush()
    actor = _actor(membership, user_name=user.name, session_id=row.id)
    return SignedIn(actor=actor, session_token=token, expires_at=row.expires_at)


def _is_usable(kernel: Kernel, token: str, purpose: LinkPurpose) -> bool:
    if not tokens.is_plausible(token):
        return False
    with kernel.unscoped_session("link.look") as session:
        return repository.is_link_usable(
            session, token_hash=tokens.hash_token(token), purpose=purpose, now=kernel.clock.now()
        )


def _is_alive(row: WebSession, *, now: datetime) -> bool:
    return row.revoked_at is None and now < row.expires_at and now - row.last_seen_at < IDLE_LIMIT


def _actor(membership: Membership, *, user_name: str, session_id: UUID) -> Actor:
    return Actor(
        tenant_id=membership.tenant_id,
        kind="user",
        id=membership.user_id,
        label=user_name,
        role=membership.role,
        session_id=session_id,
    )
