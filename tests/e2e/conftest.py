"""One browser for all journeys."""

from collections.abc import Generator

import pytest
from playwright.sync_api import Browser

from tests.support.chromium import running_chromium


@pytest.fixture(scope="package")
def browser() -> Generator[Browser]:
    """Chromium."""
    with running_chromium() as started:
        yield started
