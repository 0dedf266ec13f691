"""Passwords: what is accepted, and how they are kept (Argon2id, RFC 9106).

A password is the only factor here, so NIST SP 800-63B-4 §3.1.1 asks for 15 characters and forbids rules about their
composition; what context makes guessable is refused instead.
"""

import threading
import unicodedata
from datetime import timedelta

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from services.kernel.errors import InvalidInput, RetryLater
from services.kernel.secret import Secret

MIN_CHARACTERS = 15
MAX_CHARACTERS = 256
_MIN_DISTINCT = 5

# OWASP's minimum for Argon2id: 19 MiB, two passes, one lane; 30 ms on a small machine.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Hashing is meant to be dear: more than two at once would let a flood of sign-ins take the machine.
_SLOTS = threading.BoundedSemaphore(2)
_SLOT_WAIT_SECONDS = 5.0
# Checked when there is no such user, so that the answer takes as long as for one who exists.
_NOBODY = _HASHER.hash("nobody has this password")


def check_password(password: Secret, *, guessable: tuple[str, ...] = ()) -> None:
    """Accept a password that may be set.

    Args:
        password: as typed.
        guessable: what an attacker would try first, such as the company's name.

    Raises:
        InvalidInput: the message says what to change.
    """
    text = _normalize(password)
    if len(text) < MIN_CHARACTERS:
        raise _refuse(
            f"Use at least {MIN_CHARACTERS} characters; this one has {len(text)}.",
            code="password_too_short",
        )
    if len(text) > MAX_CHARACTERS:
        raise _refuse(f"Use at most {MAX_CHARACTERS} characters.", code="password_too_long")
    if "\x00" in text:
        raise _refuse("Remove the invisible zero character.", code="password_invalid")
    folded = text.casefold()
    if len(set(folded)) < _MIN_DISTINCT:
        raise _refuse("A few characters repeated are easy to guess. Use four unrelated words.", code="password_weak")
    if any(folded == word.casefold().strip() for word in guessable):
        raise _refuse("Choose a password that is not a name or address from this page.", code="password_weak")


def hash_password(password: Secret) -> str:
    """Return the Argon2id hash to store.

    Raises:
        RetryLater: too many people sign in at this moment.
    """
    with _Slot():
        return _HASHER.hash(_encode(_normalize(password)))


def verify_password(password: Secret, *, stored: str) -> bool:
    """Return whether a password fits a stored hash; an empty hash takes the same time and never fits.

    Raises:
        RetryLater: too many people sign in at this moment.
    """
    text = _normalize(password)
    with _Slot():
        try:
            fits = _HASHER.verify(stored or _NOBODY, _encode(text[:MAX_CHARACTERS]))
        except (Argon2Error, InvalidHashError):
            return False
    return fits and bool(stored) and len(text) <= MAX_CHARACTERS


def needs_rehash(stored: str) -> bool:
    """Return whether a hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(stored)


class _Slot:
    """One of the few places where a hash may be computed."""

    def __enter__(self) -> None:
        if not _SLOTS.acquire(timeout=_SLOT_WAIT_SECONDS):
            raise RetryLater(
                "Many people sign in at this moment. Try again in a few seconds.",
                after=timedelta(seconds=5),
                code="sign_in_busy",
            )

    def __exit__(self, *_exception: object) -> None:
        _SLOTS.release()


def _normalize(password: Secret) -> str:
    # The same password typed on two keyboards may differ in composition (NIST SP 800-63B-4 §3.1.1.2).
    return unicodedata.normalize("NFC", password.reveal())


def _encode(text: str) -> bytes:
    # Half a surrogate pair can be typed into JSON; it must not fit, and not crash either.
    return text.encode("utf-8", "surrogatepass")


def _refuse(message: str, *, code: str) -> InvalidInput:
    return InvalidInput(message, field="password", code=code)
