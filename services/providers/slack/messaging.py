"""Sends answers to Slack, and finds what an interrupted attempt posted."""

from collections.abc import Mapping
from datetime import timedelta
from typing import cast

from slack_sdk.web import SlackResponse

from services.kernel.errors import Refused, RetryLater
from services.provider_kit.contract import OutboundMessage, SentMessage
from services.providers.slack.client import SlackClient, text_of
from services.providers.slack.manifest import MANIFEST
from services.providers.slack.text import write_text

MARKER = "patchbay_message"
"""Event type of the metadata that carries our message id. https://docs.slack.dev/messaging/message-metadata/"""

# The marker is exact, so a wide margin for different clocks costs pages and nothing else.
_MARGIN = timedelta(minutes=5)
_PAGE_SIZE = 100
_MAX_PAGES = 10


def send_message(client: SlackClient, message: OutboundMessage) -> SentMessage:
    """Post one message, in the thread of what it answers.

    Raises:
        RetryLater: with ``ambiguous=True`` if Slack may have posted it.
        NeedsReauth, Refused
    """
    if len(message.text) > MANIFEST.message_limit:
        raise Refused(
            f"The message is longer than {MANIFEST.message_limit} characters. Shorten it.",
            code="message_too_long",
            provider="slack",
        )
    answer = client.chat_postMessage(
        channel=message.channel_id,
        text=write_text(message.text),
        thread_ts=message.reply_to or None,
        unfurl_links=False,
        unfurl_media=False,
        metadata={"event_type": MARKER, "event_payload": {"message_id": message.id}},
    )
    return _sent(text_of(answer.get("channel")) or message.channel_id, text_of(answer.get("ts")))


def find_sent(client: SlackClient, message: OutboundMessage) -> SentMessage | None:
    """Look for our marker among the messages posted since the attempt.

    Raises:
        RetryLater: the look-up itself failed.
        Refused: too much was posted since then to be sure.
        NeedsReauth
    """
    if message.attempted_at is None:
        raise Refused("The time of the attempt is not known.", code="no_sure_way", provider="slack")
    oldest = f"{(message.attempted_at - _MARGIN).timestamp():.6f}"
    cursor: str | None = None
    for _ in range(_MAX_PAGES):
        page = _page(client, message, oldest=oldest, cursor=cursor)
        for item in _dicts(page.get("messages")):
            if _message_id(item) == message.id:
                return _sent(message.channel_id, text_of(item.get("ts")))
        cursor = text_of(_dict(page.get("response_metadata")).get("next_cursor"))
        if not cursor:
            return None
    raise Refused("Too many messages were posted since to find this one.", code="no_sure_way", provider="slack")


def _page(client: SlackClient, message: OutboundMessage, *, oldest: str, cursor: str | None) -> SlackResponse:
    if message.reply_to:
        return client.conversations_replies(
            channel=message.channel_id,
            ts=message.reply_to,
            oldest=oldest,
            cursor=cursor,
            limit=_PAGE_SIZE,
            include_all_metadata=True,
        )
    return client.conversations_history(
        channel=message.channel_id, oldest=oldest, cursor=cursor, limit=_PAGE_SIZE, include_all_metadata=True
    )


def _message_id(item: Mapping[str, object]) -> str:
    metadata = _dict(item.get("metadata"))
    if metadata.get("event_type") != MARKER:
        return ""
    return text_of(_dict(metadata.get("event_payload")).get("message_id"))


def _sent(channel: str, ts: str) -> SentMessage:
    if not ts:
        raise RetryLater("Slack's answer names no message.", code="unexpected_answer", provider="slack", ambiguous=True)
    return SentMessage(external_id=f"{channel}:{ts}", receipt={"channel": channel, "ts": ts})


def _dict(value: object) -> dict[str, object]:
    return cast(dict[str, object], value) if isinstance(value, dict) else {}


def _dicts(value: object) -> list[dict[str, object]]:
    return [_dict(item) for item in cast(list[object], value)] if isinstance(value, list) else []
