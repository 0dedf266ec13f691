"""What the control API shows: places, keys, conversations and the ledger."""

from collections.abc import Mapping

from app.sandbox.google_show import show_google
from app.sandbox.identities import OPERATOR_APP_ID, PHONES, dm_id
from app.sandbox.resend_show import show_accounts, show_mailboxes, show_mails
from app.sandbox.slack_call import find_app
from app.sandbox.state import Delivery, SlackApp, SlackTeam, TwilioAccount
from app.sandbox.world import World

Answer = Mapping[str, object]


def show_ledger(world: World) -> Answer:
    """Return what the providers accepted, what they delivered, and how often each method was called."""
    state = world.store.state
    return {
        "accepted": [item.model_dump() for item in state.accepted],
        "deliveries": [item.model_dump() for item in state.deliveries],
        "calls": dict(state.calls),
        "faults": [item.model_dump() for item in state.happened],
    }


def show_state(world: World) -> Answer:
    """Return what the page shows: places to write to, and the keys to paste."""
    state = world.store.state
    return {
        "workspaces": [_show_team(world, team) for team in state.slack.teams],
        "apps": [_show_app(world, app) for app in state.slack.apps],
        "twilio": [_show_account(account) for account in state.twilio.accounts],
        "resend": show_accounts(state.resend),
        "mailboxes": show_mailboxes(state.resend),
        "google": show_google(state.google, now=world.now()),
        "phones": [{"number": number, "name": name} for number, name in PHONES.items()],
        "model": {"api_key": state.model.api_key},
        "faults": [fault.model_dump() for fault in state.faults],
    }


def show_threads(world: World) -> Answer:
    """Return everything that was said, by place."""
    state = world.store.state
    delivered = {item.message_id: item for item in state.deliveries if item.message_id}
    sent = {item.id: item for item in state.deliveries}
    threads: dict[str, list[Answer]] = {**show_mails(state.resend, arrival=lambda event: _arrival(sent.get(event)))}
    for team in state.slack.teams:
        for channel_id, messages in team.messages.items():
            threads[f"slack/{team.id}/{channel_id}"] = [
                {
                    "id": item.ts,
                    "at": float(item.ts),
                    "from": item.user,
                    "is_agent": bool(item.bot_id),
                    "text": item.text,
                    "thread": item.thread_ts,
                    "status": "" if item.bot_id else _arrival(delivered.get(item.ts)),
                    "event": "" if item.bot_id else _event_id(delivered.get(item.ts)),
                }
                for item in messages
            ]
    for account in state.twilio.accounts:
        for item in account.messages:
            inbound = item.direction == "inbound"
            contact, number = (item.sender, item.to) if inbound else (item.to, item.sender)
            threads.setdefault(f"sms/{contact}/{number}", []).append(
                {
                    "id": item.sid,
                    "at": item.created_at,
                    "from": item.sender,
                    "is_agent": not inbound and not item.notice,
                    "is_notice": item.notice,
                    "text": item.body,
                    "thread": "",
                    "status": _arrival(delivered.get(item.sid)) if inbound else item.status,
                    "event": _event_id(delivered.get(item.sid)) if inbound else "",
                }
            )
    return {"threads": threads}


def _show_team(world: World, team: SlackTeam) -> Answer:
    return {
        "id": team.id,
        "name": team.name,
        "users": [{"id": user.id, "name": user.real_name} for user in team.users],
        "channels": [
            {"id": channel.id, "name": channel.name, "is_private": channel.is_private, "members": channel.members}
            for channel in team.channels.values()
            if not channel.is_im
        ],
        "apps": [
            _show_app(world, app) | {"dms": {user.id: dm_id(user=user.id, bot=app.bot_user_id) for user in team.users}}
            for item in sorted(world.store.state.slack.installations, key=lambda item: item.app_id != OPERATOR_APP_ID)
            if item.team_id == team.id and not item.revoked
            for app in (find_app(world.store.state.slack, item.app_id),)
        ],
    }


def _show_app(world: World, app: SlackApp) -> dict[str, object]:
    tokens = [
        item.token for item in world.store.state.slack.installations if item.app_id == app.id and not item.revoked
    ]
    own = {"bot_token": next(iter(tokens), ""), "signing_secret": app.signing_secret} if app.home_team_id else {}
    return {
        "id": app.id,
        "name": app.name,
        "bot_user_id": app.bot_user_id,
        "is_own": bool(app.home_team_id),
        "team": app.home_team_id,
        "events_url": app.events_url,
        **own,
    }


def _show_account(account: TwilioAccount) -> Answer:
    return {
        "sid": account.sid,
        "auth_token": account.auth_token,
        "name": account.friendly_name,
        "numbers": [{"number": item.phone_number, "sms_url": item.sms_url} for item in account.numbers],
        "opted_out": [list(pair) for pair in account.opted_out],
    }


def _event_id(delivery: Delivery | None) -> str:
    return delivery.id if delivery else ""


def _arrival(delivery: Delivery | None) -> str:
    if delivery is None:
        return "nobody listens here yet"
    if not delivery.attempts:
        return "on its way"
    last = delivery.attempts[-1]
    if last.status is not None and 200 <= last.status < 300:
        return "received by Patchbay"
    said = f"Patchbay answered {last.status}" if last.status else "Patchbay did not answer"
    return said if delivery.finished else f"{said}, trying again"
