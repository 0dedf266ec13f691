"""How a provider proves that a request is its own. A provider picks a scheme and gives its parameters.

Every scheme fails closed: without a secret nothing is accepted, and hostile bytes end in ``Unauthenticated``,
never in another exception. The codes are ``no_secret``, ``missing_signature``, ``stale`` and ``bad_signature``.
"""

import base64
import contextlib
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NoReturn

from services.kernel.errors import Unauthenticated
from services.kernel.secret import Secret
from services.provider_kit.contract import WebhookRequest

TOLERANCE = timedelta(minutes=5)
"""How old, or how far ahead, a signed timestamp may be."""

_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SVIX_ID = re.compile(r"[0-9A-Za-z_-]{1,120}")
_SVIX_SIGNATURES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Hmac:
    """A keyed hash (RFC 2104) of the raw body, in a header.

    ``template`` says what is signed; ``{timestamp}`` in it needs ``timestamp_header``.
    """

    header: str
    secret: str = "signing_secret"
    digest: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    timestamp_header: str = ""
    template: str = "{body}"
    tolerance: timedelta = TOLERANCE

    def authenticate(self, request: WebhookRequest, *, secrets: Mapping[str, Secret], now: datetime) -> None:
        """Prove the request.

        Raises:
            Unauthenticated: with the code that says what is wrong.
        """
        secret = require_secret(secrets, self.secret)
        given = require_header(request, self.header)
        timestamp = ""
        if self.timestamp_header:
            timestamp = require_header(request, self.timestamp_header)
            check_fresh(timestamp, now=now, tolerance=self.tolerance)
        if not same(given, self.prefix + self._compute(secret, timestamp=timestamp, body=request.body)):
            refuse_signature()

    def _compute(self, secret: Secret, *, timestamp: str, body: bytes) -> str:
        before, _, after = self.template.replace("{timestamp}", timestamp).partition("{body}")
        signed = before.encode() + body + after.encode()
        digest = hmac.digest(secret.reveal().encode(), signed, getattr(hashlib, self.digest))
        return digest.hex() if self.encoding == "hex" else base64.b64encode(digest).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticToken:
    """A shared token that the provider repeats in a header. It proves the sender, not the body."""

    header: str
    secret: str = "signing_secret"
    prefix: str = ""

    def authenticate(self, request: WebhookRequest, *, secrets: Mapping[str, Secret], now: datetime) -> None:
        """Prove the request; ``now`` is not used, as a token has no time.

        Raises:
            Unauthenticated: with the code that says what is wrong.
        """
        secret = require_secret(secrets, self.secret)
        if not same(require_header(request, self.header), self.prefix + secret.reveal()):
            refuse_signature()


@dataclass(frozen=True, slots=True, kw_only=True)
class Svix:
    """Svix's scheme, also published as Standard Webhooks: keyed hashes of an id, a time and the raw body.

    The headers come as ``svix-…`` or as ``webhook-…``. While a secret is being replaced there are several signatures,
    and one that fits is enough. https://docs.svix.com/receiving/verifying-payloads/how-manual
    """

    secret: str = "signing_secret"
    tolerance: timedelta = TOLERANCE

    def authenticate(self, request: WebhookRequest, *, secrets: Mapping[str, Secret], now: datetime) -> None:
        """Prove the request.

        Raises:
            Unauthenticated: with the code that says what is wrong.
        """
        secret = require_secret(secrets, self.secret)
        family = _svix_family(request)
        given = require_header(request, f"{family}-signature")
        key = _svix_key(secret)
        message_id = require_header(request, f"{family}-id")
        timestamp = require_header(request, f"{family}-timestamp")
        check_fresh(timestamp, now=now, tolerance=self.tolerance)
        # A dot in the id would let one request's parts be read as another's.
        if not _SVIX_ID.fullmatch(message_id):
            refuse_signature()
        digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + request.body, hashlib.sha256)
        expected = f"v1,{base64.b64encode(digest).decode()}"
        fitting = [same(signature, expected) for signature in given.split(" ")[:_SVIX_SIGNATURES]]
        if not any(fitting):
            refuse_signature()

    def message_id(self, request: WebhookRequest) -> str:
        """Return the id that is signed with the request, the same when it is sent again; empty if there is none."""
        message_id = request.headers.get(f"{_svix_family(request)}-id", "")
        return message_id if _SVIX_ID.fullmatch(message_id) else ""


def _svix_family(request: WebhookRequest) -> str:
    return "svix" if request.headers.get("svix-signature") else "webhook"


def _svix_key(secret: Secret) -> bytes:
    key = b""
    with contextlib.suppress(ValueError):
        key = base64.b64decode(secret.reveal().strip().removeprefix("whsec_"), validate=True)
    if not key:
        raise Unauthenticated("The stored signing secret is not readable; connect again.", code="no_secret")
    return key


SignatureScheme = Hmac | StaticToken | Svix


def require_secret(secrets: Mapping[str, Secret], name: str) -> Secret:
    """Return a secret that has a value.

    Raises:
        Unauthenticated: code ``no_secret``.
    """
    secret = secrets.get(name)
    if not secret:
        raise Unauthenticated("No secret is stored to check this request with; connect again.", code="no_secret")
    return secret


def require_header(request: WebhookRequest, name: str) -> str:
    """Return a header that has a value.

    Raises:
        Unauthenticated: code ``missing_signature``.
    """
    value = request.headers.get(name.lower(), "")
    if not value:
        raise Unauthenticated(f"The request has no {name} header.", code="missing_signature")
    return value


def check_fresh(timestamp: str, *, now: datetime, tolerance: timedelta = TOLERANCE) -> None:
    """Refuse a signed Unix timestamp that is too old or too far ahead.

    Raises:
        Unauthenticated: code ``stale``, or ``bad_signature`` if it is no timestamp.
    """
    if not _TIMESTAMP.fullmatch(timestamp):
        refuse_signature()
    if abs(now.timestamp() - int(timestamp)) > tolerance.total_seconds():
        raise Unauthenticated("The request is too old, or our clock is wrong.", code="stale")


def same(given: str, expected: str) -> bool:
    """Compare in constant time, whatever characters a header holds."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass"))


def refuse_signature() -> NoReturn:
    """Raise the error for a signature that does not fit, the same for every cause."""
    raise Unauthenticated("The signature does not match this connection's secret.", code="bad_signature")
