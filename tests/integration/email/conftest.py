"""Two tenants, each with a mailbox."""

import pytest

from services.kernel.kernel import Kernel
from services.tenants import Actor, bootstrap
from tests.integration.agents.conftest import actor_of
from tests.integration.email.post import Post, open_post
from tests.support.clock import FakeClock


@pytest.fixture
def owner(kernel: Kernel) -> Actor:
    """The owner of a tenant."""
    return actor_of(bootstrap(kernel, email="ana@example.com", tenant="Northwind").tenant_id)


@pytest.fixture
def post(kernel: Kernel, clock: FakeClock, owner: Actor) -> Post:
    """A mailbox."""
    return open_post(kernel, clock, owner)


@pytest.fixture
def other_post(kernel: Kernel, clock: FakeClock) -> Post:
    """Another tenant's mailbox, with the same address at its own connection."""
    tenant_id = bootstrap(kernel, email="ben@example.net", tenant="Southwind").tenant_id
    return open_post(kernel, clock, actor_of(tenant_id))
