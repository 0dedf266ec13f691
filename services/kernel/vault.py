"""The vault's cryptography: two layers of AES-256-GCM, bound to the place where each value is stored.

A key-encryption key, kept outside the database, wraps each tenant's random data keys; data keys seal secrets. The
additional data names tenant, table, column, row and key, so a sealed value moved anywhere else does not open.
Nothing here reads or writes a database; ``keyring.py`` says where key-encryption keys come from.

Sealed value::

    format (1 byte) | key id (16) | nonce (12) | ciphertext and tag
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NoReturn
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.kernel.ids import new_id
from services.kernel.secret import Secret

_FORMAT = b"\x01"
_PRODUCT = b"patchbay"
_KEY_BYTES = 32
_NONCE_BYTES = 12  # NIST SP 800-38D §8.2.2: random, so a data key seals at most 2**32 values
_TAG_BYTES = 16
_KEY_ID = slice(1, 17)
_HEADER_BYTES = 1 + 16
_MIN_SEALED_BYTES = _HEADER_BYTES + _NONCE_BYTES + _TAG_BYTES
_MIN_WRAPPED_BYTES = 1 + _NONCE_BYTES + _TAG_BYTES


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

    __slots__ = ("_value", "cipher", "id")

    def __init__(self, id: UUID, value: bytes) -> None:
        if len(value) != _KEY_BYTES:
            raise VaultError("A data key has 32 bytes.")
        self.id = id
        self._value = value
        self.cipher = AESGCM(value)
        """Set up once, since a rotation uses the key for many values."""

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

    __slots__ = ("_cipher", "_proof_key", "id")

    def __init__(self, value: bytes) -> None:
        if len(value) != _KEY_BYTES:
            raise VaultError("A key-encryption key has 32 bytes.")
        self._cipher = AESGCM(value)
        # Of its own, so that a proof says nothing about what is wrapped.
        self._proof_key = hmac.new(value, b"patchbay proof of holding the key", hashlib.sha256).digest()
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
                f"The data key does not open with the key-encryption key {self.id}: it was wrapped by another key, or"
                " for another tenant, or is damaged."
            ) from None

    def prove(self, message: bytes) -> str:
        """Return a proof that whoever wrote this message holds the key."""
        return hmac.new(self._proof_key, message, hashlib.sha256).hexdigest()

    def _context(self, tenant_id: UUID, key_id: UUID) -> bytes:
        return _length_prefixed(_FORMAT, _PRODUCT, b"data key", self.id.encode(), tenant_id.bytes, key_id.bytes)

    def __repr__(self) -> str:
        return f"<KeyEncryptionKey {self.id}>"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("A key-encryption key cannot be pickled.")


class KeyEncryptionRing:
    """The key-encryption keys of this process: the first one wraps, each unwraps what it wrapped.

    Args:
        keys: the ring, its first key in front; repeated keys count once.
    """

    __slots__ = ("_by_id", "keys")

    def __init__(self, keys: Sequence[KeyEncryptionKey]) -> None:
        if not keys:
            raise VaultError("A ring has at least one key-encryption key.")
        self._by_id: Mapping[str, KeyEncryptionKey] = MappingProxyType({key.id: key for key in reversed(keys)})
        self.keys = tuple({key.id: self._by_id[key.id] for key in keys}.values())

    @property
    def id(self) -> str:
        """Return the id of the key that wraps."""
        return self.keys[0].id

    @property
    def ids(self) -> tuple[str, ...]:
        """Return the ids of all keys, the one that wraps in front."""
        return tuple(key.id for key in self.keys)

    def wrap(self, data_key: bytes, *, tenant_id: UUID, key_id: UUID, kek_id: str = "") -> bytes:
        """Encrypt a data key for storage, with the first key unless another of the ring is named."""
        return self._get(kek_id or self.id).wrap(data_key, tenant_id=tenant_id, key_id=key_id)

    def unwrap(self, wrapped: bytes, *, tenant_id: UUID, key_id: UUID, kek_id: str) -> bytes:
        """Decrypt a stored data key with exactly the key that is named; keys are never tried.

        Raises:
            VaultError: that key is not in the ring, or the data key is not what it wrapped.
        """
        return self._get(kek_id).unwrap(wrapped, tenant_id=tenant_id, key_id=key_id)

    def prove(self, message: bytes) -> str:
        """Return a proof, by the first key, that whoever wrote this message holds the keys."""
        return self.keys[0].prove(message)

    def is_proof(self, proof: str, message: bytes) -> bool:
        """Return whether somebody who holds one of these keys wrote this message."""
        given = proof.encode()
        return any(hmac.compare_digest(key.prove(message).encode(), given) for key in self.keys)

    def _get(self, kek_id: str) -> KeyEncryptionKey:
        key = self._by_id.get(kek_id)
        if key is None:
            raise VaultError(
                f"The key-encryption key {kek_id} is not among those configured ({', '.join(self.ids)})."
                " Add it to PATCHBAY_KEY, to the key file or to what PATCHBAY_KEY_COMMAND prints."
            )
        return key

    def __repr__(self) -> str:
        return f"<KeyEncryptionRing {', '.join(self.ids)}>"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("A ring of key-encryption keys cannot be pickled.")


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
    return _encrypt(plaintext, key=key, place=place)


def open_sealed(sealed: bytes, *, key: DataKey, place: Place) -> Secret:
    """Decrypt a sealed value with exactly the key that sealed it.

    Keys are never tried one after the other: AES-GCM does not commit to its key, so a trial could open with the
    wrong one (Dodis et al., 2018, "invisible salamanders").

    Raises:
        VaultError: sealed with another key, for another place, or damaged.
    """
    return Secret(_decrypt(sealed, key=key, place=place).decode())


def reseal(sealed: bytes, *, old: DataKey, new: DataKey, place: Place) -> bytes:
    """Re-encrypt a sealed value with another key for the same place.

    Raises:
        VaultError: sealed with another key than the old one, for another place, or damaged.
    """
    return _encrypt(_decrypt(sealed, key=old, place=place), key=new, place=place)


def sealed_key_id(sealed: bytes) -> UUID:
    """Return the id of the data key that a value was sealed with.

    Raises:
        VaultError: not a sealed value of a known format.
    """
    if len(sealed) < _MIN_SEALED_BYTES or sealed[:1] != _FORMAT:
        raise VaultError("The sealed value is damaged or of an unknown format.")
    return UUID(bytes=bytes(sealed[_KEY_ID]))


def _encrypt(plaintext: bytes, *, key: DataKey, place: Place) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _FORMAT + key.id.bytes + nonce + key.cipher.encrypt(nonce, plaintext, _place_context(place, key.id))


def _decrypt(sealed: bytes, *, key: DataKey, place: Place) -> bytes:
    if sealed_key_id(sealed) != key.id:
        raise VaultError("The sealed value names another data key.")
    nonce = sealed[_HEADER_BYTES : _HEADER_BYTES + _NONCE_BYTES]
    ciphertext = sealed[_HEADER_BYTES + _NONCE_BYTES :]
    try:
        return key.cipher.decrypt(nonce, ciphertext, _place_context(place, key.id))
    except InvalidTag:
        raise VaultError(
            f"The sealed value does not belong to this place ({place.table}.{place.column}) or is damaged."
        ) from None


def _place_context(place: Place, key_id: UUID) -> bytes:
    column = _column_context(place.tenant_id, place.table, place.column)
    return column + _length_prefixed(place.row_id.bytes, key_id.bytes)


@lru_cache(maxsize=1024)
def _column_context(tenant_id: UUID, table: str, column: str) -> bytes:
    """Return the part that all values of a tenant's column share: a rotation builds it for thousands of them."""
    return _length_prefixed(_FORMAT, _PRODUCT, tenant_id.bytes, table.encode(), column.encode())


def _length_prefixed(*parts: bytes) -> bytes:
    """Join parts so that no two lists of parts give the same bytes."""
    return b"".join([len(part).to_bytes(4) + part for part in parts])
