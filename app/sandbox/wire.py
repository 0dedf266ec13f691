"""The providers' addresses: reads a request, calls the rules, words the answer."""

import base64
import json
from collections.abc import Mapping, Sequence
from html import escape
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from app.sandbox import model, slack, slack_oauth, twilio
from app.sandbox.faults import answer_or_fail
from app.sandbox.google_wire import google_routes
from app.sandbox.identities import SCOPES
from app.sandbox.page import render
from app.sandbox.resend_wire import resend_routes
from app.sandbox.slack_call import SlackError
from app.sandbox.state import Fault, JsonObject
from app.sandbox.twilio_messages import TwilioError
from app.sandbox.world import World

_JSON_OBJECT = TypeAdapter(JsonObject)
_CONSENT_ERRORS = {
    "invalid_client_id": "Slack does not know this app (client_id).",
    "bad_redirect_uri": "redirect_uri did not match any configured URIs of this app.",
    "invalid_scope": "This app asks for a permission that does not exist",
    "no_scopes": "The app asks for no permission at all (scope).",
    "invalid_team_for_non_distributed_app": "There is no such workspace or person.",
}


def provider_routes(world: World) -> Sequence[BaseRoute]:
    """Return the routes of Slack, Twilio and the model."""

    async def consent(request: Request) -> Response:
        return await _consent(world, request)

    async def slack_token(request: Request) -> Response:
        return await _slack_token(world, request)

    async def slack_method(request: Request) -> Response:
        return await _slack_method(world, request)

    async def twilio_resource(request: Request) -> Response:
        return await _twilio_resource(world, request)

    async def chat(request: Request) -> Response:
        return await _chat(world, request)

    async def models(request: Request) -> Response:
        return await _models(world, request)

    return (
        Route("/slack/oauth/v2/authorize", consent, methods=["GET", "POST"]),
        Route("/slack/api/oauth.v2.access", slack_token, methods=["GET", "POST"]),
        Route("/slack/api/{method}", slack_method, methods=["GET", "POST"]),
        Route("/twilio/2010-04-01/{path:path}", twilio_resource, methods=["GET", "POST", "PUT", "DELETE"]),
        Route("/openai/v1/chat/completions", chat, methods=["POST"]),
        Route("/openai/v1/models", models, methods=["GET"]),
        *resend_routes(world),
        *google_routes(world),
    )


async def _consent(world: World, request: Request) -> Response:
    state = world.store.state.slack
    form = twilio.parse_form(await request.body())
    try:
        consent = slack_oauth.check_request(state, dict(request.query_params))
        if form.get("answer") == "allow":
            target = slack_oauth.allow(
                state, consent, team_id=form.get("team", ""), user_id=form.get("user", ""), now=world.now()
            )
        else:
            target = slack_oauth.cancel(consent)
    except SlackError as error:
        text = _CONSENT_ERRORS.get(error.code, error.code)
        body = render("refused.html", code=escape(error.code), text=escape(text))
        return HTMLResponse(body, status_code=400)
    if request.method == "POST":
        world.store.touch()
        # 303: the browser must come back with GET.
        return RedirectResponse(target, status_code=303)
    teams = "".join(f'<option value="{team.id}">{escape(team.name)}</option>' for team in state.teams)
    people = "".join(f'<option value="{user.id}">{escape(user.real_name)}</option>' for user in state.teams[0].users)
    scopes = "".join(f"<li>{escape(SCOPES[scope])}<code>{escape(scope)}</code></li>" for scope in consent.scopes)
    body = render(
        "consent.html",
        app=escape(consent.app.name),
        host=escape(urlsplit(consent.redirect_uri).netloc),
        teams=teams,
        people=people,
        scopes=scopes,
    )
    return HTMLResponse(body)


def _slack_answer(
    body: Mapping[str, object], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return JSONResponse(dict(body), status_code=status, headers=dict(headers or {}))


def _slack_refusal(status: int, fault: Fault) -> Response:
    if status == 429:
        return _slack_answer(
            {"ok": False, "error": "ratelimited"}, status=429, headers={"retry-after": str(fault.retry_after)}
        )
    if status == 401:
        return _slack_answer({"ok": False, "error": "invalid_auth"})
    return _slack_answer({"ok": False, "error": "internal_error"}, status=status)


async def _slack_token(world: World, request: Request) -> Response:
    form = {**request.query_params, **twilio.parse_form(await request.body())}

    async def handle() -> Response:
        try:
            body = slack_oauth.exchange_code(
                world.store.state.slack,
                form,
                authorization=request.headers.get("authorization", ""),
                now=world.now(),
            )
        except SlackError as error:
            return _slack_answer({"ok": False, "error": error.code})
        world.store.touch()
        return _slack_answer(body)

    return await answer_or_fail(
        world.store, service="slack", method="oauth.v2.access", handle=handle, refusal=_slack_refusal
    )


async def _slack_method(world: World, request: Request) -> Response:
    method = request.path_params["method"]
    arguments, problem = await _slack_arguments(request)
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    form_token = arguments.pop("token", "")
    token = bearer if scheme.lower() == "bearer" else str(form_token or "")

    async def handle() -> Response:
        if problem:
            return _slack_answer({"ok": False, "error": problem})
        try:
            outcome = slack.call_method(world.store.state, method, token=token, arguments=arguments, now=world.now())
        except SlackError as error:
            return _slack_answer({"ok": False, "error": error.code, **error.extra})
        world.store.touch()
        world.courier.send_events(outcome.events)
        return _slack_answer(outcome.answer, headers={"x-oauth-scopes": ",".join(outcome.scopes)})

    return await answer_or_fail(world.store, service="slack", method=method, handle=handle, refusal=_slack_refusal)


async def _slack_arguments(request: Request) -> tuple[JsonObject, str]:
    """Read a method's arguments from the query, a form or JSON; returns them and Slack's complaint, if any."""
    raw = await request.body()
    # A token in the address is refused by Slack for every app made since 2021.
    arguments: JsonObject = {name: value for name, value in request.query_params.items() if name != "token"}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json" and raw:
        try:
            decoded: object = json.loads(raw)
        except ValueError:
            return {}, "invalid_json"
        if not isinstance(decoded, dict):
            return {}, "json_not_object"
        return arguments | _JSON_OBJECT.validate_python(decoded), ""
    return arguments | {**twilio.parse_form(raw)}, ""


async def _twilio_resource(world: World, request: Request) -> Response:
    path = f"/{request.path_params['path']}"
    arguments = {**request.query_params, **twilio.parse_form(await request.body())}

    def refuse(error: TwilioError) -> Response:
        headers = {"www-authenticate": 'Basic realm="Twilio API"'} if error.status == 401 else {}
        return JSONResponse(twilio.error_body(error), status_code=error.status, headers=headers)

    def refusal(status: int, fault: Fault) -> Response:
        codes = {429: 20429, 401: 20003}
        answer = refuse(TwilioError(codes.get(status, 20500)))
        if status == 429:
            answer.headers["retry-after"] = str(fault.retry_after)
        return answer

    try:
        route = twilio.find_route(request.method, path)
    except TwilioError as error:
        return refuse(error)

    async def handle() -> Response:
        try:
            body = twilio.call_route(
                world.store.state,
                route,
                path=path,
                credentials=_basic(request),
                arguments=arguments,
                now=world.now(),
            )
        except TwilioError as error:
            return refuse(error)
        if request.method == "POST":
            world.store.touch()
            _track_new_message(world, body)
        return JSONResponse(body, status_code=route.status)

    return await answer_or_fail(world.store, service="twilio", method=route.name, handle=handle, refusal=refusal)


def _track_new_message(world: World, body: Mapping[str, object]) -> None:
    for account in world.store.state.twilio.accounts:
        for message in account.messages[-1:]:
            if message.sid == body.get("sid") and message.status == "queued":
                world.courier.track(account, message)


def _basic(request: Request) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return user, password


def _model_refusal(error: model.ModelError, headers: Mapping[str, str] | None = None) -> Response:
    kind = "rate_limit_error" if error.status == 429 else "invalid_request_error"
    body = {"error": {"message": error.message, "type": kind, "param": None, "code": error.code}}
    return JSONResponse(body, status_code=error.status, headers=dict(headers or {}))


_MODEL_FAULTS = {
    401: ("invalid_api_key", "Incorrect API key provided."),
    429: ("rate_limit_exceeded", "Rate limit reached."),
    500: ("server_error", "The server had an error while processing your request."),
}


async def _chat(world: World, request: Request) -> Response:
    raw = await request.body()

    async def handle() -> Response:
        try:
            model.check_key(world.store.state.model, request.headers.get("authorization", ""))
            asked = model.ChatRequest.model_validate_json(raw)
        except model.ModelError as error:
            return _model_refusal(error)
        except ValidationError:
            return _model_refusal(model.ModelError(400, "invalid_request", "The request body is not valid."))
        completion = model.complete(world.store.state.model, asked, now=world.now())
        world.store.touch()
        if asked.stream:
            return StreamingResponse(model.completion_chunks(completion), media_type="text/event-stream")
        return JSONResponse(model.completion_body(completion))

    def refusal(status: int, fault: Fault) -> Response:
        headers = {"retry-after": str(fault.retry_after)} if status == 429 else {}
        return _model_refusal(model.ModelError(status, *_MODEL_FAULTS.get(status, _MODEL_FAULTS[500])), headers)

    return await answer_or_fail(
        world.store, service="openai", method="chat.completions", handle=handle, refusal=refusal
    )


async def _models(world: World, request: Request) -> Response:
    try:
        model.check_key(world.store.state.model, request.headers.get("authorization", ""))
    except model.ModelError as error:
        return _model_refusal(error)
    item = {"id": model.MODEL_NAME, "object": "model", "created": 0, "owned_by": "sandbox"}
    return JSONResponse({"object": "list", "data": [item]})
