"""The permission table, cell by cell."""

import pytest

from models import Role
from services.kernel.errors import Forbidden
from services.kernel.ids import new_id
from services.tenants import PERMISSIONS, Actor, Permission, require, system_actor

VIEWS = {
    Permission.AGENTS_VIEW,
    Permission.CONNECTIONS_VIEW,
    Permission.CONVERSATIONS_VIEW,
    Permission.DELIVERIES_VIEW,
    Permission.TRACES_VIEW,
}


def _actor(role: Role) -> Actor:
    return Actor(tenant_id=new_id(), kind="user", id=new_id(), label="Ana", role=role)


def test_every_role_has_a_row_and_roles_nest() -> None:
    assert set(PERMISSIONS) == set(Role)
    assert PERMISSIONS[Role.VIEWER] == VIEWS
    assert PERMISSIONS[Role.VIEWER] < PERMISSIONS[Role.OPERATOR] < PERMISSIONS[Role.ADMIN] < PERMISSIONS[Role.OWNER]
    assert PERMISSIONS[Role.OWNER] == set(Permission)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("permission", list(Permission))
def test_require_follows_the_table(role: Role, permission: Permission) -> None:
    actor = _actor(role)
    if permission in PERMISSIONS[role]:
        require(actor, permission)
        assert actor.may(permission)
        return
    with pytest.raises(Forbidden, match=f"The role “{role.value}” may not .* Ask an owner"):
        require(actor, permission)
    assert not actor.may(permission)


def test_system_actor_belongs_to_one_tenant() -> None:
    tenant_id = new_id()
    actor = system_actor(tenant_id, "nightly check")
    assert (actor.tenant_id, actor.kind, actor.id, actor.label) == (tenant_id, "system", None, "nightly check")
