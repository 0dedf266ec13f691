"""What Slack tells the product: signed, repeated, and to whom."""

import json
from typing import cast

import pytest
from slack_sdk import WebClient
from slack_sdk.signature import SignatureVerifier

from tests.integration.sandbox.conftest import Product, Received
from tests.support.listener import http_answer
from tests.support.sandbox import SandboxClient

OK = http_answer(b"{}")


def is_genuine(sandbox: SandboxClient, received: Received) -> bool:
    return SignatureVerifier(sandbox.identities.slack_app.signing_secret).is_valid_request(
        received.body, received.headers
    )


def test_a_direct_message_is_told_once_and_signed(sandbox: SandboxClient, bot: WebClient, product: Product) -> None:
    written = sandbox.slack_message("hello")
    sandbox.wait_for_webhooks(*written.event_ids)
    [received] = product.received
    assert received.path == "/api/ai-agents/webhooks/slack/events"
    assert is_genuine(sandbox, received)
    envelope, event = received.json, received.event
    assert (envelope["type"], envelope["team_id"], envelope["api_app_id"]) == (
        "event_callback",
        "T0NORTHWIND",
        "A0PATCHBAY1",
    )
    assert envelope["event_id"] == written.event_ids[0]
    [authorization] = cast(list[dict[str, object]], envelope["authorizations"])
    assert authorization["user_id"] == bot.auth_test()["user_id"]
    assert (event["type"], event["channel_type"], event["user"], event["text"], event["ts"]) == (
        "message",
        "im",
        "U0MIA000001",
        "hello",
        written.message_id,
    )


def test_a_mention_is_told_twice_with_two_ids(sandbox: SandboxClient, bot: WebClient, product: Product) -> None:
    written = sandbox.slack_message("when?", channel="#creator-ops", mention=True)
    sandbox.wait_for_webhooks(*written.event_ids)
    events = {str(item.event["type"]): item.event for item in product.received}
    assert set(events) == {"app_mention", "message"}
    assert len(set(written.event_ids)) == 2
    assert events["app_mention"]["text"] == events["message"]["text"] == "<@U0PATCHBAY1> when?"
    assert events["message"]["channel_type"] == "channel"


def test_the_agent_s_own_message_comes_back(sandbox: SandboxClient, bot: WebClient, product: Product) -> None:
    bot.chat_postMessage(channel="C0GENERAL01", text="hi <@U0PATCHBAY1>")
    ledger = sandbox.wait_until(lambda ledger: any(item.finished for item in ledger.webhooks))
    assert len(ledger.webhooks) == 1
    [received] = product.received
    assert (received.event["bot_id"], received.event["app_id"]) == ("B0PATCHBAY1", "A0PATCHBAY1")


def test_only_granted_scopes_are_told(sandbox: SandboxClient, product: Product) -> None:
    sandbox.install(scopes=["chat:write", "app_mentions:read"], redirect_uri=product.redirect_uri)
    assert sandbox.slack_message("hello").event_ids == ()
    assert len(sandbox.slack_message("when?", channel="general", mention=True).event_ids) == 1


def test_a_failing_product_is_asked_again(sandbox: SandboxClient, bot: WebClient, product: Product) -> None:
    pace = {"slack_retry_seconds": [0.05, 0.05, 0.05], "slack_timeout_seconds": 0.3}
    sandbox.control("pace", pace)
    product.answers = [http_answer(status="500 Oops"), b"hang", OK]
    [webhook] = sandbox.wait_for_webhooks(*sandbox.slack_message("hello").event_ids)
    assert (webhook.statuses, webhook.reasons) == ((500, None, 200), ("http_error", "http_timeout", ""))
    first, second, third = product.received
    assert "x-slack-retry-num" not in first.headers
    assert (second.headers["x-slack-retry-num"], second.headers["x-slack-retry-reason"]) == ("1", "http_error")
    assert (third.headers["x-slack-retry-num"], third.headers["x-slack-retry-reason"]) == ("2", "http_timeout")
    assert first.body == second.body == third.body
    assert is_genuine(sandbox, third)


def test_after_three_retries_it_gives_up(sandbox: SandboxClient, bot: WebClient, product: Product) -> None:
    sandbox.control("pace", {"slack_retry_seconds": [0.01, 0.01, 0.01]})
    product.answers = [http_answer(status="404 Not Found")]
    [webhook] = sandbox.wait_for_webhooks(*sandbox.slack_message("hello").event_ids)
    assert webhook.statuses == (404, 404, 404, 404)


def test_the_product_may_ask_for_no_retry(sandbox: SandboxClient, bot: WebClient, product: Product) -> None:
    product.answers = [http_answer(status="500 Oops", headers={"X-Slack-No-Retry": "1"})]
    [webhook] = sandbox.wait_for_webhooks(*sandbox.slack_message("hello").event_ids)
    assert webhook.statuses == (500,)


@pytest.mark.parametrize(("forgery", "genuine"), [("", True), ("missing", False), ("wrong", False), ("stale", False)])
def test_a_delivery_is_repeated_and_may_be_spoilt(
    sandbox: SandboxClient, bot: WebClient, product: Product, forgery: str, genuine: bool
) -> None:
    written = sandbox.slack_message("hello")
    sandbox.wait_for_webhooks(*written.event_ids)
    sandbox.deliver_again(written.event_ids[0], times=2, forgery=forgery)
    sandbox.wait_until(lambda ledger: len(ledger.webhooks[0].statuses) == 3)
    again = product.received[1:]
    assert {item.body for item in again} == {product.received[0].body}
    assert [is_genuine(sandbox, item) for item in again] == [genuine, genuine]


def test_an_own_app_s_address_is_saved_only_after_the_challenge(sandbox: SandboxClient, product: Product) -> None:
    own = sandbox.identities.own_app
    url = f"{product.url}/api/ai-agents/webhooks/slack/token/events"
    product.echo_challenge = False
    with pytest.raises(AssertionError, match="did not contain the challenge"):
        sandbox.set_events_url(url)
    assert sandbox.slack_message("hello", app=own.app_id).event_ids == ()
    product.echo_challenge = True
    sandbox.set_events_url(url)
    written = sandbox.slack_message("hello", app=own.app_id)
    sandbox.wait_for_webhooks(*written.event_ids)
    received = product.received[-1]
    assert received.path.endswith("/slack/token/events")
    assert SignatureVerifier(own.signing_secret).is_valid_request(received.body, received.headers)
    assert json.loads(received.body)["api_app_id"] == own.app_id


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "/relative", "http://127.0.0.1:1/closed"])
def test_an_address_that_cannot_answer_is_not_saved(sandbox: SandboxClient, url: str) -> None:
    with pytest.raises(AssertionError, match="409"):
        sandbox.set_events_url(url)
