"""What holds for every test of the suite."""

from collections.abc import Iterator

import pytest

from services.provider_kit import registry
from tests.providers.harness import load_wire


@pytest.fixture(autouse=True)
def nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No log line at any level holds a secret."""
    caplog.set_level("DEBUG")
    yield
    logged = "\n".join(record.getMessage() for record in caplog.records)
    for slug in [manifest.slug for manifest in registry.list_manifests()]:
        for secret in load_wire(slug).secrets.values():
            assert secret not in logged
