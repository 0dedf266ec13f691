"""A company in Berlin with a past."""

from datetime import UTC, datetime

import pytest

from services.kernel.kernel import Kernel
from services.tenants import Actor
from tests.integration.analytics.history import History, begin, owner_of
from tests.support.clock import FakeClock

NOW = datetime(2026, 10, 26, 14, 20, tzinfo=UTC)
"""The day after clocks went back in Berlin."""


@pytest.fixture
def clock() -> FakeClock:
    """It is always the same time."""
    return FakeClock(NOW)


@pytest.fixture
def owner(kernel: Kernel) -> Actor:
    """An owner of the company."""
    return owner_of(kernel, "Northwind")


@pytest.fixture
def history(kernel: Kernel, owner: Actor) -> History:
    """Two agents, and nothing written yet."""
    return begin(kernel, owner.tenant_id, agents=("Ada", "Bri"), now=NOW)
