"""What the door accepts, what it refuses, and what it keeps of either."""

import json
import socket
import time
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

import httpx2
import pytest
from slack_sdk.signature import SignatureVerifier
from sqlmodel import col, select
from twilio.request_validator import RequestValidator

from models import WebhookDelivery, WebhookRefusal
from services.webhooks import list_deliveries
from tests.support.line import Line, Shop, webhook_url

MEBIBYTE = 1024 * 1024


def slack_body(line: Line, *, event_id: str = "Ev0TEST0001", text: str = "What are your opening hours?") -> bytes:
    """Return an event as Slack sends it."""
    return json.dumps(
        {
            "type": "event_callback",
            "team_id": line.sandbox.identities.own_app.team_id,
            "api_app_id": line.sandbox.identities.own_app.app_id,
            "event_id": event_id,
            "event_time": int(time.time()),
            "event": {
                "type": "message",
                "channel_type": "im",
                "channel": "D0MIA000001",
                "user": "U0MIA000001",
                "text": text,
                "ts": "1700000000.000100",
            },
        }
    ).encode()


def slack_headers(line: Line, body: bytes, *, age: float = 0, secret: str = "") -> dict[str, str]:
    """Sign as Slack does."""
    timestamp = str(int(time.time() - age))
    verifier = SignatureVerifier(secret or line.sandbox.identities.own_app.signing_secret)
    signature = verifier.generate_signature(timestamp=timestamp, body=body) or ""
    return {
        "content-type": "application/json",
        "x-slack-request-timestamp": timestamp,
        "x-slack-signature": signature,
    }


def post(url: str, body: bytes, headers: Mapping[str, str]) -> httpx2.Response:
    """Send one request."""
    return httpx2.post(url, content=body, headers=dict(headers), trust_env=False, timeout=10)


def count(line: Line, model: type[WebhookDelivery]) -> int:
    """Count the rows of all tenants."""
    with line.kernel.unscoped_session("test") as session:
        return len(session.exec(select(col(model.id))).all())


def refusals(line: Line) -> dict[str, int]:
    """Return what was refused and why, once it has been counted."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with line.kernel.unscoped_session("test") as session:
            rows = session.exec(select(WebhookRefusal)).all()
            if rows:
                return {row.reason: row.count for row in rows}
        time.sleep(0.05)
    return {}


def test_signed_event_is_stored_before_it_is_acknowledged(line: Line, shop: Shop) -> None:
    body = slack_body(line)
    response = post(webhook_url(shop.slack, "events"), body, slack_headers(line, body))
    assert response.status_code == 200
    [delivery] = list_deliveries(line.kernel, actor=shop.actor, connection_id=shop.slack.id).items
    assert (delivery.state, delivery.event_type) == ("received", "message")


@pytest.mark.parametrize(
    ("case", "status", "reason"),
    [
        ("unsigned", 401, "missing_signature"),
        ("wrong secret", 401, "bad_signature"),
        ("stale", 401, "stale"),
        ("body changed", 401, "bad_signature"),
        ("truncated", 401, "bad_signature"),
        ("empty", 401, "bad_signature"),
        ("signed garbage", 400, "malformed"),
        ("signed non-UTF-8", 401, "bad_signature"),
        ("other account", 401, "other_account"),
    ],
)
def test_bad_request_is_refused_counted_and_not_kept(
    line: Line, shop: Shop, case: str, status: int, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    body = slack_body(line)
    headers = slack_headers(line, body)
    garbage = b'{"type": "event_callback", '
    other = slack_body(line).replace(line.sandbox.identities.own_app.team_id.encode(), b"T0SOMEBODY1")
    requests: dict[str, tuple[bytes, dict[str, str]]] = {
        "unsigned": (body, {"content-type": "application/json"}),
        "wrong secret": (body, slack_headers(line, body, secret="0" * 32)),
        "stale": (body, slack_headers(line, body, age=301)),
        "body changed": (body + b" ", headers),
        "truncated": (body[:-20], headers),
        "empty": (b"", headers),
        "signed garbage": (garbage, slack_headers(line, garbage)),
        "signed non-UTF-8": (b"\xff\xfe" + body, headers),
        "other account": (other, slack_headers(line, other)),
    }
    response = post(webhook_url(shop.slack, "events"), *requests[case])
    assert response.status_code == status
    assert count(line, WebhookDelivery) == 0
    assert refusals(line) == {reason: 1}
    assert not [record for record in caplog.records if record.exc_info]


def test_body_over_the_limit_is_refused_while_it_arrives(line: Line, shop: Shop) -> None:
    body = b"x" * (3 * MEBIBYTE)
    response = post(webhook_url(shop.slack, "events"), body, slack_headers(line, body))
    assert response.status_code == 413
    assert count(line, WebhookDelivery) == 0


def test_chunked_body_over_the_limit_is_refused(line: Line, shop: Shop) -> None:
    parts = urlsplit(webhook_url(shop.slack, "events"))
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as connection:
        head = f"POST {parts.path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        try:
            for _ in range(48):
                connection.sendall(chunk)
        except OSError:
            pass
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/ai-agents/webhooks/slack/unknown-token/events", 404),
        ("/api/ai-agents/webhooks/nobody/token/events", 404),
        ("/api/ai-agents/webhooks/slack/token/interpretive-dance", 404),
        ("/api/ai-agents/webhooks/", 404),
        ("/api/ai-agents/webhooks/slack/a/b/c", 404),
        ("/api/ai-agents/webhooks/twilio/status", 404),
    ],
)
def test_unknown_address_is_not_found(line: Line, shop: Shop, path: str, status: int) -> None:
    body = slack_body(line)
    assert post(line.address + path, body, slack_headers(line, body)).status_code == status


def test_wrong_method_and_content_type_are_refused(line: Line, shop: Shop) -> None:
    url = webhook_url(shop.slack, "events")
    body = slack_body(line)
    assert httpx2.get(url, trust_env=False).status_code == 405
    assert post(url, body, slack_headers(line, body) | {"content-type": "text/html"}).status_code == 415


def test_another_tenants_secret_does_not_open_the_address(line: Line, shop: Shop) -> None:
    line.open_shop("Harbor", is_second=True)
    body = slack_body(line)
    stolen = slack_headers(line, body, secret=line.sandbox.identities.other_own_app.signing_secret)
    assert post(webhook_url(shop.slack, "events"), body, stolen).status_code == 401
    assert count(line, WebhookDelivery) == 0


def test_forwarded_headers_do_not_change_what_twilio_signed(line: Line, shop: Shop) -> None:
    url = webhook_url(shop.twilio, "sms")
    form = {
        "AccountSid": line.sandbox.identities.twilio.account_sid,
        "MessageSid": "SM" + "0" * 32,
        "From": "+14155550142",
        "To": shop.number,
        "Body": "hello",
    }
    body = urlencode(form).encode()
    validator = RequestValidator(line.sandbox.identities.twilio.auth_token)
    forged = url.replace(line.address, "https://evil.example")
    headers = {"content-type": "application/x-www-form-urlencoded", "x-forwarded-host": "evil.example"}
    signed_for_us = headers | {"x-twilio-signature": str(validator.compute_signature(url, form))}
    signed_for_them = headers | {"x-twilio-signature": str(validator.compute_signature(forged, form))}
    assert post(url, body, signed_for_them).status_code == 401
    answer = post(url, body, signed_for_us)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/xml")
    assert b"<Message>" not in answer.content


def test_shared_address_finds_the_tenant_by_account_and_signature(line: Line, shop: Shop) -> None:
    other = line.open_shop("Harbor", is_second=True)
    url = f"{line.address}/api/ai-agents/webhooks/twilio/sms"
    form = {
        "AccountSid": line.sandbox.identities.other_twilio.account_sid,
        "MessageSid": "SM" + "1" * 32,
        "From": "+14155550142",
        "To": other.number,
        "Body": "hello",
    }
    body = urlencode(form).encode()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    right = RequestValidator(line.sandbox.identities.other_twilio.auth_token).compute_signature(url, form)
    wrong = RequestValidator(line.sandbox.identities.twilio.auth_token).compute_signature(url, form)
    assert post(url, body, headers | {"x-twilio-signature": str(wrong)}).status_code == 401
    assert post(url, body, headers | {"x-twilio-signature": str(right)}).status_code == 200
    assert list_deliveries(line.kernel, actor=shop.actor).items == ()
    assert len(list_deliveries(line.kernel, actor=other.actor).items) == 1
