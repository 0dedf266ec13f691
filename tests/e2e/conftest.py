"""One running product and one browser for all journeys."""

from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support.chromium import chromium
from tests.support.product import Product, running_product

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the newcomer: the set-up link is good until there is a company, and the others create some."""
    here = Path(__file__).parent
    places = [index for index, item in enumerate(items) if item.path.parent == here]
    ordered = sorted((items[index] for index in places), key=lambda item: item.path.name != "test_journey.py")
    for index, item in zip(places, ordered, strict=True):
        items[index] = item


@pytest.fixture(scope="package")
def product() -> Generator[Product]:
    """The whole product; not below pytest's own folder, which PostgreSQL's user cannot enter."""
    with TemporaryDirectory(prefix="patchbay-e2e-") as folder:
        Path(folder).chmod(0o755)
        with running_product(Path(folder) / "data") as running:
            yield running


@pytest.fixture(scope="package")
def browser() -> Generator[Browser]:
    """Chromium."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield started
        started.close()
