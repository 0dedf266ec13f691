"""The product, pointed at a running sandbox."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.kernel.kernel import Kernel
from services.kernel.settings import Settings
from tests.integration.connections.scene import PUBLIC_URL, Browser, new_tenant, pointed_at
from tests.support.sandbox import SandboxClient, running_sandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxClient]:
    """The providers."""
    with running_sandbox(tmp_path / "providers", public_url=PUBLIC_URL) as client:
        yield client


@pytest.fixture
def settings(settings: Settings, sandbox: SandboxClient) -> Settings:
    """The test's settings, with the sandbox's addresses."""
    return pointed_at(sandbox, settings)


@pytest.fixture
def owner(kernel: Kernel) -> Browser:
    """The owner of the first tenant."""
    return new_tenant(kernel, "northwind")


@pytest.fixture
def stranger(kernel: Kernel, owner: Browser) -> Browser:
    """The owner of another tenant."""
    return new_tenant(kernel, "harbor")
