"""Slack's Web API, called by ``slack_sdk`` over the wire."""

from collections.abc import Mapping
from typing import cast

import httpx2
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from tests.integration.sandbox.conftest import ALL_SCOPES, Product, content, slack_client
from tests.support.sandbox import SandboxClient

MARKER = {"event_type": "patchbay_message", "event_payload": {"message_id": "m1"}}


def error_of(caught: pytest.ExceptionInfo[SlackApiError]) -> object:
    return content(cast(SlackResponse, caught.value.response))["error"]


def test_a_token_says_whose_it_is(bot: WebClient) -> None:
    answer = bot.auth_test()
    assert (answer["team_id"], answer["user_id"]) == ("T0NORTHWIND", "U0PATCHBAY1")


@pytest.mark.parametrize(
    ("token", "error"), [("xoxb-wrong", "invalid_auth"), ("", "not_authed"), ("xoxb-é", "invalid_auth")]
)
def test_a_wrong_token_is_refused(sandbox: SandboxClient, token: str, error: str) -> None:
    answer = httpx2.post(f"{sandbox.base_url}/slack/api/auth.test", data={"token": token}).json()
    assert answer == {"ok": False, "error": error}


def test_a_token_in_the_address_does_not_count(sandbox: SandboxClient) -> None:
    token = sandbox.identities.own_app.bot_token
    assert httpx2.get(f"{sandbox.base_url}/slack/api/auth.test?token={token}").json()["error"] == "not_authed"


def test_an_unknown_method_is_named(bot: WebClient) -> None:
    with pytest.raises(SlackApiError) as caught:
        bot.api_call("chat.dance")
    assert error_of(caught) == "unknown_method"


def test_a_missing_scope_is_named(sandbox: SandboxClient, product: Product) -> None:
    limited = slack_client(sandbox, sandbox.install(scopes=["chat:write"], redirect_uri=product.redirect_uri))
    with pytest.raises(SlackApiError) as caught:
        limited.users_info(user="U0MIA000001")
    assert (error_of(caught), caught.value.response["needed"], caught.value.response["provided"]) == (
        "missing_scope",
        "users:read",
        "chat:write",
    )


def test_an_answer_is_posted_kept_and_found_again(sandbox: SandboxClient, bot: WebClient) -> None:
    asked = sandbox.slack_message("When?", channel="creator-ops", mention=True)
    posted = bot.chat_postMessage(channel=asked.channel, text="Friday.", thread_ts=asked.message_id, metadata=MARKER)
    [accepted] = sandbox.answers(service="slack", channel=asked.channel)
    assert (accepted.text, accepted.thread_ts, accepted.metadata) == ("Friday.", asked.message_id, MARKER)
    found = content(bot.conversations_replies(channel=asked.channel, ts=asked.message_id, include_all_metadata=True))
    assert [item.get("metadata") for item in found["messages"]] == [None, MARKER]
    assert found["messages"][1]["ts"] == posted["ts"]
    plain = content(bot.conversations_replies(channel=asked.channel, ts=asked.message_id))
    assert "metadata" not in plain["messages"][1]


POSTS: Mapping[str, tuple[dict[str, object], str]] = {
    "nothing to say": ({"channel": "C0GENERAL01"}, "no_text"),
    "blank": ({"channel": "C0GENERAL01", "text": "  "}, "no_text"),
    "unknown channel": ({"channel": "C0NOWHERE", "text": "x"}, "channel_not_found"),
    "private channel it cannot see": ({"channel": "G0LEADERS01", "text": "x"}, "channel_not_found"),
    "public channel it is not in": ({"channel": "C0RANDOM001", "text": "x"}, "not_in_channel"),
    "too long": ({"channel": "C0GENERAL01", "text": "x" * 40_001}, "msg_too_long"),
    "long markdown": ({"channel": "C0GENERAL01", "markdown_text": "x" * 12_001}, "msg_too_long"),
    "markdown and text": ({"channel": "C0GENERAL01", "text": "x", "markdown_text": "x"}, "markdown_text_conflict"),
    "blocks that are none": ({"channel": "C0GENERAL01", "blocks": [{"text": "x"}]}, "invalid_blocks"),
    "metadata without a type": ({"channel": "C0GENERAL01", "text": "x", "metadata": {}}, "invalid_metadata_schema"),
    "a thread that is no time": ({"channel": "C0GENERAL01", "text": "x", "thread_ts": "soon"}, "invalid_thread_ts"),
}


@pytest.mark.parametrize("name", POSTS)
def test_what_slack_refuses_is_refused(bot: WebClient, sandbox: SandboxClient, name: str) -> None:
    arguments, error = POSTS[name]
    with pytest.raises(SlackApiError) as caught:
        bot.api_call("chat.postMessage", json=arguments)
    assert error_of(caught) == error
    assert not sandbox.answers()


def test_history_is_read_in_pages_newest_first(sandbox: SandboxClient, bot: WebClient) -> None:
    written = [sandbox.slack_message(f"{number}").message_id for number in range(5)]
    dm = sandbox.slack_message("last").channel
    # The client's iterator is one object that turns its own pages.
    pages = bot.conversations_history(channel=dm, limit=2, oldest=written[0], inclusive=True)
    texts = [[item["text"] for item in content(page)["messages"]] for page in pages]
    assert texts == [["last", "4"], ["3", "2"], ["1", "0"]]


def test_channels_and_people_are_listed(bot: WebClient) -> None:
    assert [item["name"] for item in content(bot.conversations_list())["channels"]] == [
        "general",
        "creator-ops",
        "random",
    ]
    assert content(bot.users_info(user="U0LIN000001"))["user"]["real_name"] == "Lin Wei"
    assert content(bot.users_list())["members"][-1]["is_bot"]


def test_a_rate_limit_says_when_to_come_back(sandbox: SandboxClient, bot: WebClient) -> None:
    sandbox.fail("slack", "429", method="chat.postMessage", retry_after=7)
    with pytest.raises(SlackApiError) as caught:
        bot.chat_postMessage(channel="C0GENERAL01", text="x")
    assert (caught.value.response.status_code, caught.value.response.headers["Retry-After"]) == (429, "7")
    assert bot.chat_postMessage(channel="C0GENERAL01", text="x")["ok"]


@pytest.mark.expects_error_logs
@pytest.mark.parametrize(("kind", "accepted"), [("reset", 0), ("accept_then_reset", 1)])
def test_a_lost_answer_may_or_may_not_have_been_accepted(
    sandbox: SandboxClient, bot: WebClient, kind: str, accepted: int
) -> None:
    sandbox.fail("slack", kind, method="chat.postMessage")
    with pytest.raises(OSError, match=r"(?i)reset|closed|remote end"):
        bot.chat_postMessage(channel="C0GENERAL01", text="x")
    assert len(sandbox.answers()) == accepted


def test_a_hanging_answer_outlasts_the_caller(sandbox: SandboxClient) -> None:
    sandbox.fail("slack", "accept_then_hang", method="chat.postMessage")
    token = sandbox.identities.own_app.bot_token
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.post(
            f"{sandbox.base_url}/slack/api/chat.postMessage",
            headers={"authorization": f"Bearer {token}"},
            json={"channel": "C0GENERAL01", "text": "x"},
            timeout=0.3,
        )
    assert len(sandbox.answers()) == 1


def test_a_slow_answer_comes_byte_by_byte_and_means_nothing(sandbox: SandboxClient) -> None:
    sandbox.fail("slack", "slow_loris", method="chat.postMessage")
    headers = {"authorization": f"Bearer {sandbox.identities.own_app.bot_token}"}
    body = {"channel": "C0GENERAL01", "text": "x"}
    url = f"{sandbox.base_url}/slack/api/chat.postMessage"
    with httpx2.stream("POST", url, headers=headers, json=body, timeout=5) as answer:
        assert next(answer.iter_raw()) == b" "
    ledger = sandbox.ledger()
    assert not ledger.answers
    assert [(item.service, item.method, item.kind) for item in ledger.faults] == [
        ("slack", "chat.postMessage", "slow_loris")
    ]


def test_a_slow_answer_that_is_cut_short_is_no_error_of_the_server(sandbox: SandboxClient) -> None:
    sandbox.fail("slack", "slow_loris", method="chat.postMessage")
    headers = {"authorization": f"Bearer {sandbox.identities.own_app.bot_token}"}
    url = f"{sandbox.base_url}/slack/api/chat.postMessage"
    with httpx2.stream("POST", url, headers=headers, json={"channel": "C0GENERAL01"}, timeout=5) as answer:
        parts = answer.iter_raw()
        assert next(parts) == b" "
        sandbox.control("faults/clear", {})
        with pytest.raises(httpx2.TransportError):
            list(parts)


def test_an_app_is_revoked_and_uninstalled(sandbox: SandboxClient, bot: WebClient, product: Product) -> None:
    app = sandbox.identities.slack_app
    with pytest.raises(SlackApiError) as caught:
        bot.apps_uninstall(client_id=app.client_id, client_secret="wrong")
    assert error_of(caught) == "bad_client_secret"
    with pytest.raises(SlackApiError) as caught:
        bot.apps_uninstall(client_id=sandbox.identities.own_app.client_id, client_secret=app.client_secret)
    assert error_of(caught) == "client_id_token_mismatch"
    assert bot.apps_uninstall(client_id=app.client_id, client_secret=app.client_secret)["ok"]
    with pytest.raises(SlackApiError) as caught:
        bot.auth_test()
    assert error_of(caught) == "token_revoked"
    sandbox.wait_until(lambda ledger: len([item for item in ledger.webhooks if item.finished]) == 2)
    assert sorted(str(item.event["type"]) for item in product.received) == ["app_uninstalled", "tokens_revoked"]


def test_two_workspaces_share_ids_and_nothing_else(sandbox: SandboxClient, product: Product) -> None:
    tokens = [
        sandbox.install(scopes=ALL_SCOPES, redirect_uri=product.redirect_uri, team=team)
        for team in ("T0NORTHWIND", "T0HARBOR001")
    ]
    first, second = (slack_client(sandbox, token) for token in tokens)
    asked = sandbox.slack_message("hello", team="T0NORTHWIND")
    assert content(first.conversations_history(channel=asked.channel))["messages"]
    assert not content(second.conversations_history(channel=asked.channel))["messages"]
