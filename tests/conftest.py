"""Fixtures shared by all tests: embedded servers once per run, a fresh database per test, no error logs."""

import logging
from collections.abc import Generator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import pytest
from redis import Redis
from xdist.remote import Producer

from services.kernel.kernel import Kernel
from services.kernel.settings import Settings
from tests.support.clock import FakeClock
from tests.support.databases import ReusedDatabase, create_template, url_of
from tests.support.kernels import build_kernel
from tests.support.order import SharedScheduling, put_in_order
from tests.support.product import Product, running_product
from workers.runtime.embedded import EmbeddedUrls, embedded_servers


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    put_in_order(items)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> SharedScheduling:
    """Let tests share a running product."""
    return SharedScheduling(config, log)


@pytest.fixture(scope="session")
def servers() -> Generator[EmbeddedUrls]:
    """Embedded PostgreSQL and Redis for the whole run.

    Not below pytest's own temporary folder: each run closes that to other users, PostgreSQL's among them.
    """
    with TemporaryDirectory(prefix="patchbay-tests-") as folder, embedded_servers(Path(folder)) as urls:
        create_template(urls.database_owner_url)
        yield urls


@pytest.fixture(scope="session")
def product() -> Generator[Product]:
    """The whole product with its processes, started once for all tests that look at it from the outside."""
    with TemporaryDirectory(prefix="patchbay-tests-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL's user must be able to enter
        with running_product(Path(folder) / "data") as running:
            yield running


@pytest.fixture(scope="session")
def database(servers: EmbeddedUrls) -> Generator[ReusedDatabase]:
    """The database that tests get one after the other."""
    reused = ReusedDatabase(servers.database_owner_url)
    yield reused
    reused.drop()


@pytest.fixture
def settings(servers: EmbeddedUrls, database: ReusedDatabase, tmp_path: Path) -> Generator[Settings]:
    """Settings with a database as the migrations left it and an empty Redis."""
    redis = Redis.from_url(servers.redis_url)
    # The embedded Redis refuses FLUSHALL, like every dangerous command.
    for key in cast(Iterator[bytes], redis.scan_iter(count=1000)):
        redis.unlink(key)
    name = database.lend()
    yield Settings(
        data_dir=tmp_path,
        database_url=url_of(servers.database_url, name),
        database_owner_url=url_of(servers.database_owner_url, name),
        redis_url=servers.redis_url,
        sandbox=True,
        public_url="http://127.0.0.1:8000",
    )
    database.take_back()


@pytest.fixture
def clock() -> FakeClock:
    """A clock that the test moves."""
    return FakeClock()


@pytest.fixture
def kernel(settings: Settings, clock: FakeClock) -> Generator[Kernel]:
    """The product's seams on a fresh database."""
    built = build_kernel(settings, clock=clock)
    yield built
    built.close()


@pytest.fixture(autouse=True)
def no_error_logs(caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest) -> Generator[None]:
    """Fail a test that logs at error level; ``@pytest.mark.expects_error_logs`` says where that is the point."""
    yield
    if request.node.get_closest_marker("expects_error_logs"):
        return
    records = [record for phase in ("setup", "call") for record in caplog.get_records(phase)]
    errors = [record for record in records if record.levelno >= logging.ERROR]
    assert not errors, f"logged at error level: {[record.getMessage() for record in errors]}"
