"""What people type about themselves: trimmed, checked, and refused with words that help."""

import re

from services.kernel.errors import InvalidInput

MAX_NAME_CHARACTERS = 100
_MAX_EMAIL_CHARACTERS = 254  # RFC 5321 §4.5.3.1.3, less the angle brackets
_MAX_LOCAL_CHARACTERS = 64
# Shape only: whether an address exists is shown by mail that arrives, not by a longer pattern.
_EMAIL = re.compile(r"[^\s@\"(),:;<>\[\]\\]+@[^\s@.]+(\.[^\s@.]+)*")


def clean_name(value: str, *, field: str, noun: str) -> str:
    """Return a name without surrounding or doubled blanks.

    Args:
        value: as typed.
        field: the form's field, for the error.
        noun: what is named, for the error's words.

    Raises:
        InvalidInput: empty, too long, or not printable.
    """
    name = " ".join(value.split())
    if not name:
        raise InvalidInput(f"Enter {noun}.", field=field, code="required")
    if len(name) > MAX_NAME_CHARACTERS:
        raise InvalidInput(f"Use at most {MAX_NAME_CHARACTERS} characters.", field=field, code="too_long")
    if not name.isprintable():
        raise InvalidInput("Remove the characters that cannot be shown.", field=field, code="not_printable")
    return name


def clean_email(value: str, *, field: str = "email") -> str:
    """Return a mail address in lower case.

    Raises:
        InvalidInput: it does not look like one.
    """
    email = value.strip().lower()
    if not email:
        raise InvalidInput("Enter your e-mail address.", field=field, code="required")
    local = email.rpartition("@")[0]
    if (
        len(email) > _MAX_EMAIL_CHARACTERS
        or len(local) > _MAX_LOCAL_CHARACTERS
        or not email.isprintable()
        or not _EMAIL.fullmatch(email)
    ):
        raise InvalidInput("Enter an e-mail address such as ana@example.com.", field=field, code="not_an_email")
    return email
