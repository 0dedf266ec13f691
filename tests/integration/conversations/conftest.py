"""The line on a fresh database."""

from collections.abc import Generator
from pathlib import Path

import pytest

from services.kernel.settings import Settings
from tests.support.line import Line, Shop, running_line


@pytest.fixture
def line(settings: Settings, tmp_path: Path) -> Generator[Line]:
    """Webhook door, sandbox, and a worker on demand."""
    with running_line(settings, tmp_path) as running:
        yield running


@pytest.fixture
def shop(line: Line) -> Shop:
    """A tenant that is connected."""
    return line.open_shop("Northwind")
