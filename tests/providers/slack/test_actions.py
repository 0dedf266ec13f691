"""Posting to a channel: the wire, the mark, and the look-up of what was cut off."""

import json
from datetime import timedelta

import pytest
from pydantic import ValidationError

from services.kernel.errors import NeedsReauth, Refused, RetryLater
from services.provider_kit import registry
from services.provider_kit.contract import ActionContext
from services.providers.slack.actions import ACTIONS, PostMessage, describe_post, find_post, post_message
from services.providers.slack.client import SlackClient
from tests.providers.harness import NOW, Reply, build_context, json_reply, wire_server
from tests.providers.slack.wire import refusal

RUN_ID = "0197f0aa-7c1e-7b3a-9d52-2f6a3f6f0c22"
CHANNEL = "C0123456789"
POSTED = json_reply({"ok": True, "channel": CHANNEL, "ts": "1763640000.000100", "message": {}})
GIVEN = PostMessage(channel=CHANNEL, text="Mia <is> late & *sorry*")


def context(*, attempts: int = 1) -> ActionContext:
    return ActionContext(
        run_id=RUN_ID,
        agent_id="a",
        agent_name="Bri",
        now=NOW,
        time_zone="UTC",
        attempted_at=NOW - timedelta(seconds=30) if attempts > 1 else None,
    )


def client(url: str) -> SlackClient:
    return registry.client("slack").build_client(build_context("slack", url))


def test_message_is_posted_with_our_mark_and_without_previews() -> None:
    with wire_server(POSTED) as server:
        result = post_message(client(server.url), GIVEN, context())

        [call] = server.calls
        form = json.loads(call.body)
        assert call.path.endswith("/chat.postMessage") and form["channel"] == CHANNEL
        assert "<is>" not in form["text"] and "&amp;" in form["text"]
        assert (form["unfurl_links"], form["unfurl_media"]) == (False, False)
        assert form["metadata"]["event_payload"] == {"message_id": RUN_ID}
    assert result.output == {"channel": CHANNEL, "ts": "1763640000.000100"}
    assert result.said == f"Posted to {CHANNEL}."


@pytest.mark.parametrize("channel", ["U0123456789", "D0123456789", "@mia", "general", "#a b", "", "C1,C2", "#a,#b"])
def test_only_channels_can_be_posted_to(channel: str) -> None:
    with pytest.raises(ValidationError, match="channel"):
        PostMessage(channel=channel, text="Hi")


def test_cut_off_post_is_found_by_its_mark() -> None:
    marked = {
        "ts": "1763640000.000100",
        "metadata": {"event_type": "patchbay_message", "event_payload": {"message_id": RUN_ID}},
    }
    with wire_server(json_reply({"ok": True, "messages": [{"ts": "1.2"}, marked]})) as server:
        found = find_post(client(server.url), GIVEN, context(attempts=2))
        assert found is not None and found.output["ts"] == "1763640000.000100"
    with wire_server(json_reply({"ok": True, "messages": [{"ts": "1.2"}]})) as server:
        assert find_post(client(server.url), GIVEN, context(attempts=2)) is None


def test_channel_known_by_name_only_cannot_be_looked_up() -> None:
    with wire_server() as server:
        with pytest.raises(Refused, match="name"):
            find_post(client(server.url), PostMessage(channel="#sales", text="Hi"), context(attempts=2))
        assert server.calls == []


@pytest.mark.parametrize(
    ("reply", "kind", "ambiguous"),
    [
        (refusal("not_in_channel"), Refused, False),
        (refusal("token_revoked"), NeedsReauth, False),
        (refusal("ratelimited"), RetryLater, False),
        (Reply(drop=True), RetryLater, True),
        (Reply(status=503), RetryLater, True),
    ],
)
def test_failures_say_whether_it_may_have_happened(reply: Reply, kind: type[Exception], ambiguous: bool) -> None:
    with wire_server(reply) as server, pytest.raises(kind) as caught:
        post_message(client(server.url), GIVEN, context())
    assert getattr(caught.value, "ambiguous", False) is ambiguous


def test_person_who_decides_reads_all_that_matters_in_one_line() -> None:
    said = describe_post(PostMessage(channel="#sales", text="One\ntwo " + "x" * 300))
    assert said.startswith("Post to #sales: “One two x") and said.endswith("x…”") and "\n" not in said
    assert [action.name for action in ACTIONS] == ["post_message"]
