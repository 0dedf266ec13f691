"""Who is who in the sandbox: secrets made at random for each data folder, the people and places always the same."""

import hashlib
import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from app.sandbox.google_identities import GoogleIdentity, google_environment, google_identity
from app.sandbox.google_state import new_google_state, with_same_google_keys
from app.sandbox.resend_identities import ResendIdentity, identity_of, new_resend, with_same_resend_keys
from app.sandbox.state import (
    ModelState,
    SandboxState,
    SlackApp,
    SlackChannel,
    SlackInstallation,
    SlackState,
    SlackTeam,
    SlackUser,
    TwilioAccount,
    TwilioNumber,
    TwilioState,
    complete_state,
    write_state,
)

SCOPES = {
    "app_mentions:read": "See messages that mention it",
    "channels:history": "See messages in public channels it is in",
    "channels:join": "Join public channels",
    "channels:read": "See the list of public channels",
    "chat:write": "Send messages",
    "chat:write.public": "Send messages to public channels it is not in",
    "commands": "Add slash commands",
    "files:read": "See files in channels it is in",
    "groups:history": "See messages in private channels it is in",
    "groups:read": "See the list of private channels it is in",
    "im:history": "See direct messages sent to it",
    "im:read": "See the list of its direct messages",
    "im:write": "Start direct messages with people",
    "mpim:history": "See messages in group conversations it is in",
    "mpim:read": "See the list of its group conversations",
    "mpim:write": "Start group conversations",
    "reactions:read": "See reactions to messages",
    "reactions:write": "React to messages",
    "team:read": "See the workspace's name and domain",
    "users:read": "See people in the workspace",
    "users:read.email": "See people's e-mail addresses",
}
"""The bot scopes an app may ask for here, in the words of the consent page; any other is an ``invalid_scope``."""

PHONES = {"+14155550142": "Mia Ortega", "+14155550143": "Jonas Keller", "+14155550144": "Lin Wei"}
"""The contacts' phones."""

OPERATOR_APP_ID = "A0PATCHBAY1"
OWN_APP_IDS = ("A0OWNAPP001", "A0OWNAPP002")

_PEOPLE = (
    ("U0MIA000001", "mia", "Mia Ortega", "Creator lead"),
    ("U0JONAS0001", "jonas", "Jonas Keller", "Creator operations"),
    ("U0LIN000001", "lin", "Lin Wei", "Finance"),
)
_CHANNELS = (
    ("C0GENERAL01", "general", False, "Company-wide"),
    ("C0CREATOR01", "creator-ops", False, "Payouts, briefs and dates"),
    ("C0RANDOM001", "random", False, "Everything else"),
    ("G0LEADERS01", "leadership", True, "Not for bots, unless invited"),
)
_TEAMS = (("T0NORTHWIND", "Northwind Creators", "northwind"), ("T0HARBOR001", "Harbor Studio", "harbor"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackAppIdentity:
    """An app's keys. ``bot_token`` is empty for the operator's app, which gets one by OAuth."""

    app_id: str
    client_id: str
    client_secret: str
    signing_secret: str
    bot_token: str
    team_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioIdentity:
    """An account's keys and numbers."""

    account_sid: str
    auth_token: str
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identities:
    """What a person would copy from the providers' consoles. The ``other_`` ones are for a second tenant."""

    slack_app: SlackAppIdentity
    own_app: SlackAppIdentity
    other_own_app: SlackAppIdentity
    twilio: TwilioIdentity
    other_twilio: TwilioIdentity
    resend: ResendIdentity
    other_resend: ResendIdentity
    google: GoogleIdentity
    model_api_key: str


def state_path(data_dir: Path) -> Path:
    """Return where the sandbox of a data folder keeps its state."""
    return data_dir / "sandbox" / "state.json"


def load_identities(data_dir: Path) -> Identities:
    """Return the sandbox's identities, making them on first use."""
    path = state_path(data_dir)
    if not path.exists():
        write_state(path, new_state(), exclusive=True)
    return identities_of(complete_state(path, fresh=new_state))


def identities_of(state: SandboxState) -> Identities:
    """Return the identities that a state holds."""
    apps = {app.id: app for app in state.slack.apps}
    tokens = {item.app_id: item.token for item in state.slack.installations if apps[item.app_id].home_team_id}
    operator, own, other_own = (
        SlackAppIdentity(
            app_id=app.id,
            client_id=app.client_id,
            client_secret=app.client_secret,
            signing_secret=app.signing_secret,
            bot_token=tokens.get(app.id, ""),
            team_id=app.home_team_id,
        )
        for app in (apps[id] for id in (OPERATOR_APP_ID, *OWN_APP_IDS))
    )
    twilio, other_twilio = (
        TwilioIdentity(
            account_sid=account.sid,
            auth_token=account.auth_token,
            numbers=tuple(number.phone_number for number in account.numbers),
        )
        for account in state.twilio.accounts[:2]
    )
    resend, other_resend = (identity_of(account) for account in state.resend.accounts)
    return Identities(
        slack_app=operator,
        own_app=own,
        other_own_app=other_own,
        twilio=twilio,
        other_twilio=other_twilio,
        resend=resend,
        other_resend=other_resend,
        google=google_identity(state.google),
        model_api_key=state.model.api_key,
    )


def sandbox_environment(data_dir: Path, *, sandbox_port: int, public_url: str) -> dict[str, str]:
    """Return the environment that points Patchbay's processes at the sandbox of a data folder.

    The public address is part of it because the operator's apps are registered for exactly that one.
    """
    identities = load_identities(data_dir)
    app = identities.slack_app
    base = f"http://127.0.0.1:{sandbox_port}"
    apps = {
        "slack": {
            "client_id": app.client_id,
            "client_secret": app.client_secret,
            "signing_secret": app.signing_secret,
        },
        "google_calendar": {
            "client_id": identities.google.client_id,
            "client_secret": identities.google.client_secret,
        },
    }
    return {
        **google_environment(base),
        "PATCHBAY_PUBLIC_URL": public_url,
        "PATCHBAY_PROVIDER_APPS": json.dumps(apps),
        "PATCHBAY_SLACK_API_URL": f"{base}/slack/api/",
        "PATCHBAY_SLACK_AUTHORIZE_URL": f"{base}/slack/oauth/v2/authorize",
        "PATCHBAY_SLACK_TOKEN_URL": f"{base}/slack/api/oauth.v2.access",
        "PATCHBAY_TWILIO_API_URL": f"{base}/twilio",
        "PATCHBAY_RESEND_API_URL": f"{base}/resend",
    }


def new_state() -> SandboxState:
    """Make a fresh world: two workspaces, three apps, two Twilio accounts.

    The workspaces share user and channel ids on purpose: what tells them apart is the workspace, as two
    customers' contacts may share everything else.
    """
    operator = _new_app(OPERATOR_APP_ID, name="Patchbay", home_team_id="")
    own = [
        _new_app(app_id, name=f"{team[1]} agent", home_team_id=team[0])
        for app_id, team in zip(OWN_APP_IDS, _TEAMS, strict=True)
    ]
    teams = [_new_team(*team) for team in _TEAMS]
    installations = [
        SlackInstallation(
            app_id=app.id,
            team_id=app.home_team_id,
            token=new_bot_token(),
            scopes=list(SCOPES),
            installed_by=_PEOPLE[0][0],
        )
        for app in own
    ]
    state = SandboxState(
        slack=SlackState(teams=teams, apps=[operator, *own], installations=installations),
        twilio=TwilioState(
            accounts=[
                _new_account("Northwind Creators", numbers=("+14155550100", "+14155550101")),
                _new_account("Harbor Studio", numbers=("+14155550110", "+14155550111")),
            ]
        ),
        model=ModelState(api_key=f"sk-sandbox-{secrets.token_hex(16)}"),
        resend=new_resend(),
        google=new_google_state(),
    )
    for installation in installations:
        join_default_channels(state.slack, installation)
    return state


def with_same_keys(old: SandboxState) -> SandboxState:
    """Return a fresh world in which everybody has the keys they had, and nothing is connected yet."""
    fresh = new_state()
    tokens = {item.app_id: item.token for item in old.slack.installations}
    fresh.slack.apps = [
        app.model_copy(update={"events_url": "" if app.home_team_id else app.events_url}) for app in old.slack.apps
    ]
    for installation in fresh.slack.installations:
        installation.token = tokens[installation.app_id]
    fresh.slack.last_ts = old.slack.last_ts
    fresh.twilio.accounts = [
        TwilioAccount(
            sid=account.sid,
            auth_token=account.auth_token,
            friendly_name=account.friendly_name,
            numbers=[
                TwilioNumber(sid=item.sid, phone_number=item.phone_number, friendly_name=item.friendly_name)
                for item in account.numbers
            ],
        )
        for account in old.twilio.accounts
    ]
    fresh.model.api_key = old.model.api_key
    fresh.resend = with_same_resend_keys(old.resend)
    fresh.google = with_same_google_keys(old.google)
    return fresh


def join_default_channels(slack: SlackState, installation: SlackInstallation) -> None:
    """Put an app's bot where people would have invited it: every public channel but #random, and everyone's app tab."""
    bot = next(app.bot_user_id for app in slack.apps if app.id == installation.app_id)
    team = next(team for team in slack.teams if team.id == installation.team_id)
    for channel in team.channels.values():
        if not channel.is_private and not channel.is_im and channel.name != "random" and bot not in channel.members:
            channel.members.append(bot)
    for user in team.users:
        open_dm(team, user=user.id, bot=bot)


def open_dm(team: SlackTeam, *, user: str, bot: str) -> SlackChannel:
    """Return the direct conversation between a person and a bot, opening it if need be."""
    channel_id = dm_id(user=user, bot=bot)
    return team.channels.setdefault(channel_id, SlackChannel(id=channel_id, user=user, bot=bot, members=[user, bot]))


def dm_id(*, user: str, bot: str) -> str:
    """Return the id that the direct conversation between a person and a bot has, opened or not."""
    return "D" + hashlib.sha256(f"{user}/{bot}".encode()).hexdigest()[:10].upper()


def new_bot_token() -> str:
    """Make a bot token in Slack's shape."""
    digits = "".join(secrets.choice("0123456789") for _ in range(12))
    return f"xoxb-{digits}-{digits[::-1]}-{secrets.token_hex(12)}"


def new_rotating_token() -> str:
    """Make a bot token of an app with token rotation, in Slack's shape."""
    return f"xoxe.xoxb-1-{secrets.token_hex(40)}"


def new_refresh_token() -> str:
    """Make a refresh token in Slack's shape."""
    return f"xoxe-1-{secrets.token_hex(40)}"


def _new_app(app_id: str, *, name: str, home_team_id: str) -> SlackApp:
    digits = "".join(secrets.choice("0123456789") for _ in range(13))
    return SlackApp(
        id=app_id,
        name=name,
        client_id=f"{digits[:10]}.{digits}",
        client_secret=secrets.token_hex(16),
        signing_secret=secrets.token_hex(16),
        verification_token=secrets.token_urlsafe(18),
        bot_user_id=f"U{app_id[1:]}",
        bot_id=f"B{app_id[1:]}",
        home_team_id=home_team_id,
    )


def _new_team(team_id: str, name: str, domain: str) -> SlackTeam:
    return SlackTeam(
        id=team_id,
        name=name,
        domain=domain,
        users=[
            SlackUser(id=id, name=handle, real_name=real_name, title=title, email=f"{handle}@{domain}.example")
            for id, handle, real_name, title in _PEOPLE
        ],
        channels={
            id: SlackChannel(id=id, name=channel, is_private=private, topic=topic, members=[p[0] for p in _PEOPLE])
            for id, channel, private, topic in _CHANNELS
        },
    )


def _new_account(name: str, *, numbers: tuple[str, ...]) -> TwilioAccount:
    return TwilioAccount(
        sid=f"AC{secrets.token_hex(16)}",
        auth_token=secrets.token_hex(16),
        friendly_name=name,
        numbers=[
            TwilioNumber(
                sid=f"PN{secrets.token_hex(16)}",
                phone_number=number,
                friendly_name=f"({number[2:5]}) {number[5:8]}-{number[8:]}",
            )
            for number in numbers
        ],
    )
