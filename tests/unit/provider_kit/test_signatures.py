"""Signature schemes, by their parameters. What all of them refuse is in the conformance suite's spirit: everything."""

import base64
import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.kernel.errors import Unauthenticated
from services.kernel.secret import Secret
from services.provider_kit.contract import WebhookRequest
from services.provider_kit.signatures import Hmac, SignatureScheme, StaticToken

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
BODY = b'{"id": 1, "text": "gr\xc3\xbc\xc3\x9fe"}'
SECRETS = {"signing_secret": Secret("whsec-canary")}


def digest(signed: bytes, name: str = "sha256") -> bytes:
    """Return the keyed hash that a provider would send."""
    return hmac.new(b"whsec-canary", signed, getattr(hashlib, name)).digest()


CASES: list[tuple[SignatureScheme, dict[str, str]]] = [
    (Hmac(header="X-Sig"), {"x-sig": digest(BODY).hex()}),
    (Hmac(header="X-Hub-Signature-256", prefix="sha256="), {"x-hub-signature-256": "sha256=" + digest(BODY).hex()}),
    (Hmac(header="X-Sig", encoding="base64"), {"x-sig": base64.b64encode(digest(BODY)).decode()}),
    (Hmac(header="X-Sig", digest="sha1"), {"x-sig": digest(BODY, "sha1").hex()}),
    (
        Hmac(header="X-Sig", prefix="v0=", timestamp_header="X-Time", template="v0:{timestamp}:{body}"),
        {"x-sig": "v0=" + digest(b"v0:" + STAMP.encode() + b":" + BODY).hex(), "x-time": STAMP},
    ),
    (
        Hmac(header="X-Sig", timestamp_header="X-Time", template="{body}.{timestamp}", digest="sha512"),
        {"x-sig": digest(BODY + b"." + STAMP.encode(), "sha512").hex(), "x-time": STAMP},
    ),
    (StaticToken(header="X-Token"), {"x-token": "whsec-canary"}),
    (StaticToken(header="Authorization", prefix="Bearer "), {"authorization": "Bearer whsec-canary"}),
]
every_scheme = pytest.mark.parametrize(("scheme", "headers"), CASES)


def request(headers: dict[str, str]) -> WebhookRequest:
    """Return a received request."""
    return WebhookRequest(kind="events", url="https://patchbay.example/x", headers=headers, body=BODY)


def code(scheme: SignatureScheme, received: WebhookRequest, secrets: dict[str, Secret], now: datetime = NOW) -> str:
    """Return why a request is refused."""
    with pytest.raises(Unauthenticated) as caught:
        scheme.authenticate(received, secrets=secrets, now=now)
    return caught.value.code


@every_scheme
def test_the_right_signature_is_accepted(scheme: SignatureScheme, headers: dict[str, str]) -> None:
    scheme.authenticate(request(headers), secrets=SECRETS, now=NOW)


@every_scheme
def test_no_secret_or_a_blank_one_accepts_nothing(scheme: SignatureScheme, headers: dict[str, str]) -> None:
    for secrets in ({}, {"signing_secret": Secret("")}, {"signing_secret": Secret("  ")}, {"other": Secret("x")}):
        assert code(scheme, request(headers), secrets) == "no_secret"


@every_scheme
def test_another_secret_is_refused(scheme: SignatureScheme, headers: dict[str, str]) -> None:
    assert code(scheme, request(headers), {"signing_secret": Secret("whsec-canarz")}) == "bad_signature"


@every_scheme
def test_a_missing_header_is_named(scheme: SignatureScheme, headers: dict[str, str]) -> None:
    for name in headers:
        rest = {key: value for key, value in headers.items() if key != name}
        assert code(scheme, request(rest), SECRETS) == "missing_signature"
        assert code(scheme, request({**rest, name: ""}), SECRETS) == "missing_signature"


@every_scheme
def test_hostile_headers_are_refused(scheme: SignatureScheme, headers: dict[str, str]) -> None:
    for name in headers:
        for value in ("é", "\ud800", "\x00", headers[name] + " ", headers[name][:-1], "9" * 10_000):
            assert code(scheme, request({**headers, name: value}), SECRETS) in {"bad_signature", "stale"}


@pytest.mark.parametrize(("scheme", "headers"), CASES[:6])
def test_a_changed_body_is_refused(scheme: SignatureScheme, headers: dict[str, str]) -> None:
    received = replace(request(headers), body=BODY.replace(b": 1", b":1"))

    assert code(scheme, received, SECRETS) == "bad_signature"


@pytest.mark.parametrize(("scheme", "headers"), CASES[4:6])
def test_time_runs_out_on_both_sides(scheme: SignatureScheme, headers: dict[str, str]) -> None:
    for seconds in (299, 300, -300):
        scheme.authenticate(request(headers), secrets=SECRETS, now=NOW + timedelta(seconds=seconds))
    for seconds in (301, -301):
        assert code(scheme, request(headers), SECRETS, NOW + timedelta(seconds=seconds)) == "stale"
