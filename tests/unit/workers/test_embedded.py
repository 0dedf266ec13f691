"""The embedded servers: they start again whatever was killed, and keep what they were given."""

import signal
from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import psycopg
import pytest
from redis import Redis
from redis.exceptions import RedisError

from services.kernel.errors import ConfigurationError
from workers.runtime import process
from workers.runtime.embedded import EmbeddedServers, embedded_servers


@pytest.fixture
def data_dir() -> Generator[Path]:
    """A data folder that PostgreSQL's user can reach: pytest closes its own temporary folder to other users."""
    with TemporaryDirectory(prefix="patchbay-tests-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def untouched() -> Generator[EmbeddedServers]:
    """Servers for tests that only look."""
    with TemporaryDirectory(prefix="patchbay-tests-") as folder:
        servers = EmbeddedServers(Path(folder))
        servers.start()
        yield servers
        servers.stop()


@pytest.fixture
def embedded(data_dir: Path) -> Generator[EmbeddedServers]:
    """Servers of the test's own, which it may kill."""
    servers = EmbeddedServers(data_dir)
    servers.start()
    yield servers
    servers.stop()


def test_the_product_role_is_under_row_level_security(untouched: EmbeddedServers) -> None:
    with psycopg.connect(untouched.urls.database_url) as session:
        row = session.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles"
            " WHERE rolname = current_user"
        ).fetchone()
    assert row == ("patchbay_app", False, False, False, False)


def test_a_commit_is_durable(untouched: EmbeddedServers) -> None:
    with psycopg.connect(untouched.urls.database_url) as session:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert session.execute("SELECT current_setting(%s)", (setting,)).fetchone() == ("on",)


def test_nothing_listens_on_a_network_port(untouched: EmbeddedServers) -> None:
    servers = [child for child in psutil.Process().children() if child.name() in ("postgres", "redis-server")]
    assert untouched.urls.redis_url.startswith("unix://")
    assert len(servers) >= 2
    assert not [connection for server in servers for connection in server.net_connections("inet")]


@pytest.mark.parametrize("command", [("KEYS", "*"), ("CONFIG", "GET", "*"), ("DEBUG", "SLEEP", "0"), ("FLUSHALL",)])
def test_redis_refuses_dangerous_commands(untouched: EmbeddedServers, command: tuple[str, ...]) -> None:
    with pytest.raises(RedisError, match="no permissions"):
        Redis.from_url(untouched.urls.redis_url).execute_command(*command)


def test_killed_servers_start_again_with_what_was_committed(embedded: EmbeddedServers) -> None:
    with psycopg.connect(embedded.urls.database_owner_url) as session:
        session.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    Redis.from_url(embedded.urls.redis_url).set("kept", "yes")
    embedded.kill_postgres()
    embedded.start_postgres()
    with psycopg.connect(embedded.urls.database_owner_url) as session:
        assert session.execute("SELECT answer FROM kept").fetchone() == (42,)
    embedded.stop()
    embedded.start()
    assert Redis.from_url(embedded.urls.redis_url).get("kept") == b"yes"


def test_a_stale_pid_file_with_somebody_elses_pid_does_not_block_the_start(
    embedded: EmbeddedServers, data_dir: Path
) -> None:
    embedded.kill_postgres()
    pid_file = data_dir / "postgres" / "postmaster.pid"
    lines = pid_file.read_text(encoding="ascii").splitlines()
    pid_file.write_text("\n".join(["1", *lines[1:]]) + "\n", encoding="ascii")
    embedded.start_postgres()


def test_orphans_of_a_killed_supervisor_are_stopped_first(embedded: EmbeddedServers, data_dir: Path) -> None:
    orphans = [child for child in psutil.Process().children() if child.name() in ("postgres", "redis-server")]
    ours = [child for child in orphans if child.cwd().startswith(str(data_dir))]
    assert len(ours) == 2
    again = EmbeddedServers(data_dir)
    again.start()
    try:
        assert process.wait_until(
            lambda: all(not child.is_running() or child.status() == psutil.STATUS_ZOMBIE for child in ours),
            timeout_seconds=10,
        )
    finally:
        again.stop()


def test_a_cluster_that_was_cut_off_while_it_was_made_is_made_anew(data_dir: Path) -> None:
    (data_dir / "postgres.new" / "base").mkdir(parents=True)
    (data_dir / "postgres").mkdir()
    with embedded_servers(data_dir) as urls, psycopg.connect(urls.database_url) as session:
        assert session.execute("SELECT 1").fetchone() == (1,)


def test_redis_starts_empty_when_its_file_is_damaged(data_dir: Path) -> None:
    with embedded_servers(data_dir) as urls:
        Redis.from_url(urls.redis_url).set("a", "b")
    (data_dir / "redis" / "appendonly.aof").write_bytes(b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\nnonsense\r\n" * 20)
    with pytest.raises(ConfigurationError, match="redis does not start"), embedded_servers(data_dir):
        pass
    with embedded_servers(data_dir) as urls:
        assert Redis.from_url(urls.redis_url).get("a") is None


def test_a_path_too_long_for_a_socket_is_no_obstacle(data_dir: Path) -> None:
    long_path = data_dir / ("long" * 30)
    with embedded_servers(long_path) as urls:
        assert str(long_path) not in urls.redis_url
        assert Redis.from_url(urls.redis_url).ping()


def test_a_second_user_of_the_folder_is_refused(data_dir: Path) -> None:
    with (
        embedded_servers(data_dir),
        pytest.raises(ConfigurationError, match="already running"),
        embedded_servers(data_dir),
    ):
        pass


def test_data_of_another_version_is_left_alone(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir()
    (data_dir / "postgres" / "PG_VERSION").write_text("15\n", encoding="ascii")
    with pytest.raises(ConfigurationError, match="PostgreSQL 15"), embedded_servers(data_dir):
        pass
    assert (data_dir / "postgres" / "PG_VERSION").read_text(encoding="ascii") == "15\n"


def test_stopping_is_quick_and_clean(embedded: EmbeddedServers, data_dir: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    with psycopg.connect(embedded.urls.database_url):  # an open session must not hold it up
        embedded.stop()
    assert not (data_dir / "postgres" / "postmaster.pid").exists()
    assert signal.getsignal(signal.SIGINT) is before
