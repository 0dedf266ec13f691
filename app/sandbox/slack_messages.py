"""Slack's messages: posting and reading them, and the events that tell apps about them."""

import re
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from app.sandbox.identities import open_dm
from app.sandbox.slack_call import Answer, Call, Event, SlackError, find_app, next_ts, page, visible_channel
from app.sandbox.state import Accepted, JsonObject, SlackChannel, SlackMessage, SlackState, SlackTeam

_TEXT_LIMIT = 40_000
_TS = re.compile(r"\d{9,10}\.\d{6}")
_MARKDOWN_LIMIT = 12_000
_BLOCK_LIMIT = 50


def post_message(call: Call) -> Answer:
    """Answer ``chat.postMessage``."""
    name = call.text("channel")
    people = {user.id: user for user in call.team.users}
    # A user's id as the channel opens the direct conversation with them.
    channel = open_dm(call.team, user=name, bot=call.app.bot_user_id) if name in people else visible_channel(call)
    if call.app.bot_user_id not in channel.members:
        raise SlackError("not_in_channel")
    thread_ts = call.text("thread_ts")
    messages = call.team.messages.setdefault(channel.id, [])
    if thread_ts and not _TS.fullmatch(thread_ts):
        raise SlackError("invalid_thread_ts")
    message = SlackMessage(
        ts=next_ts(call.state.slack, now=call.now),
        user=call.app.bot_user_id,
        text=_message_text(call),
        thread_ts=thread_ts,
        bot_id=call.app.bot_id,
        app_id=call.app.id,
        blocks=_blocks(call),
        metadata=_metadata(call),
    )
    messages.append(message)
    call.state.accepted.append(
        Accepted(
            service="slack",
            id=message.ts,
            at=call.now,
            account=call.team.id,
            channel=channel.id,
            sender=call.app.id,
            text=message.text,
            thread_ts=thread_ts,
            metadata=message.metadata,
        )
    )
    call.events.extend(events_of_message(call.state.slack, team=call.team, channel=channel, message=message))
    return {"channel": channel.id, "ts": message.ts, "message": _shown(message, call, with_metadata=True)}


def events_of_message(
    slack: SlackState, *, team: SlackTeam, channel: SlackChannel, message: SlackMessage
) -> Sequence[Event]:
    """Return what each app in the workspace is told about a new message, its own messages included.

    A mention in a channel is told twice, as ``app_mention`` and as ``message``, with different event ids.
    """
    kind, scope = (
        ("im", "im:history")
        if channel.is_im
        else ("group", "groups:history")
        if channel.is_private
        else ("channel", "channels:history")
    )
    body = message_body(message, team) | {"channel": channel.id, "event_ts": message.ts}
    events: list[Event] = []
    for installation in slack.installations:
        app = find_app(slack, installation.app_id)
        if installation.team_id != team.id or installation.revoked or app.bot_user_id not in channel.members:
            continue
        told: list[Mapping[str, object]] = []
        mentioned = f"<@{app.bot_user_id}>" in message.text and not channel.is_im and not message.bot_id
        if mentioned and "app_mentions:read" in installation.scopes:
            told.append(body | {"type": "app_mention"})
        if scope in installation.scopes:
            told.append(body | {"channel_type": kind})
        events += [Event(team_id=team.id, app_id=app.id, body=item, message_id=message.ts) for item in told]
    return events


def message_body(message: SlackMessage, team: SlackTeam) -> Answer:
    """Return a message as Slack shows it, without its metadata."""
    body: Answer = {
        "type": "message",
        "user": message.user,
        "ts": message.ts,
        "text": message.text,
        "team": team.id,
    }
    optional: Answer = {
        "thread_ts": message.thread_ts,
        "bot_id": message.bot_id,
        "app_id": message.app_id,
        "client_msg_id": message.client_msg_id,
        "blocks": message.blocks,
    }
    return body | {name: value for name, value in optional.items() if value}


def history(call: Call) -> Answer:
    """Answer ``conversations.history``: the newest first, replies in threads left out."""
    channel = visible_channel(call)
    _require_history_scope(call, channel)
    messages = call.team.messages.get(channel.id, [])
    top = [item for item in _between(call, messages) if item.thread_ts in {"", item.ts}]
    shown = [_with_thread(call, item, messages) for item in reversed(top)]
    items, cursor = page(call, shown, default=100)
    return _message_page(items, cursor) | {"pin_count": 0}


def replies(call: Call) -> Answer:
    """Answer ``conversations.replies``: a thread from its first message on."""
    channel = visible_channel(call)
    _require_history_scope(call, channel)
    messages = call.team.messages.get(channel.id, [])
    ts = call.text("ts")
    thread = [item for item in messages if ts in {item.ts, item.thread_ts}]
    if not thread:
        raise SlackError("thread_not_found")
    replies = [item for item in _between(call, thread) if item.ts != ts]
    shown = [
        *(_with_thread(call, item, messages) for item in thread if item.ts == ts),
        *(_shown(item, call, with_metadata=call.flag("include_all_metadata")) for item in replies),
    ]
    items, cursor = page(call, shown, default=1000)
    return _message_page(items, cursor)


def _message_text(call: Call) -> str:
    text, markdown = call.text("text"), call.text("markdown_text")
    if markdown and (text or call.arguments.get("blocks")):
        raise SlackError("markdown_text_conflict")
    if len(markdown) > _MARKDOWN_LIMIT or len(text) > _TEXT_LIMIT:
        raise SlackError("msg_too_long")
    if not (text.strip() or markdown.strip() or call.arguments.get("blocks")):
        raise SlackError("no_text")
    return text or markdown


def _blocks(call: Call) -> list[JsonValue]:
    blocks = call.structure("blocks", error="invalid_blocks_format")
    if blocks is None:
        return []
    if not isinstance(blocks, list) or len(blocks) > _BLOCK_LIMIT:
        raise SlackError("invalid_blocks")
    if any(not isinstance(block, dict) or not isinstance(block.get("type"), str) for block in blocks):
        raise SlackError("invalid_blocks")
    return blocks


def _metadata(call: Call) -> JsonObject | None:
    metadata = call.structure("metadata", error="invalid_metadata_format")
    if metadata is None:
        return None
    if not isinstance(metadata, dict):
        raise SlackError("invalid_metadata_format")
    if not isinstance(metadata.get("event_type"), str) or not isinstance(metadata.get("event_payload"), dict):
        raise SlackError("invalid_metadata_schema")
    return metadata


def _require_history_scope(call: Call, channel: SlackChannel) -> None:
    needed = "im:history" if channel.is_im else "groups:history" if channel.is_private else "channels:history"
    if needed not in call.installation.scopes:
        raise SlackError("missing_scope", needed=needed, provided=",".join(call.installation.scopes))
    if call.app.bot_user_id not in channel.members:
        raise SlackError("not_in_channel")


def _between(call: Call, messages: Sequence[SlackMessage]) -> Sequence[SlackMessage]:
    try:
        oldest = float(call.text("oldest") or 0)
        latest = float(call.text("latest") or "inf")
    except ValueError as error:
        raise SlackError("invalid_ts_oldest") from error
    if call.flag("inclusive"):
        return [item for item in messages if oldest <= float(item.ts) <= latest]
    return [item for item in messages if oldest < float(item.ts) < latest]


def _shown(message: SlackMessage, call: Call, *, with_metadata: bool) -> Answer:
    body = message_body(message, call.team)
    if with_metadata and message.metadata is not None:
        body["metadata"] = message.metadata
    return body


def _with_thread(call: Call, message: SlackMessage, messages: Sequence[SlackMessage]) -> Answer:
    shown = _shown(message, call, with_metadata=call.flag("include_all_metadata"))
    replies = [item for item in messages if item.thread_ts == message.ts and item is not message]
    if replies:
        shown |= {
            "thread_ts": message.ts,
            "reply_count": len(replies),
            "reply_users": sorted({item.user for item in replies}),
            "latest_reply": replies[-1].ts,
        }
    return shown


def _message_page(items: Sequence[Answer], cursor: str) -> Answer:
    return {"messages": items, "has_more": bool(cursor), "response_metadata": {"next_cursor": cursor}}
