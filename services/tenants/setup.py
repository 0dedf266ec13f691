"""How a tenant comes to be: the first set-up in a browser, or a script's bootstrap."""

from datetime import datetime, timedelta
from uuid import UUID

from models import LinkPurpose, Membership, OneTimeLink, Role, User
from services import vault
from services.audit import record
from services.kernel.db import UnitOfWork
from services.kernel.errors import Conflict, NotFound, Unauthenticated
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.tenants import passwords, repository, tokens
from services.tenants.actor import Actor, system_actor
from services.tenants.api_keys import add_api_key
from services.tenants.fields import MAX_NAME_CHARACTERS, clean_email, clean_name
from services.tenants.sessions import open_session
from services.tenants.views import BootstrapResult, SetupForm, SignedIn

LINK_LIFETIME = timedelta(minutes=60)

_SET_UP = "Patchbay is set up already. Sign in at /login."
_DEAD_LINK = (
    "This set-up link has been used or is too old: it works once, within 60 minutes. Start Patchbay again to print"
    " a new one."
)


def is_set_up(kernel: Kernel) -> bool:
    """Return whether somebody exists already."""
    with kernel.unscoped_session("setup.has_users") as session:
        return repository.has_users(session)


def create_setup_link(kernel: Kernel) -> str:
    """Return the address where the first person sets Patchbay up; older such links stop working.

    Raises:
        Conflict: somebody exists already.
    """
    now = kernel.clock.now()
    token = tokens.new_secret_token()
    with kernel.unscoped_session("setup.create_link") as session:
        repository.lock_setup(session)
        if repository.has_users(session):
            raise Conflict(_SET_UP, code="set_up_already")
        repository.void_links(session, purpose=LinkPurpose.SETUP, now=now)
        session.add(
            OneTimeLink(
                id=new_id(),
                token_hash=tokens.hash_token(token.reveal()),
                purpose=LinkPurpose.SETUP,
                created_at=now,
                expires_at=now + LINK_LIFETIME,
            )
        )
    return f"{kernel.settings.public_url}/setup?token={token.reveal()}"


def redeem_setup(kernel: Kernel, token: str, form: SetupForm) -> SignedIn:
    """Create the first tenant with its owner, and sign the owner in. What is wrong with the form keeps the link alive.

    Raises:
        InvalidInput: a field is wrong.
        Unauthenticated: the link is unknown, used or too old.
        Conflict: somebody exists already.
    """
    clean = check_setup_form(form)
    now = kernel.clock.now()
    password_hash = passwords.hash_password(clean.password)
    with kernel.unit_of_work(new_id()) as work:
        repository.lock_setup(work.session)
        if not tokens.is_plausible(token) or not repository.use_link(
            work.session, token_hash=tokens.hash_token(token), purpose=LinkPurpose.SETUP, now=now
        ):
            raise Unauthenticated(_DEAD_LINK, code="link_not_valid")
        if repository.has_users(work.session):
            raise Conflict(_SET_UP, code="set_up_already")
        user = User(id=new_id(), email=clean.email, name=clean.name, password_hash=password_hash, created_at=now)
        membership = _create_tenant(work, kernel, name=clean.tenant_name, owner=user, now=now)
        signed_in = open_session(work.session, membership=membership, user=user, now=now)
        _record_creation(work, actor=signed_in.actor, user_id=user.id)
    return signed_in


def check_setup_form(form: SetupForm) -> SetupForm:
    """Return the form with trimmed values.

    Raises:
        InvalidInput: the first field that is wrong, in the order of the page.
    """
    tenant_name = clean_name(form.tenant_name, field="tenant_name", noun="your company's name")
    name = clean_name(form.name, field="name", noun="your name")
    email = clean_email(form.email)
    passwords.check_password(form.password, guessable=(tenant_name, name, email))
    return SetupForm(tenant_name=tenant_name, name=name, email=email, password=form.password)


def bootstrap(kernel: Kernel, *, email: str, tenant: str) -> BootstrapResult:
    """Create a tenant with its owner and an API key, for scripts; the owner signs in by the link.

    Raises:
        InvalidInput: the address or the name is wrong.
        Conflict: the address has an account already.
    """
    address = clean_email(email)
    tenant_name = clean_name(tenant, field="tenant", noun="the company's name")
    now = kernel.clock.now()
    tenant_id = new_id()
    link = tokens.new_secret_token()
    with kernel.unit_of_work(tenant_id) as work:
        repository.lock_setup(work.session)
        if repository.find_user_by_email(work.session, address):
            raise _exists_already()
        user = User(id=new_id(), email=address, name=_name_from(address), created_at=now)
        _create_tenant(work, kernel, name=tenant_name, owner=user, now=now)
        # A set-up link that lies around in a console must not outlive the first owner.
        repository.void_links(work.session, purpose=LinkPurpose.SETUP, now=now)
        actor = system_actor(tenant_id, "patchbay bootstrap")
        _record_creation(work, actor=actor, user_id=user.id)
        key = add_api_key(work, actor=actor, name="bootstrap", role=Role.OWNER, now=now)
        _add_sign_in_link(work, token_hash=tokens.hash_token(link.reveal()), user_id=user.id, now=now)
    return BootstrapResult(
        tenant_id=tenant_id,
        user_id=user.id,
        api_key=key.key,
        sign_in_link=f"{kernel.settings.public_url}/login/link/{link.reveal()}",
    )


def create_sign_in_link(kernel: Kernel, *, email: str) -> str:
    """Return an address that signs a person in once, for whoever runs the server: a lost or never set password.

    Raises:
        InvalidInput: the address is wrong.
        NotFound: nobody has this address, or a place in a tenant.
    """
    address = clean_email(email)
    with kernel.unscoped_session("sign_in_link.find_user") as session:
        user = repository.find_user_by_email(session, address)
        membership = repository.find_first_membership(session, user.id) if user else None
    if user is None or membership is None:
        raise NotFound("Nobody signs in with this address.", code="no_membership")
    now = kernel.clock.now()
    link = tokens.new_secret_token()
    with kernel.unit_of_work(membership.tenant_id) as work:
        _add_sign_in_link(work, token_hash=tokens.hash_token(link.reveal()), user_id=user.id, now=now)
        actor = system_actor(work.tenant_id, "patchbay sign-in-link")
        record(work, actor=actor, action="sign_in_link.created", object_kind="user", object_id=user.id)
    return f"{kernel.settings.public_url}/login/link/{link.reveal()}"


def _create_tenant(work: UnitOfWork, kernel: Kernel, *, name: str, owner: User, now: datetime) -> Membership:
    repository.add_tenant(work.session, tenant_id=work.tenant_id, name=name, now=now)
    vault.create_data_key(work, kernel)
    return repository.add_owner(work.session, tenant_id=work.tenant_id, user=owner, membership_id=new_id(), now=now)


def _record_creation(work: UnitOfWork, *, actor: Actor, user_id: UUID) -> None:
    record(work, actor=actor, action="tenant.created", object_kind="tenant", object_id=work.tenant_id)
    record(
        work, actor=actor, action="member.added", object_kind="user", object_id=user_id,
        detail={"role": Role.OWNER.value},
    )  # fmt: skip


def _add_sign_in_link(work: UnitOfWork, *, token_hash: str, user_id: UUID, now: datetime) -> None:
    work.session.add(
        OneTimeLink(
            id=new_id(),
            token_hash=token_hash,
            purpose=LinkPurpose.SIGN_IN,
            tenant_id=work.tenant_id,
            user_id=user_id,
            created_at=now,
            expires_at=now + LINK_LIFETIME,
        )
    )


def _name_from(email: str) -> str:
    local = email.partition("@")[0]
    return (
        " ".join(part.capitalize() for part in local.replace("_", ".").replace("-", ".").split(".") if part)[
            :MAX_NAME_CHARACTERS
        ]
        or "Owner"
    )


def _exists_already() -> Conflict:
    return Conflict(
        "This e-mail address has an account already. Sign in at /login, or bootstrap with another address.",
        code="email_taken",
    )
