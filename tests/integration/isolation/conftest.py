"""The twins, and a browser that somebody of theirs is signed in with."""

from collections.abc import Generator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlmodel import col, select

from models import Membership, Role, User
from services.kernel.ids import new_id
from services.tenants import session_cookie_name
from services.tenants.repository import find_user
from services.tenants.sessions import open_session
from tests.integration.isolation.twins import Twins, living_twins
from workers.runtime.embedded import EmbeddedUrls


@pytest.fixture(scope="package")
def twins(servers: EmbeddedUrls) -> Generator[Twins]:
    """Two tenants, made once."""
    with living_twins(servers) as living:
        yield living


def cookie_of(twins: Twins, tenant_id: UUID, role: Role) -> str:
    """Sign somebody with that role in."""
    kernel, now = twins.line.kernel, datetime.now(UTC)
    user_id, member_id = new_id(), new_id()
    with kernel.unit_of_work(tenant_id) as work:
        work.session.add(User(id=user_id, email=f"{user_id}@x.example", name=role.value, created_at=now))
        work.session.flush()
        work.session.add(Membership(tenant_id=tenant_id, id=member_id, user_id=user_id, role=role, created_at=now))
    with kernel.unit_of_work(tenant_id) as work:
        found = select(Membership).where(col(Membership.tenant_id) == tenant_id, col(Membership.id) == member_id)
        user = find_user(work.session, user_id)
        assert user is not None
        opened = open_session(work.session, membership=work.session.exec(found).one(), user=user, now=now)
    return f"{session_cookie_name(kernel.settings)}={opened.session_token.reveal()}"
