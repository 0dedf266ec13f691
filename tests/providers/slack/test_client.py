"""Slack's Web API as we call it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest
from slack_sdk import WebClient

from services.kernel.errors import NeedsReauth, Refused, RetryLater
from services.kernel.http import OutboundClient
from services.kernel.secret import Secret
from services.providers.slack import messaging, oauth
from services.providers.slack.client import SlackClient, build_client, verify_credentials
from tests.providers.harness import WireServer, build_context, json_reply, wire_server
from tests.providers.slack.wire import MESSAGE_ID, WIRE, refusal

assert WIRE.messaging is not None
MESSAGE = WIRE.messaging.message
ACCEPTED = WIRE.messaging.accepted


def posted(server: WireServer) -> dict[str, object]:
    """Return the JSON of the first call."""
    return cast(dict[str, object], json.loads(server.calls[0].body))


def client(server: WireServer) -> SlackClient:
    """Return a client for the server."""
    return build_client(build_context("slack", server.url))


def test_the_sdk_still_opens_its_connections_where_we_take_them_over() -> None:
    assert "_perform_urllib_http_request_internal" in vars(WebClient.__mro__[1]) | vars(WebClient)

    closed = SlackClient(
        http=OutboundClient(allow_loopback=False), base_url="http://127.0.0.1:1/", token=Secret("xoxb-1")
    )
    with pytest.raises(Refused, match="https"):
        closed.auth_test()


def test_a_message_goes_to_its_thread_without_previews_and_carries_our_mark() -> None:
    with wire_server(ACCEPTED) as server:
        messaging.send_message(client(server), replace(MESSAGE, text="<!channel> see <@U1> & https://a.example"))

        assert server.calls[0].path == "/slack/api/chat.postMessage"
        assert server.calls[0].headers["authorization"] == f"Bearer {WIRE.secrets['bot_token']}"
        assert posted(server) == {
            "channel": "D024BE91L",
            "text": "&lt;!channel&gt; see &lt;@U1&gt; &amp; https://a.example",
            "thread_ts": "1763640000.000100",
            "unfurl_links": False,
            "unfurl_media": False,
            "metadata": {"event_type": "patchbay_message", "event_payload": {"message_id": MESSAGE_ID}},
        }


def test_without_a_thread_none_is_named() -> None:
    with wire_server(ACCEPTED) as server:
        messaging.send_message(client(server), replace(MESSAGE, reply_to=""))

        assert "thread_ts" not in posted(server)


def test_an_answer_without_a_message_is_looked_up_later() -> None:
    with wire_server(json_reply({"ok": True})) as server, pytest.raises(RetryLater) as caught:
        messaging.send_message(client(server), MESSAGE)
    assert caught.value.ambiguous


@pytest.mark.parametrize("word", ["invalid_auth", "token_revoked", "account_inactive", "not_authed", "token_expired"])
def test_a_token_that_ended_needs_a_person(word: str) -> None:
    with wire_server(refusal(word)) as server, pytest.raises(NeedsReauth) as caught:
        verify_credentials(client(server))
    assert caught.value.code == word


@pytest.mark.parametrize("word", ["internal_error", "fatal_error", "service_unavailable", "request_timeout"])
def test_slack_s_own_trouble_is_ambiguous(word: str) -> None:
    with wire_server(refusal(word)) as server, pytest.raises(RetryLater) as caught:
        messaging.send_message(client(server), MESSAGE)
    assert caught.value.ambiguous


def test_a_rate_limit_told_with_200_waits_as_asked() -> None:
    reply = json_reply({"ok": False, "error": "ratelimited"}, headers={"Retry-After": "30"})
    with wire_server(reply) as server, pytest.raises(RetryLater) as caught:
        messaging.send_message(client(server), MESSAGE)
    assert caught.value.after is not None and caught.value.after.total_seconds() == 30
    assert not caught.value.ambiguous


def test_the_granted_rights_and_the_bot_are_remembered() -> None:
    with wire_server(WIRE.verified) as server:
        account = verify_credentials(client(server))

    assert account.name == "Acme" and account.scopes == ("chat:write", "im:history")
    assert account.details == {"bot_user_id": "U0LAN0Z89", "bot_id": "B0LAN0Z89", "bot_name": "frontdesk"}


def marked(ts: str) -> Mapping[str, object]:
    """Return a message that carries our mark."""
    metadata = {"event_type": "patchbay_message", "event_payload": {"message_id": MESSAGE_ID}}
    return {"type": "message", "text": "x", "ts": ts, "metadata": metadata}


def test_a_look_up_turns_the_pages_of_the_thread() -> None:
    first = json_reply({"ok": True, "messages": [{"ts": "1.0"}], "response_metadata": {"next_cursor": "bmV4dA=="}})
    with wire_server(first, json_reply({"ok": True, "messages": [marked("2.5")]})) as server:
        found = messaging.find_sent(client(server), MESSAGE)

        assert found is not None and found.external_id == "D024BE91L:2.5"
        assert [call.path for call in server.calls] == ["/slack/api/conversations.replies"] * 2
        assert server.calls[0].form["ts"] == "1763640000.000100"
        assert server.calls[0].form["include_all_metadata"] == "1"
        assert server.calls[1].form["cursor"] == "bmV4dA=="
        assert MESSAGE.attempted_at is not None
        assert float(server.calls[0].form["oldest"]) == MESSAGE.attempted_at.timestamp() - 300


def test_a_look_up_without_a_thread_reads_the_channel() -> None:
    with wire_server(json_reply({"ok": True, "messages": [marked("3.5")]})) as server:
        found = messaging.find_sent(client(server), replace(MESSAGE, reply_to=""))

        assert found is not None and found.external_id == "D024BE91L:3.5"
        assert server.calls[0].path == "/slack/api/conversations.history"


def test_a_look_up_that_never_ends_says_so() -> None:
    page = json_reply({"ok": True, "messages": [], "response_metadata": {"next_cursor": "again"}})
    with wire_server(page) as server:
        with pytest.raises(Refused) as caught:
            messaging.find_sent(client(server), MESSAGE)
        assert caught.value.code == "no_sure_way" and len(server.calls) == 10


def test_a_rotating_token_keeps_its_refresh_token_and_its_end() -> None:
    assert WIRE.oauth is not None
    grant = oauth.read_grant({**WIRE.oauth.granted, "refresh_token": "xoxe-1-canary", "expires_in": 43200})

    assert set(grant.secrets) == {"bot_token", "refresh_token"}
    assert grant.expires_in == timedelta(hours=12)
    assert grant.account and grant.account.details == {"bot_user_id": "U0LAN0Z89", "app_id": "A0KRD7HC3"}


def test_a_token_that_ends_without_a_way_to_renew_it_is_refused() -> None:
    assert WIRE.oauth is not None
    with pytest.raises(Refused, match="no way to renew"):
        oauth.read_grant({**WIRE.oauth.granted, "expires_in": 43200})


RENEWED: dict[str, object] = {
    "ok": True,
    "access_token": "xoxe.xoxb-1-canary",
    "refresh_token": "xoxe-1-canary",
    "expires_in": 43200,
    "token_type": "bot",
    "scope": "chat:write,im:history",
}


def test_a_renewal_brings_both_tokens_and_their_end() -> None:
    renewed = oauth.read_refresh(RENEWED)

    assert {name: secret.reveal() for name, secret in renewed.secrets.items()} == {
        "bot_token": "xoxe.xoxb-1-canary",
        "refresh_token": "xoxe-1-canary",
    }
    assert (renewed.expires_in, renewed.scopes) == (timedelta(hours=12), ("chat:write", "im:history"))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"ok": False, "error": "invalid_refresh_token"}, NeedsReauth),
        ({"ok": False, "error": "token_revoked"}, NeedsReauth),
        ({"ok": False, "error": "internal_error"}, RetryLater),
        ({"ok": False, "error": "bad_client_secret"}, Refused),
        ({"ok": False}, Refused),
        ({**RENEWED, "refresh_token": ""}, Refused),
        ({**RENEWED, "expires_in": -1}, Refused),
        ({**RENEWED, "expires_in": 1e300}, Refused),
        ({**RENEWED, "token_type": "user"}, Refused),
        ({"ok": True}, Refused),
    ],
)
def test_a_renewal_that_fails_says_what_to_do(answer: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        oauth.read_refresh(answer)
    assert type(caught.value) is error
    assert "canary" not in str(caught.value)
