"""The vault's cryptography: two layers of AES-256-GCM, bound to the place where each value is stored.

A key-encryption key, kept outside the database, wraps one random data key per tenant; data keys seal secrets. The
additional data names tenant, table, column, row and key, so a sealed value moved anywhere else does not open.
Nothing here reads or writes a database.

Sealed value::

    format (1 byte) | key id (16) | nonce (12) | ciphertext and tag
"""

import base64
import binascii
import contextlib
import hashlib
import hmac
import itertools
import os
import re
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.kernel.errors import ConfigurationError
from services.kernel.ids import new_id
from services.kernel.secret import Secret
from services.kernel.settings import Settings

_FORMAT = b"\x01"
_PRODUCT = b"patchbay"
_KEY_BYTES = 32
_NONCE_BYTES = 12  # NIST SP 800-38D §8.2.2: random, so a data key seals at most 2**32 values
_TAG_BYTES = 16
_KEY_ID = slice(1, 17)
_HEADER_BYTES = 1 + 16
_MIN_SEALED_BYTES = _HEADER_BYTES + _NONCE_BYTES + _TAG_BYTES
_MIN_WRAPPED_BYTES = 1 + _NONCE_BYTES + _TAG_BYTES
_MAX_KEY_FILE_BYTES = 4096
# 32 random bytes have 30 distinct values on average; fewer than 20 happen less than once in 10**12.
_MIN_DISTINCT = 20
_HOW_TO_MAKE_A_KEY = "Make a key with: head -c 32 /dev/urandom | base64"


class VaultError(Exception):
    """A sealed value did not open: wrong key, wrong place, or damaged.

    Outside the tree of ``PatchbayError``, like a configuration error: no retry and no user can repair it, an
    operator must look. The message names no content.
    """


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value is stored; it opens nowhere else."""

    tenant_id: UUID
    table: str
    column: str
    row_id: UUID


class DataKey:
    """One tenant's key for sealing secrets; refuses to be shown or serialised."""

    __slots__ = ("_value", "id")

    def __init__(self, id: UUID, value: bytes) -> None:
        if len(value) != _KEY_BYTES:
            raise VaultError("A data key has 32 bytes.")
        self.id = id
        self._value = value

    @classmethod
    def generate(cls) -> "DataKey":
        """Return a new random key with a new id."""
        return cls(new_id(), secrets.token_bytes(_KEY_BYTES))

    def reveal(self) -> bytes:
        """Return the key's bytes, for wrapping them."""
        return self._value

    def __repr__(self) -> NoReturn:
        raise TypeError("A data key cannot be shown.")

    __str__ = __repr__

    def __format__(self, spec: str) -> NoReturn:
        raise TypeError("A data key cannot be formatted.")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("A data key cannot be pickled.")


class KeyEncryptionKey:
    """Wraps data keys; comes from the environment or a file, never from the database.

    Args:
        value: 32 random bytes.
    """

    __slots__ = ("_cipher", "id")

    def __init__(self, value: bytes) -> None:
        if len(value) != _KEY_BYTES:
            raise VaultError("A key-encryption key has 32 bytes.")
        self._cipher = AESGCM(value)
        self.id = hmac.new(value, b"patchbay key-encryption key id", hashlib.sha256).hexdigest()[:8]
        """Names the key in the database without revealing it."""

    def wrap(self, data_key: bytes, *, tenant_id: UUID, key_id: UUID) -> bytes:
        """Encrypt a data key for storage; it unwraps only for this tenant and key id."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _FORMAT + nonce + self._cipher.encrypt(nonce, data_key, self._context(tenant_id, key_id))

    def unwrap(self, wrapped: bytes, *, tenant_id: UUID, key_id: UUID) -> bytes:
        """Decrypt a stored data key.

        Raises:
            VaultError: wrapped by another key, for another tenant or id, or damaged.
        """
        if len(wrapped) < _MIN_WRAPPED_BYTES or wrapped[:1] != _FORMAT:
            raise VaultError("The wrapped data key is damaged or of an unknown format.")
        nonce, ciphertext = wrapped[1 : 1 + _NONCE_BYTES], wrapped[1 + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, ciphertext, self._context(tenant_id, key_id))
        except InvalidTag:
            raise VaultError(
                f"The data key does not open with the key-encryption key {self.id}."
                " Start with the PATCHBAY_KEY or PATCHBAY_KEY_FILE that this database was created with."
            ) from None

    def _context(self, tenant_id: UUID, key_id: UUID) -> bytes:
        return _length_prefixed(_FORMAT, _PRODUCT, b"data key", self.id.encode(), tenant_id.bytes, key_id.bytes)

    def __repr__(self) -> str:
        return f"<KeyEncryptionKey {self.id}>"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("A key-encryption key cannot be pickled.")


def seal(secret: Secret, *, key: DataKey, place: Place) -> bytes:
    """Encrypt a secret for one place in the database.

    Raises:
        VaultError: the secret is not text that UTF-8 can hold.
    """
    try:
        plaintext = secret.reveal().encode()
    except UnicodeEncodeError:
        plaintext = None
    if plaintext is None:  # outside the handler: the exception holds the secret
        raise VaultError("The secret holds characters that UTF-8 cannot encode.")
    nonce = secrets.token_bytes(_NONCE_BYTES)
    ciphertext = AESGCM(key.reveal()).encrypt(nonce, plaintext, _place_context(place, key.id))
    return _FORMAT + key.id.bytes + nonce + ciphertext


def open_sealed(sealed: bytes, *, key: DataKey, place: Place) -> Secret:
    """Decrypt a sealed value with exactly the key that sealed it.

    Keys are never tried one after the other: AES-GCM does not commit to its key, so a trial could open with the
    wrong one (Dodis et al., 2018, "invisible salamanders").

    Raises:
        VaultError: sealed with another key, for another place, or damaged.
    """
    if sealed_key_id(sealed) != key.id:
        raise VaultError("The sealed value names another data key.")
    nonce = sealed[_HEADER_BYTES : _HEADER_BYTES + _NONCE_BYTES]
    ciphertext = sealed[_HEADER_BYTES + _NONCE_BYTES :]
    try:
        return Secret(AESGCM(key.reveal()).decrypt(nonce, ciphertext, _place_context(place, key.id)).decode())
    except InvalidTag:
        raise VaultError(
            f"The sealed value does not belong to this place ({place.table}.{place.column}) or is damaged."
        ) from None


def sealed_key_id(sealed: bytes) -> UUID:
    """Return the id of the data key that a value was sealed with.

    Raises:
        VaultError: not a sealed value of a known format.
    """
    if len(sealed) < _MIN_SEALED_BYTES or sealed[:1] != _FORMAT:
        raise VaultError("The sealed value is damaged or of an unknown format.")
    return UUID(bytes=bytes(sealed[_KEY_ID]))


def load_key_encryption_key(settings: Settings) -> KeyEncryptionKey:
    """Return the key-encryption key from ``PATCHBAY_KEY``, else from the key file.

    The file in the data folder is created on the first start. A file that the operator named must exist: a new key
    in its place would make every stored secret unreadable.

    Raises:
        ConfigurationError: the key is missing, weak or readable by others; names the setting and the fix.
    """
    given = settings.key.get_secret_value().strip()
    if given:
        return KeyEncryptionKey(_decode_key(given, origin="PATCHBAY_KEY"))
    default = settings.data_dir / "key"
    path = settings.key_file or default
    if not path.exists():
        if path != default:
            raise ConfigurationError(f"PATCHBAY_KEY_FILE names {path}, which does not exist. {_HOW_TO_MAKE_A_KEY}")
        _create_key_file(path)
    return KeyEncryptionKey(_decode_key(_read_key_file(path), origin=str(path)))


def _place_context(place: Place, key_id: UUID) -> bytes:
    return _length_prefixed(
        _FORMAT,
        _PRODUCT,
        place.tenant_id.bytes,
        place.table.encode(),
        place.column.encode(),
        place.row_id.bytes,
        key_id.bytes,
    )


def _length_prefixed(*parts: bytes) -> bytes:
    """Join parts so that no two lists of parts give the same bytes."""
    return b"".join(len(part).to_bytes(4) + part for part in parts)


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
            " or set PATCHBAY_KEY or PATCHBAY_KEY_FILE."
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
            content = file.read(_MAX_KEY_FILE_BYTES) if stat.S_ISREG(status.st_mode) else b""
    except OSError as error:
        raise ConfigurationError(
            f"The key file {path} could not be read ({error.strerror}). Give the product's user access to it,"
            " or set PATCHBAY_KEY or PATCHBAY_KEY_FILE."
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
