"""What acknowledges webhooks does not start on a database that may forget them."""

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from services.kernel.errors import ConfigurationError
from services.kernel.kernel import build_kernel
from services.kernel.settings import Settings
from services.operations import require_durability
from workers.runtime import process
from workers.runtime.embedded import APP_ROLE, EmbeddedPostgres, await_ready


@pytest.fixture(scope="module")
def forgetful() -> Generator[str]:
    """The address of a PostgreSQL that does not wait for its disk."""
    with TemporaryDirectory(prefix="patchbay-tests-") as folder:
        server = EmbeddedPostgres(Path(folder))
        prepared = server.prepare()
        command = replace(prepared, argv=(*prepared.argv, "-c", "fsync=off"))
        child = process.spawn(command)
        try:
            await_ready(server, child=child, command=command)
            server.ensure_database()
            yield server.url(role=APP_ROLE)
        finally:
            process.stop([(child, command.stop_signal)], grace_seconds=5)


def test_a_database_that_keeps_what_it_commits_is_taken(settings: Settings) -> None:
    require_durability(build_kernel(settings))


def test_a_database_that_may_forget_is_refused(settings: Settings, forgetful: str) -> None:
    with pytest.raises(ConfigurationError, match="fsync=off"):
        require_durability(build_kernel(settings.model_copy(update={"database_url": forgetful})))


def test_a_database_that_is_away_is_no_reason_not_to_start(settings: Settings) -> None:
    url = settings.database_url.replace("host=", "host=/nowhere")
    require_durability(build_kernel(settings.model_copy(update={"database_url": url})))
