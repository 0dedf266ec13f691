"""A shop whose health is looked at, and a clock that the test moves."""

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest

from services.kernel.settings import Settings
from tests.integration.health.ward import Ward
from tests.support.clock import FakeClock
from tests.support.line import running_line


@pytest.fixture
def ward(settings: Settings, clock: FakeClock, tmp_path: Path) -> Generator[Ward]:
    """A tenant that is connected to Slack and to a phone number, seen through a clock that stands still."""
    with running_line(settings, tmp_path) as line:
        line.kernel = replace(line.kernel, clock=clock)
        ward = Ward(line=line, clock=clock, shop=line.open_shop("Northwind"))
        line.work()
        yield ward
