"""The stage: embedded servers, a migrated database, and the product's real processes, each ended at the end."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.pool import Pool
from pathlib import Path

import psutil
import psycopg

from services.kernel.kernel import Kernel, build_kernel
from services.kernel.settings import Settings
from workers.runtime import migration, process
from workers.runtime.embedded import EmbeddedUrls, embedded_servers
from workers.runtime.process import Command

ROOT = Path(__file__).resolve().parents[1]
_START_SECONDS = 90.0
_STOP_SECONDS = 8.0


class NotStarted(Exception):
    """A process did not start; the message holds its last words."""


@dataclass(slots=True)
class Running:
    """A process on the stage."""

    name: str
    popen: subprocess.Popen[bytes]
    log_file: Path
    port: int = 0

    @property
    def process(self) -> psutil.Process:
        """The process, for its memory."""
        return psutil.Process(self.popen.pid)

    def rest(self) -> None:
        """Take no processor time until :meth:`go_on`."""
        self.process.suspend()

    def go_on(self) -> None:
        """Go on."""
        self.process.resume()

    def last_words(self) -> str:
        """Return the end of its log."""
        return "\n".join(self.log_file.read_text("utf-8", "replace").splitlines()[-8:])


@dataclass(slots=True)
class Stage:
    """Servers, a kernel of our own beside the product's, and whatever was started."""

    folder: Path
    urls: EmbeddedUrls
    sink_port: int
    kernel: Kernel
    helpers: Pool
    """Processes for the load generator and the peers, so that this one only waits."""
    _running: list[Running] = field(default_factory=list[Running])

    # Product

    def web(self, *, only_webhooks: bool) -> Running:
        """Start ``patchbay web`` and wait until it answers."""
        arguments = ("web", "--only", "webhooks") if only_webhooks else ("web",)
        return self._serve("webhooks" if only_webhooks else "web", "workers.runtime.cli", *arguments, port=free_port())

    def workers(self, count: int) -> list[Running]:
        """Start workers, which are ready a moment later."""
        return [
            self.start(f"worker-{number}", "workers.runtime.cli", "worker", "--number", str(number))
            for number in range(1, count + 1)
        ]

    def scheduler(self) -> Running:
        """Start the scheduler with its sweeper."""
        return self.start("scheduler", "workers.runtime.cli", "scheduler")

    # Others

    def peer(self, name: str) -> Running:
        """Start what the product is compared with, and wait until it answers."""
        port = free_port()
        return self._serve(name, "benchmarks.peers", name, str(port), port=port)

    def sink(self) -> Running:
        """Start the provider that accepts everything, and wait until it answers."""
        return self._serve("sink", "benchmarks.sink", str(self.sink_port), port=self.sink_port)

    def start(self, name: str, module: str, *arguments: str, port: int = 0) -> Running:
        """Start a Python module as a process of its own, which never outlives this one."""
        log_file = self.folder / "log" / f"{name}.log"
        command = Command(
            name=name,
            argv=(sys.executable, "-m", module, *arguments),
            cwd=ROOT,
            env=self._environment(port),
            log_file=log_file,
        )
        running = Running(name, process.spawn(command), log_file, port)
        self._running.append(running)
        return running

    def stop(self, *ended: Running) -> None:
        """Stop some processes, or all."""
        chosen = list(ended) or list(reversed(self._running))
        for running in chosen:
            if running.popen.poll() is None:
                running.go_on()
        process.stop([(running.popen, signal.SIGTERM) for running in chosen], grace_seconds=_STOP_SECONDS)
        self._running = [running for running in self._running if running not in chosen]

    def owner(self) -> psycopg.Connection:
        """Return a session as the owner of the tables, for counting and for setting scenes."""
        return psycopg.connect(self.urls.database_owner_url, autocommit=True)

    def postgres_version(self) -> str:
        """Return the version of the embedded PostgreSQL."""
        with self.owner() as session:
            row = session.execute("SHOW server_version").fetchone()
        assert row is not None, "a setting is one row"
        return str(row[0])

    def _serve(self, name: str, module: str, *arguments: str, port: int) -> Running:
        running = self.start(name, module, *arguments, port=port)
        answers = process.wait_until(
            lambda: _answers(port) or running.popen.poll() is not None, timeout_seconds=_START_SECONDS
        )
        if not answers or running.popen.poll() is not None:
            raise NotStarted(f"{name} did not start:\n{running.last_words()}")
        return running

    def _environment(self, port: int) -> Mapping[str, str]:
        own = {"PATCHBAY_PORT": str(port)} if port else {}
        return {**product_environment(self.folder, self.urls, sink_port=self.sink_port), **own}


@contextmanager
def set_up() -> Generator[Stage]:
    """Start the servers in a temporary folder, migrate, and see to it that nothing is left at the end."""
    with (
        tempfile.TemporaryDirectory(prefix="patchbay-bench-") as name,
        embedded_servers(Path(name)) as urls,
        get_context("spawn").Pool(1) as helpers,
    ):
        folder, sink_port = Path(name), free_port()
        settings = settings_for(folder, urls, sink_port=sink_port)
        migration.upgrade(settings)
        stage = Stage(folder, urls, sink_port, build_kernel(settings), helpers)
        try:
            yield stage
        finally:
            stage.stop()
            stage.kernel.close()


def settings_for(folder: Path, urls: EmbeddedUrls, *, sink_port: int) -> Settings:
    """Return the product's settings for this process."""
    return Settings(
        data_dir=folder,
        database_url=urls.database_url,
        database_owner_url=urls.database_owner_url,
        redis_url=urls.redis_url,
        sandbox=True,
        provider_urls={"slack_api": sink_url(sink_port)},
    )


def product_environment(folder: Path, urls: EmbeddedUrls, *, sink_port: int) -> dict[str, str]:
    """Return the product's environment: as it is by default, with our servers and the sink as Slack."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PATCHBAY_")}
    return {
        **inherited,
        "PATCHBAY_DATA_DIR": str(folder),
        "PATCHBAY_DATABASE_URL": urls.database_url,
        "PATCHBAY_DATABASE_OWNER_URL": urls.database_owner_url,
        "PATCHBAY_REDIS_URL": urls.redis_url,
        "PATCHBAY_SANDBOX": "1",  # or calls to the loopback would be refused
        "PATCHBAY_SLACK_API_URL": sink_url(sink_port),
        "PYTHONUNBUFFERED": "1",
    }


def sink_url(port: int) -> str:
    """Return where the sink plays Slack's Web API."""
    return f"http://127.0.0.1:{port}/api/"


def free_port() -> int:
    """Return a port on the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
