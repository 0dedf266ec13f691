"""Where the key-encryption keys come from: the environment, a command, or a file.

Each source holds one key, or several with the one that wraps in front: while keys are exchanged, both old and new are
in the ring.
"""

import base64
import binascii
import contextlib
import itertools
import os
import re
import secrets
import shlex
import stat
import subprocess
from pathlib import Path

from services.kernel.errors import ConfigurationError
from services.kernel.settings import Settings
from services.kernel.vault import KeyEncryptionKey, KeyEncryptionRing

_KEY_BYTES = 32
_MAX_SOURCE_BYTES = 4096
_COMMAND_TIMEOUT_SECONDS = 30
# 32 random bytes have 30 distinct values on average; fewer than 20 happen less than once in 10**12.
_MIN_DISTINCT = 20
_HOW_TO_MAKE_A_KEY = "Make a key with: head -c 32 /dev/urandom | base64"


def load_key_ring(settings: Settings) -> KeyEncryptionRing:
    """Return the key-encryption keys from ``PATCHBAY_KEY``, else ``PATCHBAY_KEY_COMMAND``, else the key file.

    The file in the data folder is created on the first start. A file that the operator named must exist: a new key
    in its place would make every stored secret unreadable.

    Raises:
        ConfigurationError: a key is missing, weak or readable by others; names the setting and the fix.
    """
    if given := settings.key.get_secret_value().strip():
        return _decode_ring(given, origin="PATCHBAY_KEY")
    if command := settings.key_command.get_secret_value().strip():
        return _decode_ring(_run_command(command), origin="What PATCHBAY_KEY_COMMAND prints")
    default = settings.data_dir / "key"
    path = settings.key_file or default
    if not path.exists():
        if path != default:
            raise ConfigurationError(f"PATCHBAY_KEY_FILE names {path}, which does not exist. {_HOW_TO_MAKE_A_KEY}")
        _create_key_file(path)
    return _decode_ring(_read_key_file(path), origin=str(path))


def describe_source(settings: Settings) -> str:
    """Return where the keys come from, for people who look for them."""
    if settings.key.get_secret_value().strip():
        return "PATCHBAY_KEY"
    if settings.key_command.get_secret_value().strip():
        return "PATCHBAY_KEY_COMMAND"
    return str(settings.key_file or settings.data_dir / "key")


def _decode_ring(text: str, *, origin: str) -> KeyEncryptionRing:
    """Turn keys, separated by white space or commas, into a ring; the rest of a line after ``#`` is a comment."""
    words = re.sub(r"#[^\n]*", "", text).replace(",", " ").split()
    return KeyEncryptionRing([KeyEncryptionKey(_decode_key(word, origin=origin)) for word in words or [""]])


def _run_command(command: str) -> str:
    """Run the operator's command, without a shell; its complaints go where ours go, its output nowhere else."""
    hint = "Try it by hand as the user who runs Patchbay."
    try:
        # The vector is the operator's own setting.
        done = subprocess.run(
            shlex.split(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=_COMMAND_TIMEOUT_SECONDS
        )
    except subprocess.TimeoutExpired:
        problem = f"did not end within {_COMMAND_TIMEOUT_SECONDS} seconds"
    except ValueError:
        problem = "cannot be read; check its quotes"
    except OSError as error:
        problem = f"could not be started ({error.strerror})"
    else:
        if done.returncode == 0:
            return done.stdout[: _MAX_SOURCE_BYTES + 1].decode("ascii", "replace")
        problem = f"failed with exit code {done.returncode}"
    # Outside the handlers: their exceptions hold the command and what it printed.
    raise ConfigurationError(f"PATCHBAY_KEY_COMMAND {problem}. {hint}")


def _create_key_file(path: Path) -> None:
    """Write a new key so that it appears whole or not at all, and once, whoever starts at the same time."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)  # a permissive umask cannot widen the mode, a strict one may narrow it
            file.write(base64.b64encode(secrets.token_bytes(_KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):  # another process was first: its key counts
            os.link(draft, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise ConfigurationError(
            f"The key file {path} could not be created ({error.strerror}). Make its folder writable,"
            " or set PATCHBAY_KEY, PATCHBAY_KEY_COMMAND or PATCHBAY_KEY_FILE."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()


def _sync_folder(folder: Path) -> None:
    """Make a new file's name survive a power loss."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_key_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(_MAX_SOURCE_BYTES) if stat.S_ISREG(status.st_mode) else b""
    except OSError as error:
        raise ConfigurationError(
            f"The key file {path} could not be read ({error.strerror}). Give the product's user access to it,"
            " or set PATCHBAY_KEY, PATCHBAY_KEY_COMMAND or PATCHBAY_KEY_FILE."
        ) from error
    if status.st_mode & 0o077:
        raise ConfigurationError(
            f"The key file {path} is open to other users (mode {stat.S_IMODE(status.st_mode):04o})."
            f" Close it with: chmod 600 {path}"
        )
    return content.decode("ascii", "replace").strip()


def _decode_key(text: str, *, origin: str) -> bytes:
    """Turn base64 into key bytes, refusing what was not drawn at random."""
    try:
        key = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_BYTES:
        raise ConfigurationError(f"{origin} must be base64 of exactly 32 bytes. {_HOW_TO_MAKE_A_KEY}")
    if _looks_made_up(key):
        raise ConfigurationError(f"{origin} is not random enough to protect anything. {_HOW_TO_MAKE_A_KEY}")
    return key


def _looks_made_up(key: bytes) -> bool:
    """Return whether a key is typed text, repeats itself, or counts."""
    steps = {(after - before) % 256 for before, after in itertools.pairwise(key)}
    is_typed = re.fullmatch(rb"[\x20-\x7e]*", key) is not None
    return is_typed or len(set(key)) < _MIN_DISTINCT or len(steps) < _MIN_DISTINCT - 4
