"""The main job from the outside, without a browser: a command, the REST API, and the providers' own signatures.

The webhooks are written and signed here with the providers' libraries, not by the sandbox; it only plays the ones
who receive the answers.
"""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx2
import pytest
from slack_sdk.signature import SignatureVerifier
from twilio.request_validator import RequestValidator

from app.sandbox.identities import dm_id
from services.connections import ConnectionView
from services.traces import TraceView
from services.webhooks import DeliveryView
from tests.support.product import Product, eventually
from tests.support.rest import RestShop, open_shop
from tests.support.sandbox import AcceptedMessage

QUESTION = "What are your opening hours?"
ANSWER = "We are open from 9 to 17, Monday to Friday."
PHONE = "+14155550177"
PERSON = "U0MIA000001"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A request of a provider: the same content each time, signed anew as providers do."""

    url: str
    body: bytes
    sign: Callable[[], Mapping[str, str]]

    def post(self) -> int:
        """Deliver it and return the status of the answer."""
        return httpx2.post(self.url, content=self.body, headers=dict(self.sign()), trust_env=False).status_code


@pytest.fixture(scope="module")
def shop(product: Product) -> RestShop:
    """A tenant that was never seen by a browser."""
    return open_shop(product, name="Harbor", playbook=[(QUESTION, ANSWER)], is_second=True)


def slack_event(shop: RestShop) -> tuple[Webhook, str, str]:
    """Return a direct message as Slack announces it, with its channel and its timestamp there."""
    channel = dm_id(user=PERSON, bot=f"U{shop.slack_app.app_id[1:]}")
    ts = f"{time.time():.6f}"
    event = {"type": "message", "channel_type": "im", "channel": channel, "user": PERSON, "text": QUESTION, "ts": ts}
    envelope = {
        "type": "event_callback",
        "team_id": shop.slack_app.team_id,
        "api_app_id": shop.slack_app.app_id,
        "event_id": f"Ev{secrets.token_hex(5).upper()}",
        "event_time": int(time.time()),
        "event": event,
    }
    body = json.dumps(envelope)

    def sign() -> Mapping[str, str]:
        moment = str(int(time.time()))
        verifier = SignatureVerifier(shop.slack_app.signing_secret)
        return {
            "content-type": "application/json",
            "x-slack-request-timestamp": moment,
            "x-slack-signature": verifier.generate_signature(timestamp=moment, body=body) or "",
        }

    return Webhook(url=shop.events_url, body=body.encode(), sign=sign), channel, ts


def text_message(shop: RestShop) -> Webhook:
    """Return a text message as Twilio announces it."""
    form = {
        "AccountSid": shop.twilio_account.account_sid,
        "MessageSid": f"SM{secrets.token_hex(16)}",
        "From": PHONE,
        "To": shop.number,
        "Body": QUESTION,
        "NumMedia": "0",
    }

    def sign() -> Mapping[str, str]:
        signature = RequestValidator(shop.twilio_account.auth_token).compute_signature(shop.sms_url, form)
        return {"content-type": "application/x-www-form-urlencoded", "x-twilio-signature": signature}

    return Webhook(url=shop.sms_url, body=urlencode(form).encode(), sign=sign)


def deliver_thrice(product: Product, shop: RestShop, webhook: Webhook, *, kind: str, channel: str) -> AcceptedMessage:
    """Deliver twice at the same moment and once more when all is done; return the one answer there is."""

    def delivery() -> DeliveryView:
        [found] = [item for item in shop.api.deliveries() if item.kind == kind]
        return found

    with ThreadPoolExecutor(2) as pool:
        assert [copy.result() for copy in [pool.submit(webhook.post), pool.submit(webhook.post)]] == [200, 200]
    product.sandbox.wait_for_answers(1, channel=channel)
    eventually(lambda: delivery().state == "processed", what="the end of the delivery")
    assert webhook.post() == 200
    eventually(lambda: delivery().duplicates == 2 and not product.queue_length(), what="the last copy")
    [answer] = product.sandbox.answers(channel=channel)
    return answer


def test_a_tenant_is_set_up_by_a_command_and_the_api_alone(product: Product, shop: RestShop) -> None:
    for connection in (shop.slack, shop.twilio):
        shown = shop.api.get(f"connections/{connection.id}", ConnectionView)
        assert (shown.status, shown.agent_id) == ("active", shop.agent.id)
        assert all(item.url.startswith(f"{product.address}/api/ai-agents/webhooks/") for item in shown.webhook_urls)
    text = repr((shop.slack, shop.twilio))
    for secret in (shop.slack_app.bot_token, shop.slack_app.signing_secret, shop.twilio_account.auth_token):
        assert secret not in text


def test_a_direct_message_in_slack_is_answered_once(product: Product, shop: RestShop) -> None:
    known = len(product.errors())
    webhook, channel, ts = slack_event(shop)
    answer = deliver_thrice(product, shop, webhook, kind="events", channel=channel)
    assert (answer.text, answer.thread_ts, answer.sender) == (ANSWER, ts, shop.slack_app.app_id)
    check_books(shop, channel_kind="slack_dm", received="Received from Slack")
    assert not product.errors()[known:]


def test_a_text_message_is_answered_once(product: Product, shop: RestShop) -> None:
    known = len(product.errors())
    answer = deliver_thrice(product, shop, text_message(shop), kind="sms", channel=PHONE)
    assert (answer.text, answer.sender) == (ANSWER, shop.number)
    check_books(shop, channel_kind="sms", received="Received from Twilio")
    assert not product.errors()[known:]


def check_books(shop: RestShop, *, channel_kind: str, received: str) -> None:
    """Read back over REST what happened: one conversation, one question, one answer, and the way between them."""
    [conversation] = [item for item in shop.api.conversations() if item.channel_kind == channel_kind]
    asked, answered = shop.api.messages(conversation)
    assert (asked.direction, asked.text) == ("inbound", QUESTION)
    assert (answered.direction, answered.text, answered.runner) == ("outbound", ANSWER, "playbook")
    assert answered.state in {"sent", "delivered"}
    assert asked.trace_id == answered.trace_id
    trace = shop.api.get(f"traces/{asked.trace_id}", TraceView)
    assert trace.conversation_id == conversation.id
    titles = [step.title for step in trace.steps]
    assert titles[0] == received
    assert "Routed" in titles
    assert all(step.detail for step in trace.steps if step.title == "Routed"), "the routing has no reason"
    assert [step.offset_ms for step in trace.steps] == sorted(step.offset_ms for step in trace.steps)
