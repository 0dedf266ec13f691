"""Pages in this process, on the line's own database."""

from collections.abc import Generator
from pathlib import Path

import pytest

from app.session.kernel import set_kernel
from services.kernel.settings import Settings
from tests.support.line import Line, Shop, running_line


@pytest.fixture
def line(settings: Settings, tmp_path: Path) -> Generator[Line]:
    """The line, with pages that work on its database."""
    with running_line(settings, tmp_path) as running:
        set_kernel(running.kernel)
        yield running


@pytest.fixture
def shop(line: Line) -> Shop:
    """A company that is connected."""
    return line.open_shop("Northwind")
