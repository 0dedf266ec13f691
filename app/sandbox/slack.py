"""Slack's Web API as the sandbox plays it: pure rules over the state, one function a method.

Shapes and errors follow https://docs.slack.dev/reference/methods (read November 2026). Like Slack, it answers
200 with ``{"ok": false, "error": …}`` to what it refuses.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.sandbox.slack_call import Answer, Call, Event, Method, SlackError, find_app, find_team
from app.sandbox.slack_directory import (
    bots_info,
    conversations_info,
    conversations_list,
    conversations_open,
    users_info,
    users_list,
)
from app.sandbox.slack_messages import history, post_message, replies
from app.sandbox.state import JsonObject, SandboxState, SlackInstallation, SlackState


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a method: the answer, the events it caused, and what the token may do."""

    answer: Answer
    events: Sequence[Event]
    scopes: Sequence[str]


def call_method(state: SandboxState, name: str, *, token: str, arguments: JsonObject, now: float) -> Outcome:
    """Run a method of the Web API.

    Raises:
        SlackError: as Slack would refuse.
    """
    method = METHODS.get(name)
    if method is None:
        raise SlackError("unknown_method", req_method=name)
    installation = _authenticate(state.slack, token, now=now)
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
    return Outcome({"ok": True, **method.run(call)}, call.events, installation.scopes)


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


def _authenticate(slack: SlackState, token: str, *, now: float) -> SlackInstallation:
    if not token:
        raise SlackError("not_authed")
    for installation in slack.installations:
        ends = {
            installation.token: installation.expires_at,
            installation.previous_token: installation.previous_expires_at,
        }
        known = next((item for item in ends if item and hmac.compare_digest(item.encode(), token.encode())), None)
        if known is None:
            continue
        if installation.revoked:
            raise SlackError("token_revoked")
        if ends[known] and ends[known] <= now:
            raise SlackError("token_expired")
        return installation
    raise SlackError("invalid_auth")


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


METHODS: Mapping[str, Method] = {
    "api.test": Method(run=lambda call: {}),
    "auth.test": Method(run=_auth_test),
    "auth.revoke": Method(run=_auth_revoke),
    "apps.uninstall": Method(run=_apps_uninstall),
    "bots.info": Method(run=bots_info, scopes=("users:read",)),
    "chat.postMessage": Method(run=post_message, scopes=("chat:write",)),
    "conversations.history": Method(run=history),
    "conversations.info": Method(run=conversations_info, scopes=("channels:read", "groups:read", "im:read")),
    "conversations.list": Method(run=conversations_list),
    "conversations.open": Method(run=conversations_open, scopes=("im:write",)),
    "conversations.replies": Method(run=replies),
    "users.info": Method(run=users_info, scopes=("users:read",)),
    "users.list": Method(run=users_list, scopes=("users:read",)),
}
