"""The built pages: made once, kept under ``.web/``, made again only when one of their sources has changed."""

import fcntl
import hashlib
import os
import sys
import sysconfig
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from services.kernel.errors import ConfigurationError
from workers.runtime.process import Command

_SOURCES = ("app", "assets", "models", "services", "rxconfig.py", "pyproject.toml", "requirements.lock", ".npmrc")
"""What a page is made from. Pages import services' views and the models behind them."""
_IGNORED_PARTS = frozenset({"__pycache__", "external", "migrations", "sandbox"})
STEP_MARK = "## "
"""How ``app.build`` begins a line that says what it does now."""
_STAMP = "patchbay.stamp"
_ENTRY = Path("build") / "client" / "index.html"


def is_built(root: Path) -> bool:
    """Return whether the built pages are there and as new as their sources."""
    web = root / ".web"
    try:
        stamp = (web / _STAMP).read_text(encoding="ascii")
    except FileNotFoundError:
        return False
    return (web / _ENTRY).exists() and stamp == fingerprint(root)


def exist(root: Path) -> bool:
    """Return whether there are built pages at all, however old."""
    return (root / ".web" / _ENTRY).exists()


def mark_built(root: Path) -> None:
    """Remember which sources the pages were built from."""
    (root / ".web" / _STAMP).write_text(fingerprint(root), encoding="ascii")


def mark_unfinished(root: Path) -> None:
    """Forget the last build, so that one that is cut off is not taken for finished."""
    (root / ".web").mkdir(exist_ok=True)
    (root / ".web" / _STAMP).unlink(missing_ok=True)


def fingerprint(root: Path, *, sources: Sequence[str] = _SOURCES) -> str:
    """Return a digest over this Python, and the names and contents of all files in some files and folders."""
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(_source_files(root, sources)):
        digest.update(f"\0{path.relative_to(root).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def build_command(root: Path, *, log_file: Path, environment: Mapping[str, str]) -> Command:
    """Return the command that builds the pages; its progress goes to the log file."""
    return Command(
        name="pages",
        argv=(sys.executable, "-m", "app.build"),
        cwd=root,
        env=build_environment(environment),
        log_file=log_file,
    )


def build_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for Reflex: Node and npm of this virtual environment first, no telemetry."""
    scripts = sysconfig.get_path("scripts")
    return {
        **{name: value for name, value in environment.items() if not name.startswith("REFLEX_")},
        "PATH": os.pathsep.join([scripts, environment.get("PATH", os.defpath)]),
        "REFLEX_USE_NPM": "true",
        "REFLEX_TELEMETRY_ENABLED": "false",
        "REFLEX_DIR": str(Path(".web") / ".reflex"),
        "NO_UPDATE_NOTIFIER": "1",
        "CI": "1",  # npm and Vite draw no spinners
    }


def finish(root: Path, *, exit_code: int, command: Command) -> None:
    """Remember a build that went well.

    Raises:
        ConfigurationError: the build failed; the message holds its last words.
    """
    if exit_code != 0:
        raise ConfigurationError(f"The pages could not be built:\n{last_words(command)}")
    mark_built(root)


def last_step(command: Command) -> str:
    """Return what a build is doing: the last line it announced."""
    if command.log_file is None or not command.log_file.exists():
        return ""
    lines = command.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.removeprefix(STEP_MARK) for line in reversed(lines) if line.startswith(STEP_MARK)), "")


def last_words(command: Command) -> str:
    """Return the last lines of a command's log file, and where the rest is."""
    if command.log_file is None or not command.log_file.exists():
        return "(it left no log)"
    lines = command.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join([*(f"  {line}" for line in lines[-20:]), f"  (all of it: {command.log_file})"])


@contextmanager
def only_builder(root: Path, *, pause: Callable[[], None]) -> Generator[None]:
    """Wait until no other process builds in this folder, then keep others from it.

    Args:
        root: the project's folder.
        pause: called between two attempts; may raise to give up.
    """
    (root / ".web").mkdir(exist_ok=True)
    descriptor = os.open(root / ".web" / "patchbay.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while not _try_lock(descriptor):
            pause()
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _source_files(root: Path, sources: Sequence[str]) -> Iterable[Path]:
    for name in sources:
        path = root / name
        if path.is_file():
            yield path
        for file in path.rglob("*"):
            if file.is_file() and not _IGNORED_PARTS.intersection(file.relative_to(path).parts):
                yield file
