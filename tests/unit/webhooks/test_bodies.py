"""Whatever a provider signed can be shown: the log is where one looks at what is odd."""

from datetime import UTC, datetime

import pytest

from models import DeliveryState, WebhookDelivery
from services.kernel.ids import new_id
from services.webhooks.bodies import masked_body


def delivery(body: bytes, content_type: str = "application/json") -> WebhookDelivery:
    """Return a stored request."""
    now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    return WebhookDelivery(
        tenant_id=new_id(),
        id=new_id(),
        connection_id=new_id(),
        provider="slack",
        kind="events",
        event_type="message",
        dedupe_key="events:1",
        headers={"content-type": content_type},
        body=body,
        state=DeliveryState.DEAD,
        trace_id=new_id(),
        received_at=now,
        next_attempt_at=now,
    )


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":' * 50_000,
        b"[" * 900 + b"]" * 900,
        b'{"text":"\\ud800 \\u0000"}',
        b'{"n":' + b"9" * 5_000 + b"}",
        b"\xff\xfe{",
        b"",
    ],
    ids=["cut off", "deep", "half a character", "long number", "no text", "empty"],
)
def test_odd_bodies_are_shown_as_text_that_every_reader_takes(body: bytes) -> None:
    for content_type in ("application/json", "application/x-www-form-urlencoded"):
        assert masked_body(delivery(body, content_type)).text.encode() is not None


def test_secrets_and_numbers_are_masked_in_both_forms() -> None:
    json_text = masked_body(delivery(b'{"token": "xoxb-17653672481-secret", "from": "+14155550111"}')).text
    form_text = masked_body(delivery(b"AuthToken=abc123&From=%2B14155550111", "application/x-www-form-urlencoded")).text
    for text in (json_text, form_text):
        assert "4155550111" not in text
        assert "xoxb" not in text and "abc123" not in text
