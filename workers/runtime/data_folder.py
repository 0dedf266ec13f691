"""The data folder: who holds it, and what the running product tells the commands beside it."""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from services.kernel.errors import ConfigurationError

_LOCK = "lock"
_RUNTIME = "runtime.json"
_LOCK_TRIES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningProduct:
    """What ``patchbay run`` writes down while it runs, mode 0600."""

    pid: int
    environment: Mapping[str, str]
    """Settings in force that its environment alone does not give: addresses of embedded servers, of the sandbox."""


_running_product = TypeAdapter(RunningProduct)


def ensure_folder(path: Path) -> Path:
    """Create a private folder if it is missing and return its absolute path.

    Raises:
        ConfigurationError: it cannot be created, or is not ours to write.
    """
    path = path.absolute()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"The data folder {path} cannot be created ({error.strerror}). Set PATCHBAY_DATA_DIR to a folder you own."
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise ConfigurationError(
            f"The data folder {path} belongs to another user. Set PATCHBAY_DATA_DIR to a folder you own."
        )
    return path


@contextlib.contextmanager
def hold(data_dir: Path) -> Generator[None]:
    """Hold the data folder for this process; the kernel lets go when the process ends, however it ends.

    Raises:
        ConfigurationError: another process holds it; the message names its pid.
    """
    descriptor = os.open(data_dir / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            _lock(descriptor)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise ConfigurationError(
                f"Patchbay is already running on {data_dir} (pid {holder}). "
                f"Stop it first, or set PATCHBAY_DATA_DIR to another folder."
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode("ascii"), 0)
        yield
    finally:
        os.close(descriptor)


def write_running(data_dir: Path, product: RunningProduct) -> None:
    """Write down what commands beside this process need; replaced in one step, readable by us only."""
    path = data_dir / _RUNTIME
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"pid": product.pid, "environment": dict(product.environment)}, file)
    fresh.replace(path)


def forget_running(data_dir: Path) -> bool:
    """Remove what was written down; return whether there was anything, that is, whether the last run was killed."""
    try:
        (data_dir / _RUNTIME).unlink()
    except FileNotFoundError:
        return False
    return True


def find_running(data_dir: Path) -> RunningProduct | None:
    """Return what the running product wrote down, or ``None`` if none runs on this folder."""
    if not _is_held(data_dir):
        return None
    try:
        return _running_product.validate_json((data_dir / _RUNTIME).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise ConfigurationError(f"{data_dir / _RUNTIME} cannot be read; stop Patchbay and start it again.") from error


def _lock(descriptor: int) -> None:
    # A command that looks whether the folder is held locks it for a moment: that is not a holder.
    for attempt in range(1, _LOCK_TRIES + 1):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if attempt == _LOCK_TRIES:
                raise
            time.sleep(0.05)


def _is_held(data_dir: Path) -> bool:
    try:
        descriptor = os.open(data_dir / _LOCK, os.O_RDWR)
    except FileNotFoundError:
        return False
    except PermissionError as error:
        raise ConfigurationError(
            f"The data folder {data_dir} belongs to another user; run this command as the user who runs Patchbay."
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
