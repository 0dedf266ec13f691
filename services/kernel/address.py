"""Where an outbound call may go: only public addresses, spelled plainly.

Pure functions: :func:`parse_target` reads a URL without the network, :func:`check_addresses` judges what a resolver
answered. The client (``http.py``) connects to nothing that has not passed both.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import httpx2

from services.kernel.errors import Refused

IPAddress = IPv4Address | IPv6Address

MAX_URL_CHARACTERS = 8192

# IANA special-purpose registries (https://www.iana.org/assignments/iana-ipv4-special-registry), read 2026-11.
_CLOSED_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT, and Alibaba Cloud's metadata
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's platform channel, on a public address
        "169.254.0.0/16",  # link-local, and most clouds' metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
# Everything public in IPv6 is inside 2000::/3: loopback, mapped, NAT64 (64:ff9b::/96), unique local, link-local and
# multicast addresses are outside of it.
_OPEN_V6 = IPv6Network("2000::/3")
_CLOSED_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, carries an IPv4 address
        "3fff::/20",  # documentation
    )
)
_ISATAP = (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe")
"""Bytes 8 to 11 of an address that carries an IPv4 address (RFC 5214 §6.1)."""
_LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}|localhost")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_SHAPE = re.compile(r"(?P<scheme>[A-Za-z]+)://(?P<authority>[^/?#]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL that is spelled as we accept it."""

    url: httpx2.URL
    host: str
    port: int
    address: IPAddress | None
    """The address, if the URL names one instead of a host."""

    @property
    def is_encrypted(self) -> bool:
        """Whether the call goes over TLS."""
        return self.url.scheme == "https"


def is_loopback(address: IPAddress) -> bool:
    """Return whether an address is exactly this machine's loopback (mapped and unspecified forms are not)."""
    return any(address in network for network in _LOOPBACK)


def is_public(address: IPAddress) -> bool:
    """Return whether an address belongs to the public internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _CLOSED_V4)
    if address.scope_id is not None or address not in _OPEN_V6 or address.packed[8:12] in _ISATAP:
        return False
    return not any(address in network for network in _CLOSED_V6)


def parse_target(url: str, *, allow_loopback: bool) -> Target:
    """Read the URL of an outbound call, refusing every spelling that two parsers could read differently.

    Args:
        url: absolute, ``https`` (``http`` only for the loopback, where that is allowed).
        allow_loopback: whether calls may reach the loopback at all.

    Raises:
        Refused: ``code`` is ``address_invalid``, ``https_required`` or ``address_not_public``. The message never
            repeats the URL, which may hold a secret.
    """
    shape = _SHAPE.match(url)
    if len(url) > MAX_URL_CHARACTERS or not shape or not url.isascii() or not url.isprintable() or " " in url:
        raise _invalid("Use an absolute https:// address in plain ASCII (international names in their xn-- form).")
    if any(character in shape["authority"] for character in "@\\%"):
        raise _invalid("Remove the user name, password or escape from the host part of the address.")
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        parsed = None
    if parsed is None or parsed.scheme not in ("http", "https"):
        raise _invalid("Use an address that starts with https://.")
    port = parsed.port or (443 if parsed.scheme == "https" else 80)
    if parsed.port == 0 or port > 65535:
        raise _invalid("Use a port between 1 and 65535.")
    host = parsed.raw_host.decode("ascii")
    if parsed.scheme == "http" and not allow_loopback:
        raise Refused("Use https:// in the address: unencrypted calls are not made.", code="https_required")
    return Target(url=parsed, host=host, port=port, address=_read_host(host))


def check_addresses(
    addresses: Sequence[str], *, host: str, allow_loopback: bool, is_encrypted: bool
) -> list[IPAddress]:
    """Return the addresses if every one of them may be connected to.

    One bad address refuses them all: a name that answers public and private addresses is an attack or a mistake.

    Raises:
        Refused: ``address_not_public``, or ``https_required`` for an unencrypted call beyond the loopback.
    """
    parsed = [_parse_answer(address, host=host) for address in addresses]
    if not all(is_public(address) or (allow_loopback and is_loopback(address)) for address in parsed):
        raise not_public(host)
    if not is_encrypted and not all(is_loopback(address) for address in parsed):
        raise Refused(f"Use https:// for {host}: unencrypted calls are not made.", code="https_required")
    return parsed


def not_public(host: str) -> Refused:
    """Return the error for a host that is not on the public internet."""
    return Refused(
        f"{host} is not a public address. Use the address under which the internet reaches it.",
        code="address_not_public",
    )


def unique(addresses: Iterable[str]) -> list[str]:
    """Return the addresses once each, in their order."""
    return list(dict.fromkeys(addresses))


def _read_host(host: str) -> IPAddress | None:
    """Return the address a host spells, or None for a host name.

    Raises:
        Refused: neither of both: short, octal, hexadecimal or decimal forms, a trailing dot, a single label.
    """
    try:
        return ip_address(host)
    except ValueError:
        pass
    # A name whose last label is a number is an IPv4 address to browsers and to getaddrinfo (WHATWG URL, §3.5).
    last = host.rpartition(".")[2]
    if len(host) > 253 or not _HOST_NAME.fullmatch(host) or _NUMBER.fullmatch(last):
        raise Refused(
            "The host in the address is not a public host name. Use a full name such as api.example.com,"
            " without a final dot.",
            code="address_not_public",
        )
    return None


def _parse_answer(address: str, *, host: str) -> IPAddress:
    try:
        return ip_address(address)
    except ValueError:
        raise not_public(host) from None


def _invalid(message: str) -> Refused:
    return Refused(f"The address cannot be used. {message}", code="address_invalid")
