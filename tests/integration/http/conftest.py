"""The plain HTTP routes on a fresh database, with and without the line behind them."""

from collections.abc import Generator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.http.api import create_http_app
from services.kernel.kernel import Kernel
from services.kernel.settings import Settings
from tests.support.line import Line, running_line


@pytest.fixture
def browser(kernel: Kernel) -> Generator[TestClient]:
    """A browser on the product's own address, which does not follow redirects by itself."""
    with TestClient(create_http_app(kernel), base_url=kernel.settings.public_url, follow_redirects=False) as client:
        client.headers["Accept"] = "text/html"
        yield client


@pytest.fixture
def api(kernel: Kernel) -> Generator[TestClient]:
    """A script that calls the REST API."""
    with TestClient(create_http_app(kernel), base_url=f"{kernel.settings.public_url}/api/v1") as client:
        yield client


@pytest.fixture
def line(settings: Settings, tmp_path: Path) -> Generator[Line]:
    """Webhook door, sandbox, and a worker on demand."""
    with running_line(settings, tmp_path) as running:
        yield running
