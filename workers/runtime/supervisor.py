"""``patchbay run``: starts everything in order, restarts what dies, and stops everything in order.

One thread, which sleeps until a signal or a deadline. Children get the addresses they need by environment; the
kernel ends them should this process be killed.
"""

import contextlib
import errno
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import psycopg

from services.kernel.errors import ConfigurationError
from services.kernel.log import get_logger
from services.kernel.settings import Settings
from workers.runtime import data_folder, pages, process
from workers.runtime.data_folder import RunningProduct
from workers.runtime.embedded import APP_ROLE, OWNER_ROLE, EmbeddedPostgres, EmbeddedRedis, last_words
from workers.runtime.process import Command

ROOT = Path(__file__).resolve().parents[2]
"""The project's folder, which holds ``rxconfig.py``."""

_SCHEMA_STAMP = "schema.json"
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 5.0
_STEADY_SECONDS = 30.0
_DEATHS_BEFORE_READY = 3
_APP_GRACE_SECONDS = 8.0
_DATABASE_GRACE_SECONDS = 1.8
_SERVERS_TIMEOUT_SECONDS = 60.0
_WEB_TIMEOUT_SECONDS = 60.0
_PROGRESS_EVERY_SECONDS = 5.0
_AFTERMATH_SECONDS = 3.0
_ARGUMENTS: dict[str, tuple[str, ...]] = {"webhooks": ("web", "--only", "webhooks")}
"""Child → the command that it runs, where that is not its name."""

log = get_logger(__name__)


class StopRequestedError(Exception):
    """Somebody asked us to stop: SIGINT, SIGTERM or SIGHUP."""


@dataclass(slots=True)
class Child:
    """One supervised process; ``prepare`` settles what its last run left behind and says what to run."""

    name: str
    prepare: Callable[[], Command]
    is_database: bool = False
    command: Command | None = None
    running: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    pause_seconds: float = _FIRST_PAUSE_SECONDS
    restart_at: float | None = None
    deaths: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What the banner says."""

    address: str
    sandbox_address: str
    setup_link: str
    seconds: float
    first_seconds: float
    is_first: bool


@dataclass(slots=True)
class Supervisor:
    """Runs the product's processes on one data folder."""

    settings: Settings
    data_dir: Path
    root: Path = ROOT
    environment: dict[str, str] = field(default_factory=dict[str, str])
    children: list[Child] = field(default_factory=list[Child])
    errands: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])
    """Short commands of the start: migration, build."""
    migrated: bytes = b""
    """What the migration answered."""
    is_stopping: bool = False
    wakeup: int = -1

    def start(self, *, began: float) -> Started:
        """Start everything and return once the product answers.

        Args:
            began: ``time.time()`` of the moment from which the start is measured.

        Raises:
            ConfigurationError: something is in the way; the message says what to do.
            StopRequestedError: a signal came meanwhile.
        """
        was_killed = data_folder.forget_running(self.data_dir)
        self._check_ports(patience_seconds=_AFTERMATH_SECONDS if was_killed else 0.0)
        self.environment = self._base_environment()
        servers = self._start_servers()
        with contextlib.ExitStack() as building:
            build = self._begin_build(building)
            if self.settings.sandbox:
                self.environment |= self._sandbox_environment()
                self._add(self._python_child("sandbox"))
            self._await_servers(servers)
            data_folder.write_running(
                self.data_dir, RunningProduct(pid=os.getpid(), environment=self._differing_environment())
            )
            is_migrated = self._is_migrated()
            migration = self._begin_migration()
            if not is_migrated:
                self._finish_migration(migration)
            self.environment.pop("PATCHBAY_DATABASE_OWNER_URL", None)
            if build is None:
                self._add(self._python_child("web"))
            for name in beside_web(self.settings):
                self._add(self._python_child(name))
            if build is not None:
                self._finish_build(*build)
                self._add(self._python_child("web"))
        setup_link = self._finish_migration(migration)
        self._await_port("web", self.settings.port)
        if self.settings.webhooks_port:
            self._await_port("webhooks", self.settings.webhooks_port)
        return self._started(began=began, setup_link=setup_link)

    def watch(self) -> None:
        """Restart what dies, until a signal comes.

        Raises:
            StopRequestedError
        """
        while True:
            self._pump(self._seconds_to_next_restart())

    def stop(self) -> None:
        """Stop everything within 10 seconds: first what uses the databases, then the databases."""
        began = time.monotonic()
        errands = [(errand, signal.SIGKILL) for errand in self.errands]
        process.stop([*errands, *self._running(is_database=False)], grace_seconds=_APP_GRACE_SECONDS)
        process.stop(self._running(is_database=True), grace_seconds=_DATABASE_GRACE_SECONDS)
        data_folder.forget_running(self.data_dir)
        log.info("supervisor.stopped", seconds=round(time.monotonic() - began, 1))

    # The start, step by step

    def _check_ports(self, *, patience_seconds: float) -> None:
        ports = [("PATCHBAY_PORT", self.settings.port)]
        if self.settings.sandbox:
            ports.append(("PATCHBAY_SANDBOX_PORT", self.settings.sandbox_port))
        if self.settings.webhooks_port:
            ports.append(("PATCHBAY_WEBHOOKS_PORT", self.settings.webhooks_port))
        for variable, port in ports:
            host = "127.0.0.1" if variable == "PATCHBAY_SANDBOX_PORT" else self.settings.host
            deadline = time.monotonic() + patience_seconds
            while not _is_free(host, port):
                if time.monotonic() >= deadline:
                    raise ConfigurationError(
                        f"Port {port} on {host} is taken by another program. "
                        f"Set {variable} to a free one, for example: {variable}={_free_port_near(host, port)}"
                    )
                self._pump(0.1)

    def _base_environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PATCHBAY_DATA_DIR": str(self.data_dir),
            "PATCHBAY_PORT": str(self.settings.port),
            "PATCHBAY_SANDBOX_PORT": str(self.settings.sandbox_port),
            "PATCHBAY_PUBLIC_URL": self.settings.public_url,
            "PATCHBAY_DATABASE_URL": self.settings.database_url,
            "PATCHBAY_DATABASE_OWNER_URL": self.settings.database_owner_url,
            "PATCHBAY_REDIS_URL": self.settings.redis_url,
            "PYTHONUNBUFFERED": "1",
        }

    def _start_servers(self) -> list[tuple[Child, EmbeddedPostgres | EmbeddedRedis]]:
        servers: list[tuple[Child, EmbeddedPostgres | EmbeddedRedis]] = []
        if not self.settings.redis_url:
            redis = EmbeddedRedis(self.data_dir)
            self.environment["PATCHBAY_REDIS_URL"] = redis.url
            servers.append((self._add(Child("redis", redis.prepare, is_database=True)), redis))
        if not self.settings.database_url:
            postgres = EmbeddedPostgres(self.data_dir)
            self.environment["PATCHBAY_DATABASE_URL"] = postgres.url(role=APP_ROLE)
            self.environment["PATCHBAY_DATABASE_OWNER_URL"] = postgres.url(role=OWNER_ROLE)
            servers.append((self._add(Child("postgres", postgres.prepare, is_database=True)), postgres))
        return servers

    def _await_servers(self, servers: list[tuple[Child, EmbeddedPostgres | EmbeddedRedis]]) -> None:
        for child, server in servers:
            self._pump_until(server.is_ready, child=child, timeout_seconds=_SERVERS_TIMEOUT_SECONDS)
            if isinstance(server, EmbeddedPostgres):
                server.ensure_database()
            log.info("supervisor.server.ready", server=child.name)

    def _sandbox_environment(self) -> dict[str, str]:
        # Named as text, as the web application is for uvicorn: workers and the web application do not import
        # each other.
        identities = importlib.import_module("app.sandbox.identities")
        return identities.sandbox_environment(
            self.data_dir, sandbox_port=self.settings.sandbox_port, public_url=self.settings.public_url
        )

    def _is_migrated(self) -> bool:
        """Return whether the database is known to be up to date, which spares the others the wait for Alembic."""
        try:
            known = json.loads((self.data_dir / _SCHEMA_STAMP).read_text(encoding="ascii"))
            with psycopg.connect(self.environment["PATCHBAY_DATABASE_OWNER_URL"], connect_timeout=5) as session:
                found = session.execute("SELECT version_num FROM alembic_version").fetchone()
        except (OSError, ValueError, psycopg.Error):
            return False
        return found == (known.get("revision"),) and known.get("fingerprint") == self._migrations_fingerprint()

    def _begin_migration(self) -> subprocess.Popen[bytes]:
        """Bring the database up to date, and make a one-time set-up link if nobody has an account yet."""
        log.info("supervisor.database.migrating")
        migration = process.spawn(self._python_command("migrate", "--setup-link", "--json", keep_output=True))
        self.errands.append(migration)
        return migration

    def _finish_migration(self, migration: subprocess.Popen[bytes]) -> str:
        """Wait for the migration and return the set-up link, if there is one."""
        if migration in self.errands:
            self._pump_until(lambda: migration.poll() is not None)
            self.errands.remove(migration)
            self.migrated, _ = migration.communicate()
            if migration.returncode != 0:
                raise ConfigurationError("The database could not be brought up to date; the lines above say why.")
            stamp = {"revision": json.loads(self.migrated)["revision"], "fingerprint": self._migrations_fingerprint()}
            (self.data_dir / _SCHEMA_STAMP).write_text(json.dumps(stamp), encoding="ascii")
        return str(json.loads(self.migrated)["setup_link"] or "")

    def _migrations_fingerprint(self) -> str:
        return pages.fingerprint(self.root, sources=("models/migrations",))

    def _begin_build(self, building: contextlib.ExitStack) -> tuple[subprocess.Popen[bytes], Command] | None:
        if pages.is_built(self.root):
            return None
        building.enter_context(pages.only_builder(self.root, pause=lambda: self._pump(0.2)))
        if pages.is_built(self.root):
            return None
        pages.mark_unfinished(self.root)
        log_file = self.data_dir / "log" / "pages.log"
        log_file.unlink(missing_ok=True)
        command = pages.build_command(self.root, log_file=log_file, environment=self.environment)
        log.info("supervisor.pages.building", hint="once, and again when their sources change")
        build = process.spawn(command)
        self.errands.append(build)
        return build, command

    def _finish_build(self, child: subprocess.Popen[bytes], command: Command) -> None:
        began = time.monotonic()
        while child.poll() is None:
            with contextlib.suppress(TimeoutError):
                self._pump_until(lambda: child.poll() is not None, timeout_seconds=_PROGRESS_EVERY_SECONDS)
            if child.poll() is None:
                log.info(
                    "supervisor.pages.building",
                    step=pages.last_step(command),
                    seconds=round(time.monotonic() - began),
                )
        self.errands.remove(child)
        pages.finish(self.root, exit_code=child.returncode, command=command)
        log.info("supervisor.pages.built")

    def _await_port(self, name: str, port: int) -> None:
        child = next(child for child in self.children if child.name == name)
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.settings.host, self.settings.host)

        def answers() -> bool:
            try:
                socket.create_connection((host, port), timeout=1).close()
            except OSError:
                return False
            return True

        self._pump_until(answers, child=child, timeout_seconds=_WEB_TIMEOUT_SECONDS)

    def _started(self, *, began: float, setup_link: str) -> Started:
        marker = self.data_dir / "first-start.json"
        seconds = round(time.time() - began, 1)
        is_first = not marker.exists()
        if is_first:
            marker.write_text(json.dumps({"seconds": seconds}), encoding="ascii")
        return Started(
            address=self.settings.public_url,
            sandbox_address=f"http://127.0.0.1:{self.settings.sandbox_port}" if self.settings.sandbox else "",
            setup_link=setup_link,
            seconds=seconds,
            first_seconds=float(json.loads(marker.read_text(encoding="ascii"))["seconds"]),
            is_first=is_first,
        )

    # Children

    def _python_command(self, *arguments: str, keep_output: bool = False) -> Command:
        return Command(
            name=arguments[0],
            argv=(sys.executable, "-m", "workers.runtime.cli", *arguments),
            cwd=self.root,
            env=self.environment,
            keep_output=keep_output,
        )

    def _python_child(self, name: str) -> Child:
        kind, _, number = name.partition("-")
        numbered = (kind, "--number", number) if number else (kind,)
        arguments = _ARGUMENTS.get(name, numbered)
        return Child(name, lambda: self._python_command(*arguments))

    def _differing_environment(self) -> dict[str, str]:
        return {
            name: value
            for name, value in self.environment.items()
            if name.startswith("PATCHBAY_") and os.environ.get(name) != value
        }

    def _add(self, child: Child) -> Child:
        self.children.append(child)
        self._spawn(child)
        return child

    def _spawn(self, child: Child) -> None:
        child.restart_at = None
        child.command = child.prepare()
        child.running = process.spawn(child.command)
        child.started_at = time.monotonic()
        log.info("supervisor.child.started", child=child.name, pid=child.running.pid)

    def _running(self, *, is_database: bool) -> Iterator[tuple[subprocess.Popen[bytes], signal.Signals]]:
        for child in self.children:
            if child.is_database == is_database and child.running is not None and child.command is not None:
                yield child.running, child.command.stop_signal

    def _tend(self) -> None:
        """Notice who died and start again whose pause is over."""
        now = time.monotonic()
        for child in self.children:
            if child.running is not None and (code := child.running.poll()) is not None:
                if now - child.started_at > _STEADY_SECONDS:
                    child.pause_seconds = _FIRST_PAUSE_SECONDS
                child.running = None
                child.deaths += 1
                child.restart_at = now + child.pause_seconds
                log.warning("supervisor.child.died", child=child.name, code=code, restart_in=child.pause_seconds)
                child.pause_seconds = min(child.pause_seconds * 2, _LONGEST_PAUSE_SECONDS)
            elif child.restart_at is not None and now >= child.restart_at:
                self._spawn(child)

    def _seconds_to_next_restart(self) -> float | None:
        planned = [child.restart_at for child in self.children if child.restart_at is not None]
        return max(0.0, min(planned) - time.monotonic()) if planned else None

    # Waiting

    def _pump(self, timeout_seconds: float | None) -> None:
        """Sleep until a signal, a child's death or the timeout; then tend to the children."""
        readable, _, _ = select.select([self.wakeup], [], [], timeout_seconds)
        if readable:
            with contextlib.suppress(BlockingIOError):
                os.read(self.wakeup, 4096)
        if self.is_stopping:
            raise StopRequestedError
        self._tend()

    def _pump_until(
        self, condition: Callable[[], bool], *, child: Child | None = None, timeout_seconds: float = float("inf")
    ) -> None:
        deadline = time.monotonic() + timeout_seconds
        while not condition():
            if child is not None and child.deaths >= _DEATHS_BEFORE_READY:
                words = f":\n{last_words(child.command)}" if child.command and child.command.log_file else "."
                raise ConfigurationError(f"{child.name} does not start; see the lines above{words}")
            if time.monotonic() >= deadline:
                if child is None:
                    raise TimeoutError
                raise ConfigurationError(f"{child.name} does not answer after {timeout_seconds:.0f} seconds.")
            self._pump(0.03)


def beside_web(settings: Settings) -> list[str]:
    """Return which processes are started beside the servers, the sandbox and the pages."""
    webhooks = ["webhooks"] if settings.webhooks_port else []
    return [*webhooks, *(f"worker-{number}" for number in range(1, settings.workers + 1)), "scheduler"]


def run(settings: Settings, *, began: float) -> None:
    """Run the product until SIGINT or SIGTERM.

    Raises:
        ConfigurationError: it cannot start; the message says what to do.
    """
    data_dir = data_folder.ensure_folder(settings.data_dir)
    with data_folder.hold(data_dir), _signals_of(Supervisor(settings, data_dir)) as supervisor:
        try:
            print_banner(supervisor.start(began=began), settings=settings)
            supervisor.watch()
        except StopRequestedError:
            log.info("supervisor.stopping")
        finally:
            supervisor.stop()


def print_banner(started: Started, *, settings: Settings) -> None:
    """Say where the product is and how to go on; as one JSON line when logs are JSON."""
    if settings.log == "json":
        print(
            json.dumps(
                {
                    "event": "supervisor.ready",
                    "address": started.address,
                    "setup_link": started.setup_link,
                    "sandbox_address": started.sandbox_address,
                    "first_start": started.is_first,
                    "seconds": started.seconds,
                    "first_start_seconds": started.first_seconds,
                }
            ),
            flush=True,
        )
        return
    took = f"{started.seconds:.1f} s"
    compared = "first start" if started.is_first else f"first start: {started.first_seconds:.1f} s"
    rows = [
        ("Patchbay", started.address),
        ("Set it up", started.setup_link and f"{started.setup_link}  (once, within an hour)"),
        ("Sandbox", started.sandbox_address and f"{started.sandbox_address}  (play the contact)"),
        ("Stop", "Ctrl-C"),
        ("Took", f"{took} ({compared})"),
    ]
    print("\n".join(["", *(f"  {name:<10} {value}" for name, value in rows if value), ""]), flush=True)


@contextlib.contextmanager
def _signals_of(supervisor: Supervisor) -> Generator[Supervisor]:
    """Deliver signals through a pipe, so that they only ever act where we wait."""
    reader, writer = os.pipe()
    for descriptor in (reader, writer):
        os.set_blocking(descriptor, False)

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        supervisor.is_stopping = True

    def only_wake(_number: int, _frame: FrameType | None) -> None:
        """The byte in the pipe is all that is needed."""

    asking = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    former = {number: signal.signal(number, ask_to_stop) for number in asking}
    former[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, only_wake)
    former_descriptor = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    supervisor.wakeup = reader
    try:
        yield supervisor
    finally:
        signal.set_wakeup_fd(former_descriptor)
        for number, handler in former.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)


def _is_free(host: str, port: int) -> bool:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise ConfigurationError(
                f"Port {port} on {host} cannot be used ({error.strerror}). Set PATCHBAY_HOST or PATCHBAY_PORT."
            ) from error
    return True


def _free_port_near(host: str, port: int) -> int:
    return next((candidate for candidate in range(port + 2, min(port + 200, 65534)) if _is_free(host, candidate)), 0)
