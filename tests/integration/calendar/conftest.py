"""A tenant whose agent has a calendar at a source in memory, by the test's clock."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from services.kernel.kernel import Kernel
from services.kernel.settings import Settings
from tests.integration.connections.scene import new_agent, new_tenant
from tests.support.clock import FakeClock
from tests.support.kernels import build_kernel
from tests.support.line import OnDemandQueue
from tests.support.planner.scene import Diary, TokenWire, open_diary, planner_registered, with_planner_app
from tests.support.planner.source import Source


@pytest.fixture(autouse=True)
def planner() -> Iterator[None]:
    """The source as a provider."""
    with planner_registered():
        yield


@pytest.fixture
def source(clock: FakeClock) -> Source:
    """An empty calendar."""
    return Source("cal@northwind.example", clock)


@pytest.fixture
def queue() -> OnDemandQueue:
    """What was woken."""
    return OnDemandQueue()


@pytest.fixture
def wire(source: Source) -> TokenWire:
    """The source's token endpoint."""
    return TokenWire(source)


@pytest.fixture
def kernel(settings: Settings, clock: FakeClock, queue: OnDemandQueue, wire: TokenWire) -> Iterator[Kernel]:
    """The product's seams on a fresh database, with nobody outside but the source."""
    built = build_kernel(with_planner_app(settings), clock=clock)
    yield replace(built, queue=queue, http=wire)
    built.close()


@pytest.fixture
def diary(kernel: Kernel, clock: FakeClock, source: Source) -> Diary:
    """The agent's calendar."""
    owner = new_tenant(kernel, "northwind").actor
    return open_diary(kernel, clock, owner, new_agent(kernel, owner), source)
