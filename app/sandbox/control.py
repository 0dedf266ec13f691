"""The control API: plays the contacts, makes things go wrong, and shows what happened. JSON, for page and tests."""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from app.sandbox import google_control, resend_control, slack, twilio_messages
from app.sandbox.control_body import Body, ControlError
from app.sandbox.delivery import Forgery
from app.sandbox.faults import KINDS
from app.sandbox.google_seed import ensure_filled, forget_changes
from app.sandbox.identities import OPERATOR_APP_ID, OWN_APP_IDS, new_state, open_dm, with_same_keys
from app.sandbox.resend_identities import forget_mails
from app.sandbox.show import Answer, show_ledger, show_state, show_threads
from app.sandbox.slack_call import find_app, find_team, next_ts
from app.sandbox.slack_messages import events_of_message
from app.sandbox.state import (
    Fault,
    JsonObject,
    Pace,
    SlackInstallation,
    SlackMessage,
    Store,
    TwilioAccount,
    TwilioNumber,
)
from app.sandbox.world import World

CONTROL_HEADER = "x-sandbox"
"""Must be sent with every control request: a page of another origin cannot, without asking first."""
_WAIT_LIMIT_SECONDS = 2.0

Parsed = TypeVar("Parsed", bound=BaseModel)


class SlackWrite(Body):
    """A person writes in Slack: in ``channel``, or to the bot if ``dm``."""

    user: str
    text: str = Field(min_length=1, max_length=40_000)
    team: str = ""
    app: str = ""
    channel: str = ""
    dm: bool = False
    mention: bool = False
    thread_ts: str = ""


class SlackSaid(Body):
    """One message that a person wrote; ``ts`` is its id."""

    channel: str
    user: str
    text: str
    ts: str = Field(pattern=r"^\d{9,10}\.\d{6}$")


class SlackHeard(Body):
    """What people wrote in a workspace, of which somebody else tells Patchbay."""

    team: str
    messages: list[SlackSaid]


class SlackPlace(Body):
    """An app in a workspace; empty values pick the installed one."""

    app: str = ""
    team: str = ""
    channel: str = ""


class EventsUrl(Body):
    """The events address of an own app."""

    app: str = ""
    url: str


class Rotation(Body):
    """Whether an app's bot tokens end and are renewed."""

    app: str = OPERATOR_APP_ID
    seconds: int = Field(default=43_200, ge=0, le=604_800)
    """How long each one lives; 0 turns rotation off for new tokens."""


class SmsWrite(Body):
    """A contact sends a text message."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    sender: str = Field(alias="from", pattern=r"^\+[1-9]\d{7,14}$")
    to: str
    body: str = Field(max_length=1600)


class SmsOutcome(Body):
    """What the network will do with messages to a number."""

    to: str
    status: str = Field(pattern="^(delivered|undelivered|failed)$")
    error_code: int = 0


class Again(Body):
    """Deliver a webhook once more."""

    event: str = "last"
    times: int = Field(default=1, ge=1, le=50)
    forgery: Forgery = Forgery.NONE


class Script(Body):
    """What the model says next, one message each."""

    replies: list[str | JsonObject]


class Forget(StrEnum):
    """How much a reset forgets, each including what stands before it."""

    SAID = "said"
    CONNECTIONS = "connections"
    IDENTITIES = "identities"


class Reset(Body):
    """Start afresh: forget what was said, how Patchbay is connected, or even the keys."""

    forget: Forget = Forget.SAID


def control_routes(world: World) -> Sequence[BaseRoute]:
    """Return the control API's routes."""

    def post(path: str, kind: type[Parsed], act: Callable[[World, Parsed], Awaitable[Answer]]) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                answer = await act(world, kind.model_validate_json(await request.body() or b"{}"))
            except ValidationError as error:
                return JSONResponse({"error": error.errors(include_url=False, include_context=False)[0]["msg"]}, 422)
            except ControlError as error:
                return JSONResponse({"error": str(error)}, 409)
            world.store.touch()
            return JSONResponse(dict(answer))

        return Route(f"/control{path}", endpoint, methods=["POST"])

    def get(path: str, show: Callable[[World], Answer]) -> Route:
        async def endpoint(request: Request) -> Response:
            after, wait = request.query_params.get("after", ""), request.query_params.get("wait", "")
            if after.isdecimal() and wait.isdecimal():
                seconds = min(float(wait), _WAIT_LIMIT_SECONDS)
                await world.store.wait_for_change(after=int(after), seconds=seconds)
            return JSONResponse({"version": world.store.version, **show(world)})

        return Route(f"/control{path}", endpoint, methods=["GET"])

    return (
        get("/state", show_state),
        get("/ledger", show_ledger),
        get("/threads", show_threads),
        post("/slack/message", SlackWrite, _write_slack),
        post("/slack/heard", SlackHeard, _hear_slack),
        post("/slack/uninstall", SlackPlace, _uninstall),
        post("/slack/revoke", SlackPlace, _revoke),
        post("/slack/invite", SlackPlace, _invite),
        post("/slack/events-url", EventsUrl, _set_events_url),
        post("/slack/rotation", Rotation, _set_rotation),
        post("/twilio/sms", SmsWrite, _write_sms),
        post("/twilio/outcome", SmsOutcome, _set_outcome),
        post("/mail/write", resend_control.MailWrite, resend_control.write_mail),
        post("/mail/reply", resend_control.MailReply, resend_control.reply_to_mail),
        post("/mail/outcome", resend_control.MailOutcome, resend_control.set_outcome),
        post("/mail/responder", resend_control.MailResponder, resend_control.set_responder),
        post("/mail/network", resend_control.MailNetwork, resend_control.set_network),
        post("/resend/webhook-url", resend_control.WebhookUrl, resend_control.set_webhook_url),
        post("/resend/dns", resend_control.Dns, resend_control.set_dns),
        post("/google/event/add", google_control.EventAdd, google_control.add_event),
        post("/google/event/move", google_control.EventMove, google_control.move_event),
        post("/google/event/change", google_control.EventChange, google_control.change_fields),
        post("/google/event/cancel", google_control.EventGone, google_control.cancel_event),
        post("/google/event/delete", google_control.EventGone, google_control.delete_whole),
        post("/google/sync-tokens/lose", google_control.WhichCalendar, google_control.lose_sync_tokens),
        post("/google/notifications", google_control.Notifications, google_control.set_notifications),
        post("/google/access", google_control.Access, google_control.set_access),
        post("/google/watches", google_control.Watches, google_control.set_watches),
        post("/google/testing", google_control.Testing, google_control.set_testing),
        post("/model/script", Script, _script),
        post("/deliver-again", Again, _deliver_again),
        post("/faults", Fault, _add_fault),
        post("/faults/clear", Body, _clear_faults),
        post("/pace", Pace, _set_pace),
        post("/reset", Reset, _reset),
    )


def _installation(world: World, *, app: str, team: str) -> SlackInstallation:
    """Return the live installation that is meant: the operator's app first, then an own app."""
    order = {name: place for place, name in enumerate((OPERATOR_APP_ID, *OWN_APP_IDS))}
    found = sorted(
        (
            item
            for item in world.store.state.slack.installations
            if not item.revoked and app in {"", item.app_id} and team in {"", item.team_id}
        ),
        key=lambda item: (not _events_url(world, item), order[item.app_id]),
    )
    if not found:
        raise ControlError("No app is installed there. Connect Slack in Patchbay first.")
    return found[0]


def _events_url(world: World, installation: SlackInstallation) -> str:
    return find_app(world.store.state.slack, installation.app_id).events_url


async def _write_slack(world: World, body: SlackWrite) -> Answer:
    state = world.store.state.slack
    installation = _installation(world, app=body.app, team=body.team)
    team, app = find_team(state, installation.team_id), find_app(state, installation.app_id)
    person = next((user for user in team.users if body.user.lower() in {user.id.lower(), user.name}), None)
    if person is None:
        raise ControlError(f"There is no {body.user} in {team.name}.")
    if body.dm:
        channel = open_dm(team, user=person.id, bot=app.bot_user_id)
    else:
        names = {name: item for item in team.channels.values() for name in (item.id, item.name, f"#{item.name}")}
        found = names.get(body.channel)
        if found is None or person.id not in found.members:
            raise ControlError(f"{person.real_name} is in no channel {body.channel or '(none given)'}.")
        channel = found
    messages = team.messages.setdefault(channel.id, [])
    if body.thread_ts and all(item.ts != body.thread_ts for item in messages):
        raise ControlError("There is no such message to reply to.")
    message = SlackMessage(
        ts=next_ts(state, now=world.now()),
        user=person.id,
        text=f"<@{app.bot_user_id}> {body.text}" if body.mention else body.text,
        thread_ts=body.thread_ts,
        client_msg_id=secrets.token_hex(16),
    )
    messages.append(message)
    events = events_of_message(state, team=team, channel=channel, message=message)
    return {
        "ts": message.ts,
        "channel": channel.id,
        "team": team.id,
        "app": app.id,
        "event_ids": world.courier.send_events(events),
    }


async def _hear_slack(world: World, body: SlackHeard) -> Answer:
    known = find_team(world.store.state.slack, body.team).messages
    for item in body.messages:
        message = SlackMessage(ts=item.ts, user=item.user, text=item.text)
        known.setdefault(item.channel, []).append(message)
    return {}


async def _uninstall(world: World, body: SlackPlace) -> Answer:
    installation = _installation(world, app=body.app, team=body.team)
    events = slack.revoke(world.store.state, installation, uninstalled=True)
    return {"event_ids": world.courier.send_events(events)}


async def _revoke(world: World, body: SlackPlace) -> Answer:
    installation = _installation(world, app=body.app, team=body.team)
    events = slack.revoke(world.store.state, installation, uninstalled=False)
    return {"event_ids": world.courier.send_events(events)}


async def _invite(world: World, body: SlackPlace) -> Answer:
    state = world.store.state.slack
    installation = _installation(world, app=body.app, team=body.team)
    bot = find_app(state, installation.app_id).bot_user_id
    channel = find_team(state, installation.team_id).channels.get(body.channel)
    if channel is None:
        raise ControlError(f"There is no channel {body.channel or '(none given)'}.")
    if bot not in channel.members:
        channel.members.append(bot)
    return {"channel": channel.id}


async def _set_events_url(world: World, body: EventsUrl) -> Answer:
    app_id = body.app or OWN_APP_IDS[0]
    app = next((item for item in world.store.state.slack.apps if item.id == app_id and item.home_team_id), None)
    if app is None:
        raise ControlError("Only an own app's events address can be set here.")
    parts = urlsplit(body.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ControlError("That is not an address: it must start with http:// or https://.")
    if problem := await world.courier.verify_events_url(app, body.url):
        raise ControlError(problem)
    app.events_url = body.url
    return {"app": app.id, "events_url": app.events_url}


async def _set_rotation(world: World, body: Rotation) -> Answer:
    app = next((item for item in world.store.state.slack.apps if item.id == body.app), None)
    if app is None:
        raise ControlError("There is no such app.")
    app.token_seconds = body.seconds
    return {"app": app.id}


def _find_number(world: World, phone_number: str) -> tuple[TwilioAccount, TwilioNumber]:
    for account in world.store.state.twilio.accounts:
        for number in account.numbers:
            if number.phone_number == phone_number:
                return account, number
    raise ControlError(f"No account here has the number {phone_number}.")


async def _write_sms(world: World, body: SmsWrite) -> Answer:
    account, number = _find_number(world, body.to)
    message = twilio_messages.receive(account, sender=body.sender, number=number, body=body.body, now=world.now())
    delivery = world.courier.send_inbound(account, number, message)
    return {"sid": message.sid, "account_sid": account.sid, "event_ids": [delivery] if delivery else []}


async def _set_outcome(world: World, body: SmsOutcome) -> Answer:
    world.store.state.twilio.outcomes[body.to] = (body.status, body.error_code)
    return {}


async def _script(world: World, body: Script) -> Answer:
    replies: list[JsonObject] = [{"content": item} if isinstance(item, str) else item for item in body.replies]
    world.store.state.model.scripted.extend(replies)
    return {"waiting": len(world.store.state.model.scripted)}


async def _deliver_again(world: World, body: Again) -> Answer:
    deliveries = [item for item in world.store.state.deliveries if item.type != "url_verification"]
    wanted = [item for item in deliveries if body.event in {"last", item.id}]
    if not wanted:
        raise ControlError("There is no such delivery.")
    world.courier.deliver_again(wanted[-1], times=body.times, forgery=body.forgery)
    return {"event": wanted[-1].id}


async def _add_fault(world: World, body: Fault) -> Answer:
    if body.kind not in KINDS:
        raise ControlError(f"There is no fault {body.kind}; there are {', '.join(KINDS)}.")
    world.store.state.faults.append(body)
    return {"faults": len(world.store.state.faults)}


async def _clear_faults(world: World, body: Body) -> Answer:
    world.store.state.faults.clear()
    world.store.release()
    return {}


async def _set_pace(world: World, body: Pace) -> Answer:
    world.store.state.pace = body
    return {}


async def _reset(world: World, body: Reset) -> Answer:
    await world.courier.stop()
    world.store.release()
    _RESETS[body.forget](world.store)
    ensure_filled(world.store.state.google, now=world.now())
    return {}


def _forget_said(store: Store) -> None:
    state = store.state
    for team in state.slack.teams:
        team.messages.clear()
    for account in state.twilio.accounts:
        account.messages.clear()
        account.opted_out.clear()
    state.twilio.outcomes.clear()
    forget_mails(state.resend)
    forget_changes(state.google)
    state.model.scripted.clear()
    state.faults.clear()
    state.happened.clear()
    state.accepted.clear()
    state.deliveries.clear()
    state.calls.clear()


def _forget_connections(store: Store) -> None:
    store.state = with_same_keys(store.state)


def _forget_identities(store: Store) -> None:
    fresh = new_state()
    for app, old in zip(fresh.slack.apps, store.state.slack.apps, strict=True):
        app.redirect_uris = old.redirect_uris
        app.events_url = "" if app.home_team_id else old.events_url
    for client, known in zip(fresh.google.clients, store.state.google.clients, strict=True):
        client.redirect_uris = known.redirect_uris
    store.state = fresh
    store.flush()


_RESETS: Mapping[Forget, Callable[[Store], None]] = {
    Forget.SAID: _forget_said,
    Forget.CONNECTIONS: _forget_connections,
    Forget.IDENTITIES: _forget_identities,
}
