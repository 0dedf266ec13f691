"""The whole product, as a person starts it: ``patchbay run`` with all its processes, on ports and a folder of its own.

A test may end its processes, each by its own pid, and look whether the product gets over it.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from unittest import mock

import httpx2
import psutil
from pydantic import BaseModel, ConfigDict
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from app.sandbox.identities import load_identities
from services.kernel.queue import QUEUE_NAME
from services.kernel.settings import Settings, load_settings
from tests.support.sandbox import SandboxClient
from workers.runtime import data_folder, process
from workers.runtime.process import Command

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 300.0
"""The pages may have to be built first."""
STOP_SECONDS = 10.0
"""The promise: SIGTERM stops everything cleanly within this time."""
_COMMAND_SECONDS = 180.0
_RECOVERY_SECONDS = 60.0

BRISK: Mapping[str, str] = MappingProxyType(
    {
        # A lease must outlast a whole call to a provider, or a slow one would be repeated.
        "PATCHBAY_LEASE_SECONDS": "3",
        "PATCHBAY_OUTBOUND_DEADLINE_SECONDS": "1.5",
        "PATCHBAY_SWEEP_SECONDS": "0.5",
        "PATCHBAY_RETRY_BASE_SECONDS": "0.2",
    }
)
"""The product's own periods, shortened, so that what takes half a minute takes seconds."""


class LogLine(BaseModel):
    """One line of the product's log."""

    model_config = ConfigDict(extra="allow", frozen=True)
    event: str = ""
    level: str = ""
    process: str = ""


class Bootstrapped(BaseModel):
    """What ``patchbay bootstrap --json`` prints."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    tenant_id: str
    user_id: str
    api_key: str
    sign_in_link: str


class _Banner(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    event: str
    address: str
    setup_link: str
    sandbox_address: str


def eventually(condition: Callable[[], bool], *, what: str, seconds: float = _RECOVERY_SECONDS) -> None:
    """Wait until a condition holds.

    Raises:
        AssertionError: it did not in time.
    """
    assert process.wait_until(condition, timeout_seconds=seconds), f"{what}: not within {seconds:g} s"


@dataclass(slots=True)
class Product:
    """A running product, its processes and what it has said.

    Args:
        data_dir: its data folder.
        environment: settings beside the ones that give it ports of its own.
    """

    data_dir: Path
    environment: Mapping[str, str]
    address: str = ""
    setup_link: str = ""
    _sandbox: SandboxClient | None = None
    _supervisor: subprocess.Popen[bytes] | None = None
    _ports: tuple[int, int] = field(default_factory=lambda: (_free_port(), _free_port()))

    # Life

    def start(self) -> None:
        """Start it and wait until it is ready, with the ports it had before.

        Raises:
            AssertionError: it does not start; the message holds its last lines.
        """
        begin = self._log_file.stat().st_size if self._log_file.exists() else 0
        self._supervisor = process.spawn(
            Command(
                name="product",
                argv=(sys.executable, "-m", "workers.runtime.cli", "run"),
                cwd=ROOT,
                env=self._full_environment(),
                log_file=self._log_file,
                orphan_signal=signal.SIGTERM,
            )
        )
        supervisor = self._supervisor
        banners: list[_Banner] = []

        def has_begun() -> bool:
            banners[:] = self._banners(begin)
            return bool(banners) or supervisor.poll() is not None

        eventually(has_begun, what="the start of the product", seconds=START_SECONDS)
        assert banners, f"the product ended while it started:\n{self._last_words()}"
        self.address, self.setup_link = banners[-1].address, banners[-1].setup_link
        if self._sandbox is None:
            self._sandbox = SandboxClient(banners[-1].sandbox_address, data_dir=self.data_dir)
        self.await_ready()

    def stop(self, *, seconds: float = STOP_SECONDS) -> None:
        """Stop it as Ctrl-C does, and hold it to its promise.

        Args:
            seconds: the promise, or longer on a machine that is shared with others.

        Raises:
            AssertionError: it took too long, did not end cleanly, or left a process behind.
        """
        supervisor = self._supervisor
        if supervisor is None:
            return
        left = [psutil.Process(supervisor.pid), *psutil.Process(supervisor.pid).children(recursive=True)]
        supervisor.send_signal(signal.SIGTERM)
        try:
            code = supervisor.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill_everything()
            raise AssertionError(f"the product was not down after {seconds:g} s:\n{self._last_words()}") from None
        finally:
            self._supervisor = None
        assert code == 0, f"the product ended with {code}:\n{self._last_words()}"
        # What was told to end may need a moment more than its parent on a busy machine.
        eventually(lambda: all(_is_dead(found) for found in left), what="the end of the product's processes", seconds=5)

    def close(self) -> None:
        """Let go of the sandbox."""
        if self._sandbox is not None:
            self._sandbox.close()
            self._sandbox = None

    def await_ready(self) -> None:
        """Wait until it says that it has all it needs."""
        eventually(self._is_ready, what="readiness")

    # Processes

    @property
    def children(self) -> dict[str, psutil.Process]:
        """The supervised processes by name: web, worker-1, worker-2, scheduler, sandbox, redis, postgres."""
        found: dict[str, psutil.Process] = {}
        for child in psutil.Process(self._pid).children():
            name = _name_of(child)
            if name and not _is_dead(child):
                found[name] = child
        return found

    def kill(self, *names: str) -> None:
        """End supervised processes with kill -9, at once, and return when they are dead."""
        children = self.children
        _kill_all([children[name] for name in names if name in children])

    def await_children(self, *names: str) -> None:
        """Wait until the supervisor has started these again."""
        eventually(lambda: set(names) <= set(self.children), what=f"the return of {', '.join(names)}")

    @contextmanager
    def no_restarts(self) -> Generator[None]:
        """Keep the supervisor from starting anything again for the length of the block."""
        supervisor = psutil.Process(self._pid)
        supervisor.suspend()
        try:
            yield
        finally:
            supervisor.resume()

    def kill_everything(self) -> None:
        """End the supervisor and all it started with kill -9, except that the providers' memory is kept.

        The product stands still from one moment on and is killed as it stood. In between the sandbox, which goes
        down with the supervisor, writes its books up: the real providers do not forget what they accepted.
        """
        supervisor = psutil.Process(self._pid)
        everything = [supervisor, *supervisor.children(recursive=True)]
        sandbox = self.children.get("sandbox")
        frozen = [found for found in everything if found != sandbox]
        for found in frozen:
            _suspend(found)
        if self._sandbox is not None and sandbox is not None:
            self._await_books(self._sandbox)
        _kill_all(everything)
        if self._supervisor is not None:
            self._supervisor.wait()
            self._supervisor = None

    # What it knows and says

    @property
    def sandbox(self) -> SandboxClient:
        """The providers it talks to."""
        assert self._sandbox is not None, "the product has not been started"
        return self._sandbox

    def run_command(self, *arguments: str) -> str:
        """Run ``patchbay <arguments>`` beside the product and return what it printed.

        Raises:
            AssertionError: it failed; says what it wrote.
        """
        result = subprocess.run(
            [sys.executable, "-m", "workers.runtime.cli", *arguments],
            cwd=ROOT,
            env=self._full_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        assert result.returncode == 0, f"patchbay {arguments[0]}: {result.stderr}"
        return result.stdout

    def spawn_command(
        self, *arguments: str, environment: Mapping[str, str] = MappingProxyType({})
    ) -> subprocess.Popen[bytes]:
        """Begin ``patchbay <arguments>`` beside the product, with these settings too; whoever calls ends it."""
        return subprocess.Popen(
            [sys.executable, "-m", "workers.runtime.cli", *arguments],
            cwd=ROOT,
            env={**self._full_environment(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def bootstrap(self, *, email: str, tenant: str) -> Bootstrapped:
        """Create a tenant with its owner and an API key, as a script would."""
        return Bootstrapped.model_validate_json(
            self.run_command("bootstrap", "--email", email, "--tenant", tenant, "--json")
        )

    def queue_length(self) -> int:
        """Return how many wake-ups wait for a worker."""
        return Queue(QUEUE_NAME, connection=self.redis(), serializer=JSONSerializer).count

    def redis(self) -> Redis:
        """Return its Redis."""
        environment = {**self._full_environment(), **self._running_environment()}
        return Redis.from_url(environment["PATCHBAY_REDIS_URL"], socket_timeout=5)

    def database_url(self) -> str:
        """Return the database's address, as the product uses it."""
        return self._running_environment()["PATCHBAY_DATABASE_OWNER_URL"]

    def settings(self) -> Settings:
        """Return the settings that its processes have, for a test that acts beside them."""
        with mock.patch.dict(os.environ, {**self._full_environment(), **self._running_environment()}, clear=True):
            return load_settings()

    def log_lines(self) -> list[LogLine]:
        """Return what its processes have logged since the first start."""
        return [LogLine.model_validate_json(line) for line in self._json_lines(0)]

    def log_size(self) -> int:
        """Return how much its processes have written to their log so far, in bytes."""
        return self._log_file.stat().st_size

    def said(self, begin: int) -> bytes:
        """Return what they have written since the log was of that size."""
        with self._log_file.open("rb") as file:
            file.seek(begin)
            return file.read()

    def errors(self) -> list[LogLine]:
        """Return what was logged at error level, in all processes."""
        return [line for line in self.log_lines() if line.level in {"error", "critical"}]

    @property
    def _pid(self) -> int:
        assert self._supervisor is not None, "the product is not running"
        return self._supervisor.pid

    @property
    def _log_file(self) -> Path:
        return self.data_dir / "log" / "product.log"

    def _full_environment(self) -> dict[str, str]:
        port, sandbox_port = self._ports
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PATCHBAY_")}
        return {
            **inherited,
            "PATCHBAY_LOG": "json",
            "PATCHBAY_SANDBOX": "1",
            "PATCHBAY_DATA_DIR": str(self.data_dir),
            "PATCHBAY_PORT": str(port),
            "PATCHBAY_SANDBOX_PORT": str(sandbox_port),
            # The sandbox's model answers for agents that name a model of their own; all others have their playbook.
            "PATCHBAY_OPENAI_BASE_URL": f"http://127.0.0.1:{sandbox_port}/openai/v1",
            "PATCHBAY_OPENAI_API_KEY": load_identities(self.data_dir).model_api_key,
            **self.environment,
        }

    def _json_lines(self, begin: int) -> Iterator[str]:
        if not self._log_file.exists():
            return
        with self._log_file.open("rb") as file:
            file.seek(begin)
            for line in file.read().decode("utf-8", "replace").splitlines(keepends=True):
                if line.startswith("{") and line.endswith("\n"):
                    yield line

    def _banners(self, begin: int) -> list[_Banner]:
        return [
            _Banner.model_validate_json(line)
            for line in self._json_lines(begin)
            if '"event": "supervisor.ready"' in line
        ]

    def _last_words(self) -> str:
        return "\n".join(self._log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])

    def _is_ready(self) -> bool:
        try:
            answer = httpx2.get(f"{self.address}/readyz", trust_env=False, timeout=5)
        except httpx2.HTTPError:
            return False
        return answer.status_code == 200 and answer.json()["status"] == "ready"

    def _running_environment(self) -> Mapping[str, str]:
        running = data_folder.find_running(self.data_dir)
        assert running is not None, "the product is not running"
        return running.environment

    def _await_books(self, sandbox: SandboxClient) -> None:
        path = self.data_dir / "sandbox" / "state.json"

        def are_written() -> bool:
            accepted = {item.id for item in sandbox.ledger().answers}
            written = {item["id"] for item in json.loads(path.read_bytes())["accepted"]}
            return accepted == written

        eventually(are_written, what="the sandbox's books", seconds=10)


@contextmanager
def running_product(data_dir: Path, *, environment: Mapping[str, str] = BRISK) -> Generator[Product]:
    """Run the product with its sandbox, and see to it that it stops as it promises.

    Args:
        data_dir: an empty folder of its own, which other users can reach: as root PostgreSQL runs as another one.
        environment: ``PATCHBAY_`` settings beside data folder, ports, sandbox and log.
    """
    product = Product(data_dir, environment)
    try:
        product.start()
        yield product
    except BaseException:
        # The reason counts, not what stopping says about a product that a failed test left in pieces.
        product.kill_everything()
        raise
    else:
        product.stop()
    finally:
        product.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _name_of(child: psutil.Process) -> str:
    try:
        argv, program = child.cmdline(), child.name()
    except psutil.Error:
        return ""
    if program in {"postgres", "redis-server"}:
        return program.removesuffix("-server")
    if "workers.runtime.cli" not in argv:
        return ""
    kind, *rest = argv[argv.index("workers.runtime.cli") + 1 :]
    return f"{kind}-{rest[-1]}" if rest else kind


def _is_dead(found: psutil.Process) -> bool:
    try:
        return not found.is_running() or found.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _suspend(found: psutil.Process) -> None:
    try:
        found.suspend()
    except psutil.NoSuchProcess:
        return


def _kill_all(processes: list[psutil.Process]) -> None:
    for found in processes:
        try:
            found.kill()
        except psutil.NoSuchProcess:
            continue
    eventually(lambda: all(_is_dead(found) for found in processes), what="the end of what was killed", seconds=10)
