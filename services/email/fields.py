"""What people type about a sender: trimmed, checked, and refused with words that help."""

import re
import unicodedata

from services.email.texts import MAX_NAME_CHARACTERS, one_line
from services.email.views import SenderForm
from services.kernel.errors import InvalidInput

MAX_ADDRESS_CHARACTERS = 254
# RFC 5321 §4.5.3.1: 64 characters before the at sign, 254 in all. Quoted local parts and non-ASCII ones are left out:
# hardly any mail server takes them.
_ADDRESS = re.compile(
    r"(?=.{1,64}@)[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])"
)
_NOT_IN_SLUG = re.compile(r"[^a-z0-9]+")
_MAX_SLUG_CHARACTERS = 40


def clean_form(form: SenderForm) -> SenderForm:
    """Return the form as it is stored.

    Raises:
        InvalidInput: a value is missing or is not an address; ``field`` names it.
    """
    return SenderForm(
        address=clean_address(form.address, field="address", required=True),
        display_name=_clean_name(form.display_name),
        reply_to=clean_address(form.reply_to, field="reply_to", required=False),
    )


def clean_address(value: str, *, field: str, required: bool) -> str:
    """Return an address in lower case.

    Raises:
        InvalidInput
    """
    address = value.strip().lower()
    if not address and not required:
        return ""
    if not address:
        raise InvalidInput("Enter an address, such as bri@example.com.", field=field, code="required")
    if len(address) > MAX_ADDRESS_CHARACTERS or not _ADDRESS.fullmatch(address):
        raise InvalidInput("Enter one plain address, such as bri@example.com.", field=field, code="not_an_address")
    return address


def slug_of(name: str) -> str:
    """Return what stands before the at sign of an agent's proposed address: ``Zoë (Sales)`` → ``zoe-sales``."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return _NOT_IN_SLUG.sub("-", plain).strip("-")[:_MAX_SLUG_CHARACTERS].rstrip("-") or "agent"


def _clean_name(value: str) -> str:
    name = " ".join(value.split())
    if len(name) > MAX_NAME_CHARACTERS:
        raise InvalidInput(
            f"Shorten the name to {MAX_NAME_CHARACTERS} characters; there are {len(name)}.",
            field="display_name",
            code="too_long",
        )
    if name != one_line(name, limit=MAX_NAME_CHARACTERS):
        raise InvalidInput(
            "Remove the characters that cannot be shown from the name.", field="display_name", code="not_printable"
        )
    return name
