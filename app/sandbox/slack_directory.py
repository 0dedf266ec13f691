"""Slack's directory: channels, people and bots."""

from collections.abc import Sequence

from app.sandbox.identities import open_dm
from app.sandbox.slack_call import Answer, Call, SlackError, can_see, find_app, page, visible_channel
from app.sandbox.state import SlackApp, SlackChannel, SlackUser

_CHANNEL_SCOPES = {"public_channel": "channels:read", "private_channel": "groups:read", "im": "im:read"}


def conversations_list(call: Call) -> Answer:
    """Answer ``conversations.list``: the channels of the kinds asked for."""
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
        if _kind_of(channel) in kinds and can_see(call, channel)
    ]
    items, cursor = page(call, channels, default=100)
    return {"channels": items, "response_metadata": {"next_cursor": cursor}}


def conversations_info(call: Call) -> Answer:
    """Answer ``conversations.info``: one channel."""
    return {"channel": _channel_body(call, visible_channel(call))}


def conversations_open(call: Call) -> Answer:
    """Answer ``conversations.open``: the direct conversation with a person."""
    people = {user.id for user in call.team.users}
    if call.text("channel"):
        return {"channel": {"id": visible_channel(call).id}}
    if call.text("users") not in people:
        raise SlackError("user_not_found" if call.text("users") else "users_list_not_supplied")
    channel = open_dm(call.team, user=call.text("users"), bot=call.app.bot_user_id)
    return {"channel": {"id": channel.id}}


def users_list(call: Call) -> Answer:
    """Answer ``users.list``: people and bots."""
    items, cursor = page(call, _all_users(call), default=1000)
    return {"members": items, "response_metadata": {"next_cursor": cursor}}


def users_info(call: Call) -> Answer:
    """Answer ``users.info``: one person or bot."""
    user = next((user for user in _all_users(call) if user["id"] == call.text("user")), None)
    if user is None:
        raise SlackError("user_not_found")
    return {"user": user}


def bots_info(call: Call) -> Answer:
    """Answer ``bots.info``: one bot."""
    app = next((app for app in _installed_apps(call) if app.bot_id == call.text("bot")), None)
    if app is None:
        raise SlackError("bot_not_found")
    return {"bot": {"id": app.bot_id, "app_id": app.id, "name": app.name, "user_id": app.bot_user_id, "deleted": False}}


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


def _kind_of(channel: SlackChannel) -> str:
    return "im" if channel.is_im else "private_channel" if channel.is_private else "public_channel"


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
