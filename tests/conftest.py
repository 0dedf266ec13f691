"""Fixtures shared by all tests: embedded servers once per run, a fresh database per test, no error logs."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from services.kernel.kernel import Kernel, build_kernel
from services.kernel.settings import Settings
from tests.support.clock import FakeClock
from tests.support.databases import copied_database, create_template, url_of
from workers.runtime.embedded import EmbeddedUrls, embedded_servers


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedUrls]:
    """Embedded PostgreSQL and Redis for the whole run."""
    with embedded_servers(tmp_path_factory.mktemp("servers")) as urls:
        create_template(urls.database_owner_url)
        yield urls


@pytest.fixture
def settings(servers: EmbeddedUrls, tmp_path: Path) -> Iterator[Settings]:
    """Settings with a fresh, migrated database and an empty Redis."""
    Redis.from_url(servers.redis_url).flushall()
    with copied_database(servers.database_owner_url) as name:
        yield Settings(
            data_dir=tmp_path,
            database_url=url_of(servers.database_url, name),
            database_owner_url=url_of(servers.database_owner_url, name),
            redis_url=servers.redis_url,
            sandbox=True,
            public_url="http://127.0.0.1:8000",
        )


@pytest.fixture
def clock() -> FakeClock:
    """A clock that the test moves."""
    return FakeClock()


@pytest.fixture
def kernel(settings: Settings, clock: FakeClock) -> Iterator[Kernel]:
    """The product's seams on a fresh database."""
    built = build_kernel(settings, clock=clock)
    yield built
    built.close()


@pytest.fixture(autouse=True)
def no_error_logs(caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that logs at error level; ``@pytest.mark.expects_error_logs`` says where that is the point."""
    yield
    if request.node.get_closest_marker("expects_error_logs"):
        return
    records = [record for phase in ("setup", "call") for record in caplog.get_records(phase)]
    errors = [record for record in records if record.levelno >= logging.ERROR]
    assert not errors, f"logged at error level: {[record.getMessage() for record in errors]}"
