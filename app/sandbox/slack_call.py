"""What all of Slack's methods share: the call, its refusal, and how channels and lists are reached."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from app.sandbox.state import (
    JsonObject,
    SandboxState,
    SlackApp,
    SlackChannel,
    SlackInstallation,
    SlackState,
    SlackTeam,
)

_PAGE_LIMIT = 999
Answer = dict[str, object]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A method of the Web API and the scopes one of which it needs."""

    run: Callable[[Call], Answer]
    scopes: tuple[str, ...] = ()


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


def visible_channel(call: Call) -> SlackChannel:
    """Return the channel a call names by id or ``#name``, if its bot can see it.

    Raises:
        SlackError: ``channel_not_found``.
    """
    name = call.text("channel")
    by_name = {f"#{channel.name}": channel for channel in call.team.channels.values() if channel.name}
    channel = call.team.channels.get(name) or by_name.get(name)
    if channel is None or not can_see(call, channel):
        raise SlackError("channel_not_found")
    return channel


def can_see(call: Call, channel: SlackChannel) -> bool:
    """Return whether a call's bot can see a channel: public ones, and those it is in."""
    return call.app.bot_user_id in channel.members or not (channel.is_private or channel.is_im)


def page(call: Call, items: Sequence[Answer], *, default: int) -> tuple[Sequence[Answer], str]:
    """Return the page of a list that a call asks for, and the cursor of the next one."""
    limit_text, cursor = call.text("limit") or str(default), call.text("cursor")
    if not limit_text.isdecimal() or int(limit_text) > _PAGE_LIMIT + 1:
        raise SlackError("invalid_limit")
    limit = int(limit_text) or default
    if cursor and not cursor.removeprefix("next:").isdecimal():
        raise SlackError("invalid_cursor")
    start = int(cursor.removeprefix("next:")) if cursor else 0
    end = start + limit
    return items[start:end], f"next:{end}" if end < len(items) else ""
