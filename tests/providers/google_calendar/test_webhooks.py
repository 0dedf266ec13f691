"""Google's notifications, which are all headers."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from services.kernel.errors import InvalidInput, Unauthenticated
from services.kernel.secret import Secret
from services.provider_kit.contract import CalendarChanged, Ignored, WebhookRequest
from services.providers.google_calendar import webhooks
from tests.providers.google_calendar.wire import CHANNEL, RESOURCE, WIRE
from tests.providers.harness import NOW, load_payload, load_payloads, signed, wrap


def notification(name: str = "exists__change", **headers: str) -> WebhookRequest:
    """Return a notification with its token, and other headers."""
    request = signed(WIRE, load_payload("google_calendar", name))
    changed = {key.replace("_", "-"): value for key, value in headers.items()}
    return replace(request, headers={**request.headers, **changed})


def authenticate(request: WebhookRequest, secrets: Mapping[str, Secret]) -> str:
    """Return why a notification is refused; empty if it is not."""
    try:
        webhooks.authenticate(request, secrets=secrets, now=NOW)
    except Unauthenticated as error:
        return error.code
    return ""


@pytest.mark.parametrize("name", ["exists__change", "not_exists__removal"])
def test_a_change_names_its_subscription_and_nothing_else(name: str) -> None:
    assert webhooks.parse(notification(name), settings={}) == (CalendarChanged(subscription_id=CHANNEL),)


def test_the_first_notification_is_no_change() -> None:
    (event,) = webhooks.parse(notification("sync__start"), settings={})

    assert isinstance(event, Ignored) and "nothing has changed" in event.reason


def test_every_notification_of_a_subscription_is_another_one() -> None:
    keys = {webhooks.dedupe_key(payload.request) for payload in load_payloads("google_calendar")}

    assert keys == {f"{CHANNEL}:{number}" for number in (1, 10, 23)}


def test_the_token_of_another_subscription_is_refused() -> None:
    secrets = wrap({**WIRE.secrets, "0197f0aa-other": f"{RESOURCE} another0token"})

    assert authenticate(notification(), secrets) == ""
    assert authenticate(notification(x_goog_channel_id="0197f0aa-other"), secrets) == "bad_signature"
    assert authenticate(notification(x_goog_channel_token="another0token"), secrets) == "bad_signature"


def test_another_calendar_is_refused() -> None:
    assert authenticate(notification(x_goog_resource_id="another"), wrap(WIRE.secrets)) == "bad_signature"
    assert authenticate(notification(x_goog_resource_id=""), wrap(WIRE.secrets)) == "missing_signature"


def test_the_first_notification_may_overtake_the_answer_to_the_subscription() -> None:
    token = WIRE.secrets[CHANNEL].partition(" ")[2]
    pending = wrap({CHANNEL: f" {token}"})

    assert authenticate(notification("sync__start"), pending) == ""
    assert authenticate(notification(x_goog_channel_token="wrong"), pending) == "bad_signature"


def test_a_subscription_that_ended_is_refused() -> None:
    assert authenticate(notification(), wrap({"access_token": "ya29.x"})) == "no_secret"
    assert authenticate(notification(x_goog_channel_id="access_token"), wrap({"access_token": "x"})) == "no_secret"


def test_other_credentials_are_no_tokens_of_subscriptions() -> None:
    secrets = wrap({"access_token": "ya29.secret"})
    request = notification(x_goog_channel_id="access_token", x_goog_channel_token="ya29.secret")

    assert authenticate(request, secrets) == "no_secret"


@pytest.mark.parametrize(
    "header", ["x-goog-channel-id", "x-goog-message-number", "x-goog-channel-token", "x-goog-resource-id"]
)
def test_hostile_headers_end_in_a_refusal(header: str) -> None:
    for value in ("\x00", "é", "\ud800", "a" * 10_000, "1 2", "<script>"):
        request = notification(**{header: value})
        assert authenticate(request, wrap(WIRE.secrets)) in {"", "bad_signature", "no_secret"}
        if header in ("x-goog-channel-id", "x-goog-message-number"):
            with pytest.raises(InvalidInput):
                webhooks.dedupe_key(request)
    assert webhooks.account_ids(notification(**{"x-goog-channel-id": "<script>"})) == ()


def test_what_is_no_notification_is_no_event() -> None:
    bare = replace(notification(), headers={"content-type": "application/json"})

    assert (webhooks.account_ids(bare), webhooks.event_type(bare)) == ((), "")
    with pytest.raises(InvalidInput):
        webhooks.parse(bare, settings={})
