"""E-mail addresses, message ids and header fields as letters have them (RFC 5322), read without trust."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.policy import default as _policy
from typing import cast

from services.provider_kit.payloads import storable_text

_LONGEST_FIELD = 4_000
_LONGEST_NAME = 200
_MOST_ADDRESSES = 200
_MOST_IDS = 100
_ADDRESS = re.compile(r"[^\s@<>\"(),:;\\\[\]]{1,64}@[^\s@<>\"(),:;\\\[\]]{1,253}")
_IN_BRACKETS = re.compile(r"<([^<>]{1,1000})>")
_SPACES = re.compile(r"[\s\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """An address in lower case, and the name beside it."""

    address: str
    name: str = ""


def read_mailboxes(*fields: str) -> tuple[Mailbox, ...]:
    """Return the addresses that stand in header fields, each once; what is none is left out."""
    found: dict[str, Mailbox] = {}
    for field in fields:
        for mailbox in _read_field(one_line(field)[:_LONGEST_FIELD]):
            found.setdefault(mailbox.address, mailbox)
    return tuple(found.values())[:_MOST_ADDRESSES]


def read_addresses(fields: Iterable[str]) -> tuple[str, ...]:
    """Return the bare addresses that stand in header fields."""
    return tuple(mailbox.address for mailbox in read_mailboxes(*fields))


def domain_of(address: str) -> str:
    """Return the domain of an address, in lower case."""
    return address.rpartition("@")[2].lower()


def read_message_ids(field: str) -> tuple[str, ...]:
    """Return the message ids of a field without their angle brackets (RFC 5322 §3.6.4), in its order."""
    text = field[: _LONGEST_FIELD * 10]
    bracketed = _IN_BRACKETS.findall(text)
    ids = ["".join(found.split()) for found in bracketed] or text.split()
    return tuple(dict.fromkeys(storable_text(found) for found in ids if found))[-_MOST_IDS:]


def one_line(text: str) -> str:
    """Return a text without line breaks and other control characters, as header fields must be."""
    return _SPACES.sub(" ", storable_text(text)).strip()


def write_mailbox(address: str, name: str) -> str:
    """Return ``Name <address>``, the name quoted where it must be; the address alone if there is no name.

    Raises:
        ValueError: it is no address.
    """
    if not _ADDRESS.fullmatch(address):
        raise ValueError("not an address")
    return str(Address(display_name=one_line(name), addr_spec=address)) if one_line(name) else address


def _read_field(field: str) -> Iterable[Mailbox]:
    try:
        header = _policy.header_factory("to", field)
        parsed = cast(tuple[Address, ...], header.addresses)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
        pairs = [(item.addr_spec, item.display_name) for item in parsed]
    # The parser of the standard library fails in many ways on what is no list of addresses.
    except (MessageError, ValueError, LookupError, AttributeError, TypeError, RecursionError):
        pairs = [(found, "") for found in _ADDRESS.findall(field)]
    for address, name in pairs:
        if _ADDRESS.fullmatch(address):
            yield Mailbox(address=address.lower(), name=one_line(name)[:_LONGEST_NAME])


def header(headers: Mapping[str, str], name: str) -> str:
    """Return a header field by its name in lower case; empty if there is none."""
    return one_line(headers.get(name, "")[: _LONGEST_FIELD * 10])
