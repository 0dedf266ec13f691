"""API keys: recognised, limited to their maker's rights, never stored readable."""

from datetime import timedelta

import pytest
from sqlmodel import select

from models import ApiKey, AuditEntry, Role
from services.kernel.errors import Forbidden, InvalidInput, Unauthenticated
from services.kernel.kernel import Kernel
from services.tenants import Actor, authenticate_api_key, bootstrap, create_api_key
from tests.support.clock import FakeClock


@pytest.fixture
def owner(kernel: Kernel) -> Actor:
    result = bootstrap(kernel, email="ana@example.com", tenant="Acme")
    return Actor(tenant_id=result.tenant_id, kind="user", id=result.user_id, label="Ana", role=Role.OWNER)


def _with_role(actor: Actor, role: Role) -> Actor:
    return Actor(tenant_id=actor.tenant_id, kind="user", id=actor.id, label=actor.label, role=role)


def test_key_is_recognised(kernel: Kernel, owner: Actor) -> None:
    key = create_api_key(kernel, actor=owner, name="  CI  ", role=Role.OPERATOR)
    value = key.key.reveal()
    assert value.startswith("pb_live_")
    assert len(value) == len("pb_live_") + 43
    assert key.prefix == value[:12]
    actor = authenticate_api_key(kernel, value)
    assert actor == Actor(
        tenant_id=owner.tenant_id, kind="api_key", id=key.id, label="CI", role=Role.OPERATOR, session_id=None
    )


def test_unknown_key_is_refused(kernel: Kernel, owner: Actor) -> None:
    assert owner
    for value in ("", "pb_live_", "pb_live_" + "a" * 43, "pb_live_é", "Bearer x", "a" * 9999, "\x00"):
        with pytest.raises(Unauthenticated, match="starts with pb_live_"):
            authenticate_api_key(kernel, value)


def test_revoked_key_is_refused(kernel: Kernel, owner: Actor) -> None:
    key = create_api_key(kernel, actor=owner, name="CI", role=Role.VIEWER)
    with kernel.unscoped_session("test") as session:
        session.exec(select(ApiKey).where(ApiKey.id == key.id)).one().revoked_at = kernel.clock.now()
    with pytest.raises(Unauthenticated):
        authenticate_api_key(kernel, key.key.reveal())


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
def test_lesser_roles_create_no_keys(kernel: Kernel, owner: Actor, role: Role) -> None:
    with pytest.raises(Forbidden, match="may not manage keys"):
        create_api_key(kernel, actor=_with_role(owner, role), name="CI", role=Role.VIEWER)


def test_key_has_at_most_its_makers_rights(kernel: Kernel, owner: Actor) -> None:
    admin = _with_role(owner, Role.ADMIN)
    with pytest.raises(Forbidden, match="more rights than you have"):
        create_api_key(kernel, actor=admin, name="CI", role=Role.OWNER)
    create_api_key(kernel, actor=admin, name="CI", role=Role.ADMIN)


def test_name_is_checked(kernel: Kernel, owner: Actor) -> None:
    with pytest.raises(InvalidInput) as caught:
        create_api_key(kernel, actor=owner, name=" ", role=Role.VIEWER)
    assert caught.value.field == "name"


def test_last_use_is_written_once_a_minute(kernel: Kernel, owner: Actor, clock: FakeClock) -> None:
    key = create_api_key(kernel, actor=owner, name="CI", role=Role.VIEWER)
    start = clock.now()

    def last_used() -> timedelta | None:
        with kernel.unscoped_session("test") as session:
            used_at = session.exec(select(ApiKey).where(ApiKey.id == key.id)).one().last_used_at
        return used_at - start if used_at else None

    assert last_used() is None
    for seconds, expected in ((0, 0), (59, 0), (1, 60)):
        clock.advance(timedelta(seconds=seconds))
        authenticate_api_key(kernel, key.key.reveal())
        assert last_used() == timedelta(seconds=expected)


def test_creation_is_audited_without_the_key(kernel: Kernel, owner: Actor) -> None:
    key = create_api_key(kernel, actor=owner, name="CI", role=Role.VIEWER)
    with kernel.unit_of_work(owner.tenant_id) as work:
        statement = select(AuditEntry).where(AuditEntry.tenant_id == owner.tenant_id, AuditEntry.object_id == key.id)
        entry = work.session.exec(statement).one()
    assert (entry.action, entry.actor_label, entry.detail) == (
        "api_key.created",
        "Ana",
        {"name": "CI", "role": "viewer"},
    )
    assert key.key.reveal() not in str(entry)


def test_key_of_another_tenant_is_another_actor(kernel: Kernel, owner: Actor) -> None:
    other = bootstrap(kernel, email="ben@example.com", tenant="Other")
    actor = authenticate_api_key(kernel, other.api_key.reveal())
    assert actor.tenant_id == other.tenant_id != owner.tenant_id
