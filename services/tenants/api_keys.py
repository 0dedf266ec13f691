"""Bearer keys for the REST API."""

from datetime import datetime, timedelta

from models import ApiKey, Role
from services.audit import record
from services.kernel.db import UnitOfWork
from services.kernel.errors import Forbidden, Unauthenticated
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.tenants import repository, tokens
from services.tenants.actor import PERMISSIONS, Actor, Permission, require
from services.tenants.fields import clean_name
from services.tenants.views import NewApiKey

USED_STEP = timedelta(minutes=1)
"""How exactly it is known when a key was last used."""

_NOT_VALID = "The API key is not valid. Send a key that starts with pb_live_ as “Authorization: Bearer …”."


def create_api_key(kernel: Kernel, *, actor: Actor, name: str, role: Role) -> NewApiKey:
    """Create a key; its value is given out this once.

    Raises:
        Forbidden: the actor may not create keys, or not with more rights than their own.
        InvalidInput: the name is wrong.
    """
    require(actor, Permission.KEYS_EDIT)
    if not PERMISSIONS[role] <= PERMISSIONS[actor.role]:
        raise Forbidden(
            f"A key may not have more rights than you have. Choose “{actor.role.value}” or a lesser role.",
            code="role_too_high",
        )
    clean = clean_name(name, field="name", noun="a name for the key")
    with kernel.unit_of_work(actor.tenant_id) as work:
        return add_api_key(work, actor=actor, name=clean, role=role, now=kernel.clock.now())


def add_api_key(work: UnitOfWork, *, actor: Actor, name: str, role: Role, now: datetime) -> NewApiKey:
    """Add a key in the caller's transaction, and the audit entry with it."""
    key = tokens.new_api_key()
    row = ApiKey(
        tenant_id=work.tenant_id,
        id=new_id(),
        name=name,
        role=role,
        prefix=tokens.shown_part(key),
        token_hash=tokens.hash_token(key.reveal()),
        created_at=now,
    )
    work.session.add(row)
    record(
        work, actor=actor, action="api_key.created", object_kind="api_key", object_id=row.id,
        detail={"name": name, "role": role.value},
    )  # fmt: skip
    return NewApiKey(id=row.id, name=name, role=role, prefix=row.prefix, key=key)


def authenticate_api_key(kernel: Kernel, key: str) -> Actor:
    """Return who is behind a bearer key, and note that it is in use.

    Raises:
        Unauthenticated: unknown or revoked.
    """
    if not tokens.is_plausible(key) or not key.startswith(tokens.API_KEY_START):
        raise Unauthenticated(_NOT_VALID, code="api_key_not_valid")
    now = kernel.clock.now()
    with kernel.unscoped_session("api_key.find_actor") as session:
        row = repository.find_api_key(session, token_hash=tokens.hash_token(key))
        if row is None or row.revoked_at is not None:
            raise Unauthenticated(_NOT_VALID, code="api_key_not_valid")
        if row.last_used_at is None or now - row.last_used_at >= USED_STEP:
            row.last_used_at = now
        return Actor(tenant_id=row.tenant_id, kind="api_key", id=row.id, label=row.name, role=row.role)
