"""Slack's Web API as the sandbox plays it: pure rules over the state, one function a method.

Shapes and errors follow https://docs.slack.dev/reference/methods (read November 2026). Like Slack, it answers
200 with ``{"ok": false, "error": …}`` to what it refuses.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from app.sandbox.state import (
    Accepted,
    JsonObject,
    SandboxState,
    SlackApp,
    SlackChannel,
    SlackInstallation,
    SlackMessage,
    SlackState,
    SlackTeam,
    SlackUser,
)

_TEXT_LIMIT = 40_000
_MARKDOWN_LIMIT = 12_000
_BLOCK_LIMIT = 50
_PAGE_LIMIT = 999


class SlackError(Exception):
    """Slack says no.

    Args:
        code: the value of ``error``.
        extra: further fields of the answer.
    """

    def __init__(self, code: str, **extra: object) -> None:
        super().__init__(code)
        self.code = code
        self.extra = extra


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something an app may have subscribed to."""

    team_id: str
    app_id: str
    body: Mapping[str, object]
    message_id: str = ""


@dataclass(slots=True, kw_only=True)
class Call:
    """One authenticated call of a method, with what it caused."""

    state: SandboxState
    app: SlackApp
    installation: SlackInstallation
    team: SlackTeam
    arguments: JsonObject
    now: float
    events: list[Event] = field(default_factory=list[Event])

    def text(self, name: str) -> str:
        """Return an argument as text, empty if it is absent."""
        value = self.arguments.get(name)
        return value if isinstance(value, str) else "" if value is None else json.dumps(value)

    def flag(self, name: str) -> bool:
        """Return whether an argument is set; forms say ``1`` or ``true``."""
        return self.text(name).lower() in {"1", "true"}

    def structure(self, name: str, *, error: str) -> JsonValue:
        """Return an argument that is a structure: as it is from JSON, decoded from a form's text.

        Raises:
            SlackError: it does not decode.
        """
        value = self.arguments.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError as problem:
            raise SlackError(error) from problem


Answer = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A method of the Web API and the scopes one of which it needs."""

    run: Callable[[Call], Answer]
    scopes: tuple[str, ...] = ()


def call_method(
    state: SandboxState, name: str, *, token: str, arguments: JsonObject, now: float
) -> tuple[Answer, Sequence[Event]]:
    """Run a method of the Web API.

    Returns:
        The answer, and the events it caused.

    Raises:
        SlackError: as Slack would refuse.
    """
    method = METHODS.get(name)
    if method is None:
        raise SlackError("unknown_method", req_method=name)
    installation = _authenticate(state.slack, token)
    granted = set(installation.scopes)
    if method.scopes and not granted.intersection(method.scopes):
        raise SlackError("missing_scope", needed=method.scopes[0], provided=",".join(installation.scopes))
    call = Call(
        state=state,
        app=find_app(state.slack, installation.app_id),
        installation=installation,
        team=find_team(state.slack, installation.team_id),
        arguments=arguments,
        now=now,
    )
    return {"ok": True, **method.run(call)}, call.events


def find_app(slack: SlackState, app_id: str) -> SlackApp:
    """Return the app with this id."""
    return next(app for app in slack.apps if app.id == app_id)


def find_team(slack: SlackState, team_id: str) -> SlackTeam:
    """Return the workspace with this id."""
    return next(team for team in slack.teams if team.id == team_id)


def next_ts(slack: SlackState, *, now: float) -> str:
    """Return a message timestamp later than any before: Slack's id of a message within its channel."""
    slack.last_ts = max(now, slack.last_ts + 0.000_1)
    return f"{slack.last_ts:.6f}"


def open_dm(team: SlackTeam, *, user: str, bot: str) -> SlackChannel:
    """Return the direct conversation between a person and a bot, opening it if need be."""
    channel_id = "D" + hashlib.sha256(f"{user}/{bot}".encode()).hexdigest()[:10].upper()
    return team.channels.setdefault(channel_id, SlackChannel(id=channel_id, user=user, bot=bot, members=[user, bot]))


def revoke(state: SandboxState, installation: SlackInstallation, *, uninstalled: bool) -> Sequence[Event]:
    """End an app's access to a workspace and say which events tell it so."""
    installation.revoked = True
    app = find_app(state.slack, installation.app_id)
    bodies: list[Mapping[str, object]] = [
        {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [app.bot_user_id]}},
    ]
    if uninstalled:
        bodies.insert(0, {"type": "app_uninstalled"})
    return [Event(team_id=installation.team_id, app_id=app.id, body=body) for body in bodies]


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


def _authenticate(slack: SlackState, token: str) -> SlackInstallation:
    if not token:
        raise SlackError("not_authed")
    for installation in slack.installations:
        if hmac.compare_digest(installation.token.encode(), token.encode()):
            if installation.revoked:
                raise SlackError("token_revoked")
            return installation
    raise SlackError("invalid_auth")


def _visible_channel(call: Call) -> SlackChannel:
    name = call.text("channel")
    by_name = {f"#{channel.name}": channel for channel in call.team.channels.values() if channel.name}
    channel = call.team.channels.get(name) or by_name.get(name)
    if channel is None or not _can_see(call, channel):
        raise SlackError("channel_not_found")
    return channel


def _can_see(call: Call, channel: SlackChannel) -> bool:
    return call.app.bot_user_id in channel.members or not (channel.is_private or channel.is_im)


def _require_history_scope(call: Call, channel: SlackChannel) -> None:
    needed = "im:history" if channel.is_im else "groups:history" if channel.is_private else "channels:history"
    if needed not in call.installation.scopes:
        raise SlackError("missing_scope", needed=needed, provided=",".join(call.installation.scopes))
    if call.app.bot_user_id not in channel.members:
        raise SlackError("not_in_channel")


def _auth_test(call: Call) -> Answer:
    return {
        "url": f"https://{call.team.domain}.slack.com/",
        "team": call.team.name,
        "user": call.app.name.lower().replace(" ", "_"),
        "team_id": call.team.id,
        "user_id": call.app.bot_user_id,
        "bot_id": call.app.bot_id,
        "is_enterprise_install": False,
    }


def _auth_revoke(call: Call) -> Answer:
    if call.flag("test"):
        return {"revoked": False}
    call.events.extend(revoke(call.state, call.installation, uninstalled=False))
    return {"revoked": True}


def _apps_uninstall(call: Call) -> Answer:
    if not hmac.compare_digest(call.text("client_id").encode(), call.app.client_id.encode()):
        known = {app.client_id for app in call.state.slack.apps}
        raise SlackError("client_id_token_mismatch" if call.text("client_id") in known else "invalid_client_id")
    if not hmac.compare_digest(call.text("client_secret").encode(), call.app.client_secret.encode()):
        raise SlackError("bad_client_secret")
    call.events.extend(revoke(call.state, call.installation, uninstalled=True))
    return {}


def _post_message(call: Call) -> Answer:
    name = call.text("channel")
    people = {user.id: user for user in call.team.users}
    # A user's id as the channel opens the direct conversation with them.
    channel = open_dm(call.team, user=name, bot=call.app.bot_user_id) if name in people else _visible_channel(call)
    if call.app.bot_user_id not in channel.members:
        raise SlackError("not_in_channel")
    thread_ts = call.text("thread_ts")
    messages = call.team.messages.setdefault(channel.id, [])
    if thread_ts and all(message.ts != thread_ts for message in messages):
        raise SlackError("thread_not_found")
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


def _shown(message: SlackMessage, call: Call, *, with_metadata: bool) -> Answer:
    body = message_body(message, call.team)
    if with_metadata and message.metadata is not None:
        body["metadata"] = message.metadata
    return body


def _page(call: Call, items: Sequence[Answer], *, default: int) -> tuple[Sequence[Answer], str]:
    limit_text, cursor = call.text("limit") or str(default), call.text("cursor")
    if not limit_text.isdecimal() or int(limit_text) > _PAGE_LIMIT + 1:
        raise SlackError("invalid_limit")
    limit = int(limit_text) or default
    if cursor and not cursor.removeprefix("next:").isdecimal():
        raise SlackError("invalid_cursor")
    start = int(cursor.removeprefix("next:")) if cursor else 0
    end = start + limit
    return items[start:end], f"next:{end}" if end < len(items) else ""


def _history(call: Call) -> Answer:
    channel = _visible_channel(call)
    _require_history_scope(call, channel)
    messages = call.team.messages.get(channel.id, [])
    top = [item for item in _between(call, messages) if item.thread_ts in {"", item.ts}]
    shown = [_with_thread(call, item, messages) for item in reversed(top)]
    page, cursor = _page(call, shown, default=100)
    return _message_page(page, cursor) | {"pin_count": 0}


def _replies(call: Call) -> Answer:
    channel = _visible_channel(call)
    _require_history_scope(call, channel)
    messages = call.team.messages.get(channel.id, [])
    parent = next((item for item in messages if item.ts == call.text("ts")), None)
    if parent is None:
        raise SlackError("thread_not_found")
    replies = [item for item in _between(call, messages) if item.thread_ts == parent.ts and item is not parent]
    shown = [
        _with_thread(call, parent, messages),
        *(_shown(item, call, with_metadata=call.flag("include_all_metadata")) for item in replies),
    ]
    page, cursor = _page(call, shown, default=1000)
    return _message_page(page, cursor)


def _message_page(page: Sequence[Answer], cursor: str) -> Answer:
    return {"messages": page, "has_more": bool(cursor), "response_metadata": {"next_cursor": cursor}}


def _between(call: Call, messages: Sequence[SlackMessage]) -> Sequence[SlackMessage]:
    try:
        oldest = float(call.text("oldest") or 0)
        latest = float(call.text("latest") or "inf")
    except ValueError as error:
        raise SlackError("invalid_ts_oldest") from error
    if call.flag("inclusive"):
        return [item for item in messages if oldest <= float(item.ts) <= latest]
    return [item for item in messages if oldest < float(item.ts) < latest]


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


def _channel_body(call: Call, channel: SlackChannel) -> Answer:
    if channel.is_im:
        return {"id": channel.id, "is_im": True, "user": channel.user, "is_archived": False, "is_org_shared": False}
    return {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": not channel.is_private,
        "is_group": channel.is_private,
        "is_im": False,
        "is_mpim": False,
        "is_private": channel.is_private,
        "is_archived": False,
        "is_general": channel.name == "general",
        "is_shared": False,
        "is_member": call.app.bot_user_id in channel.members,
        "num_members": len(channel.members),
        "topic": {"value": channel.topic, "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
    }


_CHANNEL_SCOPES = {"public_channel": "channels:read", "private_channel": "groups:read", "im": "im:read"}


def _kind_of(channel: SlackChannel) -> str:
    return "im" if channel.is_im else "private_channel" if channel.is_private else "public_channel"


def _conversations_list(call: Call) -> Answer:
    kinds = (call.text("types") or "public_channel").replace(" ", "").split(",")
    for kind in kinds:
        if kind == "mpim":
            continue
        if kind not in _CHANNEL_SCOPES:
            raise SlackError("invalid_types")
        if _CHANNEL_SCOPES[kind] not in call.installation.scopes:
            provided = ",".join(call.installation.scopes)
            raise SlackError("missing_scope", needed=_CHANNEL_SCOPES[kind], provided=provided)
    channels = [
        _channel_body(call, channel)
        for channel in call.team.channels.values()
        if _kind_of(channel) in kinds and _can_see(call, channel)
    ]
    page, cursor = _page(call, channels, default=100)
    return {"channels": page, "response_metadata": {"next_cursor": cursor}}


def _conversations_info(call: Call) -> Answer:
    return {"channel": _channel_body(call, _visible_channel(call))}


def _conversations_open(call: Call) -> Answer:
    people = {user.id for user in call.team.users}
    if call.text("channel"):
        return {"channel": {"id": _visible_channel(call).id}}
    if call.text("users") not in people:
        raise SlackError("user_not_found" if call.text("users") else "users_list_not_supplied")
    channel = open_dm(call.team, user=call.text("users"), bot=call.app.bot_user_id)
    return {"channel": {"id": channel.id}}


def _user_body(call: Call, user: SlackUser) -> Answer:
    profile = {"real_name": user.real_name, "display_name": user.name, "title": user.title}
    if "users:read.email" in call.installation.scopes:
        profile["email"] = user.email
    return {
        "id": user.id,
        "team_id": call.team.id,
        "name": user.name,
        "real_name": user.real_name,
        "deleted": False,
        "tz": "Europe/Berlin",
        "is_bot": False,
        "is_app_user": False,
        "profile": profile,
    }


def _bot_user(call: Call, app: SlackApp) -> Answer:
    name = app.name.lower().replace(" ", "_")
    person = SlackUser(id=app.bot_user_id, name=name, real_name=app.name, email="")
    return _user_body(call, person) | {"is_bot": True, "profile": {"real_name": app.name, "bot_id": app.bot_id}}


def _installed_apps(call: Call) -> Sequence[SlackApp]:
    slack = call.state.slack
    return [
        find_app(slack, item.app_id)
        for item in slack.installations
        if item.team_id == call.team.id and not item.revoked
    ]


def _all_users(call: Call) -> Sequence[Answer]:
    people = [_user_body(call, user) for user in call.team.users]
    return [*people, *(_bot_user(call, app) for app in _installed_apps(call))]


def _users_list(call: Call) -> Answer:
    page, cursor = _page(call, _all_users(call), default=1000)
    return {"members": page, "response_metadata": {"next_cursor": cursor}}


def _users_info(call: Call) -> Answer:
    user = next((user for user in _all_users(call) if user["id"] == call.text("user")), None)
    if user is None:
        raise SlackError("user_not_found")
    return {"user": user}


def _bots_info(call: Call) -> Answer:
    app = next((app for app in _installed_apps(call) if app.bot_id == call.text("bot")), None)
    if app is None:
        raise SlackError("bot_not_found")
    return {"bot": {"id": app.bot_id, "app_id": app.id, "name": app.name, "user_id": app.bot_user_id, "deleted": False}}


METHODS: Mapping[str, Method] = {
    "api.test": Method(run=lambda call: {}),
    "auth.test": Method(run=_auth_test),
    "auth.revoke": Method(run=_auth_revoke),
    "apps.uninstall": Method(run=_apps_uninstall),
    "bots.info": Method(run=_bots_info, scopes=("users:read",)),
    "chat.postMessage": Method(run=_post_message, scopes=("chat:write",)),
    "conversations.history": Method(run=_history),
    "conversations.info": Method(run=_conversations_info, scopes=("channels:read", "groups:read", "im:read")),
    "conversations.list": Method(run=_conversations_list),
    "conversations.open": Method(run=_conversations_open, scopes=("im:write",)),
    "conversations.replies": Method(run=_replies),
    "users.info": Method(run=_users_info, scopes=("users:read",)),
    "users.list": Method(run=_users_list, scopes=("users:read",)),
}
