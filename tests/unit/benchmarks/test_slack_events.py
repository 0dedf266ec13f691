"""Prepared events are what Slack sends, as the product's own code reads it."""

from datetime import UTC, datetime

from benchmarks.slack_events import BODY_BYTES, Account, EventSource, Prepared
from services.kernel.secret import Secret
from services.provider_kit.contract import MessageReceived, WebhookRequest
from services.provider_kit.registry import webhooks

ACCOUNTS = (
    Account(team="T0A", signing_secret="a" * 32, path="/webhooks/a"),
    Account(team="T0B", signing_secret="b" * 32, path="/webhooks/b"),
)


def read(prepared: Prepared) -> WebhookRequest:
    """Take a request apart as a server does."""
    head, body = prepared.data.split(b"\r\n\r\n", 1)
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
    assert int(headers["content-length"]) == len(body)
    return WebhookRequest(kind="events", url=lines[0].split()[1], headers=headers, body=body, query="")


def test_each_event_is_new_and_properly_signed() -> None:
    prepared = EventSource().prepare(ACCOUNTS, count=8, channels=2, host="127.0.0.1:1")
    slack, now = webhooks("slack"), datetime.now(UTC)
    requests = [read(one) for one in prepared]
    for request, account in zip(requests, ACCOUNTS * 4, strict=True):
        slack.authenticate(request, secrets={"signing_secret": Secret(account.signing_secret)}, now=now)
        slack.check_account(request, account_id=account.team)
        assert (request.url, len(request.body)) == (account.path, BODY_BYTES)
    assert len({slack.dedupe_key(request) for request in requests}) == 8
    assert len({one.thread for one in prepared}) == 8


def test_they_are_spread_over_the_channels_of_each_account() -> None:
    prepared = EventSource().prepare(ACCOUNTS, count=8, channels=2, host="127.0.0.1:1")
    events = [event for one in prepared for event in webhooks("slack").parse(read(one), settings={})]
    messages = [event for event in events if isinstance(event, MessageReceived)]
    assert [message.channel_id[-1] for message in messages] == ["0", "0", "1", "1"] * 2
    assert [message.reply_to for message in messages] == [one.thread for one in prepared]
