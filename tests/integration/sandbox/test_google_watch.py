"""Watches and their notifications."""

import secrets
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.sandbox.conftest import Product, Received
from tests.integration.sandbox.test_google_events import insert, refusal
from tests.support.clock import FakeClock
from tests.support.google_calendar import google_calendar
from tests.support.listener import http_answer
from tests.support.sandbox import SandboxClient, running_sandbox
from tests.support.sandbox_google import BRI, OPS

WEEK_SECONDS = 604_800


def client(sandbox: SandboxClient, product: Product, account: str = BRI) -> Any:
    tokens = sandbox.google.connect(redirect_uri=product.google_redirect_uri, account=account)
    return google_calendar(sandbox.base_url, tokens.access_token)


@pytest.fixture
def api(sandbox: SandboxClient, product: Product) -> Any:
    return client(sandbox, product)


def watch(api: Any, product: Product, /, **fields: object) -> dict[str, Any]:
    body = {"id": secrets.token_hex(16), "type": "web_hook", "address": f"{product.url}/push", "token": "t0"}
    return api.events().watch(calendarId="primary", body={**body, **fields}).execute()


def notices(sandbox: SandboxClient, product: Product, count: int) -> list[Received]:
    """Wait until so many notifications are through, and return what the product got."""
    sandbox.wait_until(
        lambda ledger: sum(item.finished for item in ledger.webhooks) >= count, what=f"{count} notifications"
    )
    return product.received


def test_a_watch_begins_with_sync_and_tells_of_each_change(sandbox: SandboxClient, product: Product, api: Any) -> None:
    channel = watch(api, product)
    assert channel["kind"] == "api#channel" and channel["token"] == "t0"
    assert int(channel["expiration"]) / 1000 == pytest.approx(time.time() + WEEK_SECONDS, abs=30)
    event = insert(api)
    api.events().patch(calendarId="primary", eventId=event["id"], body={"summary": "x"}).execute()
    moved = sandbox.google.move(event["id"], minutes=5)
    assert len(moved.event_ids) == 1
    found = notices(sandbox, product, 4)
    assert [item.path for item in found] == ["/push"] * 4
    assert {item.body for item in found} == {b""}
    numbered = sorted(found, key=lambda item: int(item.headers["x-goog-message-number"]))
    assert [item.headers["x-goog-resource-state"] for item in numbered] == ["sync", *["exists"] * 3]
    assert numbered[0].headers["x-goog-message-number"] == "1"
    for item in found:
        assert item.headers["x-goog-channel-id"] == channel["id"]
        assert item.headers["x-goog-channel-token"] == "t0"
        assert item.headers["x-goog-resource-id"] == channel["resourceId"]
        assert item.headers["x-goog-resource-uri"] == channel["resourceUri"]
        ends = datetime.strptime(item.headers["x-goog-channel-expiration"], "%a, %d %b %Y %H:%M:%S %Z")  # noqa: DTZ007
        assert ends.strftime("%Y") >= "2026"


def test_each_calendar_is_watched_by_its_own(sandbox: SandboxClient, product: Product, api: Any) -> None:
    ops = client(sandbox, product, OPS)
    mine, theirs = watch(api, product), watch(ops, product, token="")
    assert mine["resourceId"] != theirs["resourceId"]
    assert watch(api, product)["resourceId"] == mine["resourceId"]
    assert sandbox.google.add("For ops", calendar=OPS).event_ids[0].startswith(theirs["id"])
    assert len(sandbox.google.add("For Bri").event_ids) == 2
    found = [item for item in notices(sandbox, product, 6) if item.headers["x-goog-channel-id"] == theirs["id"]]
    assert all("x-goog-channel-token" not in item.headers for item in found)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"address": "http://example.com/push"}, "pushWebhookUrlNotHttps"),
        ({"address": ""}, "pushWebhookUrlNotHttps"),
        ({"type": "carrier_pigeon"}, "invalid"),
        ({"id": ""}, "invalid"),
        ({"id": "not allowed!"}, "invalid"),
        ({"id": "a" * 65}, "invalid"),
        ({"token": "t" * 257}, "invalid"),
        ({"expiration": "1000"}, "pushInvalidTtl"),
        ({"expiration": "soon"}, "invalid"),
    ],
)
def test_a_senseless_watch_is_refused(product: Product, api: Any, fields: dict[str, object], reason: str) -> None:
    assert refusal(lambda: watch(api, product, **fields)) == (400, reason)


def test_a_channel_s_id_is_used_once(product: Product, api: Any) -> None:
    channel = watch(api, product)
    assert refusal(lambda: watch(api, product, id=channel["id"])) == (400, "channelIdNotUnique")


def test_a_channel_lives_as_long_as_asked_but_not_longer_than_allowed(
    sandbox: SandboxClient, product: Product, api: Any
) -> None:
    def life(**fields: object) -> float:
        return int(watch(api, product, **fields)["expiration"]) / 1000 - time.time()

    assert life(params={"ttl": "3600"}) == pytest.approx(3600, abs=30)
    assert life(expiration=int((time.time() + 7200) * 1000)) == pytest.approx(7200, abs=30)
    assert life(params={"ttl": "9999999"}) == pytest.approx(WEEK_SECONDS, abs=30)
    sandbox.google.watches(seconds=600)
    assert life() == pytest.approx(600, abs=30)


def test_stopping_needs_both_ids_and_the_same_person(sandbox: SandboxClient, product: Product, api: Any) -> None:
    channel = watch(api, product)
    both = {"id": channel["id"], "resourceId": channel["resourceId"]}

    def stop(by: Any, **changes: str) -> object:
        return by.channels().stop(body={**both, **changes}).execute()

    for wrong in ({"resourceId": "other"}, {"id": "other"}):
        assert refusal(lambda wrong=wrong: stop(api, **wrong)) == (404, "notFound")
    ops = client(sandbox, product, OPS)
    assert refusal(lambda: stop(ops)) == (404, "notFound")
    assert len(sandbox.google.add("Told").event_ids) == 1
    assert not stop(api)
    assert refusal(lambda: stop(api)) == (404, "notFound")
    assert sandbox.google.add("Untold").event_ids == ()


def test_expired_and_revoked_channels_are_silent(tmp_path: Path, product: Product) -> None:
    clock = FakeClock()
    with running_sandbox(tmp_path, public_url=product.url, clock=clock) as sandbox:
        api = client(sandbox, product)
        watch(api, product, params={"ttl": "60"})
        watch(api, product)
        clock.advance(timedelta(seconds=61))
        assert len(sandbox.google.add("One left").event_ids) == 1
        sandbox.google.watches(expire=True)
        assert sandbox.google.add("None left").event_ids == ()
        watch(api, product)
        assert len(sandbox.google.add("One more").event_ids) == 1
        sandbox.google.access("revoke")
        assert sandbox.google.add("Nobody may know").event_ids == ()


def test_notifications_get_lost_and_doubled(sandbox: SandboxClient, product: Product, api: Any) -> None:
    watch(api, product)
    sandbox.google.notifications(drop=2, double=1)
    assert sandbox.google.add("Lost").event_ids == sandbox.google.add("Lost too").event_ids == ()
    [doubled] = sandbox.google.add("Twice").event_ids
    [once] = sandbox.google.add("Once").event_ids
    ledger = sandbox.wait_until(lambda ledger: sum(len(item.statuses) for item in ledger.webhooks) >= 4)
    assert {item.id: len(item.statuses) for item in ledger.webhooks if item.id in {doubled, once}} == {
        doubled: 2,
        once: 1,
    }


def test_a_failing_product_is_asked_again_with_the_same_number(
    sandbox: SandboxClient, product: Product, api: Any
) -> None:
    watch(api, product)
    notices(sandbox, product, 1)
    product.answers = [http_answer(status="503 Busy"), http_answer(status="200 OK")]
    [webhook] = sandbox.wait_for_webhooks(*sandbox.google.add("Again").event_ids)
    assert webhook.statuses == (503, 200)
    assert len({item.headers["x-goog-message-number"] for item in product.received[1:]}) == 1


def test_a_refusing_product_is_not_asked_again(sandbox: SandboxClient, product: Product, api: Any) -> None:
    watch(api, product)
    product.answers = [http_answer(status="404 Not Found")]
    [webhook] = sandbox.wait_for_webhooks(*sandbox.google.add("No").event_ids)
    assert webhook.statuses == (404,)


@pytest.mark.parametrize(("forgery", "shown"), [("missing", False), ("wrong", True)])
def test_a_notification_can_be_forged(
    sandbox: SandboxClient, product: Product, api: Any, forgery: str, shown: bool
) -> None:
    watch(api, product)
    [event] = sandbox.google.add("Real").event_ids
    sandbox.wait_for_webhooks(event)
    sandbox.deliver_again(event, forgery=forgery)
    ledger = sandbox.wait_until(lambda ledger: any(len(item.statuses) == 2 for item in ledger.webhooks))
    assert any(f"forged: {forgery}" in item.reasons for item in ledger.webhooks)
    token = product.received[-1].headers.get("x-goog-channel-token")
    assert (token is not None, token == "t0") == (shown, False)
