"""Google's addresses: reads a request, calls the rules, words the answer."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import cast
from urllib.parse import parse_qs, unquote, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from app.sandbox import google_oauth, google_watch
from app.sandbox.faults import answer_or_fail
from app.sandbox.google_calendar import find_method
from app.sandbox.google_call import Call, GoogleError, authenticate, find_account
from app.sandbox.google_oauth import OAuthError
from app.sandbox.google_scopes import IDENTITY_SCOPES, SCOPES
from app.sandbox.google_state import GoogleAccount
from app.sandbox.page import render
from app.sandbox.record import JsonObject
from app.sandbox.state import Fault
from app.sandbox.world import World

_ROOT = "/google/calendar/v3/"
_VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_FAULTS = {401: "authError", 403: "rateLimitExceeded", 429: "rateLimitExceeded"}


def google_routes(world: World) -> Sequence[BaseRoute]:
    """Return Google's routes."""

    async def consent(request: Request) -> Response:
        return await _consent(world, request)

    async def token(request: Request) -> Response:
        return await _token(world, request)

    async def revoke(request: Request) -> Response:
        return await _revoke(world, request)

    async def userinfo(request: Request) -> Response:
        return await _userinfo(world, request)

    async def calendar(request: Request) -> Response:
        return await _calendar(world, request)

    return (
        Route("/google/o/oauth2/v2/auth", consent, methods=["GET", "POST"]),
        Route("/google/token", token, methods=["POST"]),
        Route("/google/revoke", revoke, methods=["POST"]),
        Route("/google/oauth2/v3/userinfo", userinfo, methods=["GET", "POST"]),
        Route(f"{_ROOT}{{path:path}}", calendar, methods=[*_VERBS]),
    )


async def _form(request: Request) -> dict[str, list[str]]:
    return parse_qs((await request.body()).decode(), keep_blank_values=True)


async def _consent(world: World, request: Request) -> Response:
    google = world.store.state.google
    form = await _form(request)
    try:
        consent = google_oauth.check_request(google, dict(request.query_params))
        if form.get("answer") == ["allow"]:
            target = google_oauth.allow(
                google,
                consent,
                email=form.get("account", [""])[0],
                scopes=form.get("scope", []),
                now=world.now(),
            )
        else:
            target = google_oauth.deny(consent)
    except OAuthError as error:
        body = render("google_refused.html", code=escape(error.code), text=escape(error.description))
        return HTMLResponse(body, status_code=error.status)
    if request.method == "POST":
        world.store.touch()
        # 303: the browser must come back with GET.
        return RedirectResponse(target, status_code=303)
    people = "".join(_person(account, chosen=consent.login_hint) for account in google.accounts)
    body = render(
        "google_consent.html",
        app=escape(consent.client.name),
        host=escape(urlsplit(consent.redirect_uri).netloc),
        people=people,
        scopes="".join(_scope(scope) for scope in consent.scopes),
    )
    return HTMLResponse(body)


def _person(account: GoogleAccount, *, chosen: str) -> str:
    selected = " selected" if account.email == chosen else ""
    words = f"{escape(account.name)} ({escape(account.email)})"
    return f'<option value="{escape(account.email)}"{selected}>{words}</option>'


def _scope(scope: str) -> str:
    name = f"<code>{escape(scope.rpartition('/')[2])}</code>"
    if scope in IDENTITY_SCOPES:
        return f"<li>{escape(SCOPES[scope])}{name}</li>"
    box = f'<input type="checkbox" name="scope" value="{escape(scope)}" checked>'
    return f'<li><label class="check">{box}{escape(SCOPES[scope])}</label>{name}</li>'


def _oauth_answer(error: OAuthError) -> Response:
    return JSONResponse({"error": error.code, "error_description": error.description}, status_code=error.status)


def _oauth_refusal(status: int, fault: Fault) -> Response:
    codes = {
        401: ("invalid_client", "Unauthorized"),
        403: ("rate_limit_exceeded", ""),
        429: ("rate_limit_exceeded", ""),
    }
    return _oauth_answer(OAuthError(*codes.get(status, ("internal_failure", "Backend Error")), status=status))


async def _token(world: World, request: Request) -> Response:
    form = {name: values[0] for name, values in (await _form(request)).items()}

    async def handle() -> Response:
        try:
            answer = google_oauth.answer_token(
                world.store.state.google,
                form,
                authorization=request.headers.get("authorization", ""),
                now=world.now(),
            )
        except OAuthError as error:
            return _oauth_answer(error)
        world.store.touch()
        return JSONResponse(answer, headers={"cache-control": "no-store"})

    return await answer_or_fail(
        world.store, service="google", method="oauth.token", handle=handle, refusal=_oauth_refusal
    )


async def _revoke(world: World, request: Request) -> Response:
    form = {**request.query_params, **{name: values[0] for name, values in (await _form(request)).items()}}

    async def handle() -> Response:
        try:
            google_oauth.revoke(world.store.state.google, form.get("token", ""))
        except OAuthError as error:
            return _oauth_answer(error)
        world.store.touch()
        return JSONResponse({})

    return await answer_or_fail(
        world.store, service="google", method="oauth.revoke", handle=handle, refusal=_oauth_refusal
    )


async def _userinfo(world: World, request: Request) -> Response:
    async def handle() -> Response:
        google = world.store.state.google
        try:
            grant, scopes = authenticate(google, request.headers.get("authorization", ""), now=world.now())
        except GoogleError:
            return _oauth_answer(OAuthError("invalid_request", "Invalid Credentials", status=401))
        if not IDENTITY_SCOPES & scopes:
            return _oauth_answer(OAuthError("insufficient_scope", "Insufficient Permission", status=403))
        return JSONResponse(google_oauth.userinfo(google, grant, scopes))

    return await answer_or_fail(world.store, service="google", method="userinfo", handle=handle, refusal=_oauth_refusal)


def _refuse(error: GoogleError) -> Response:
    headers = {"www-authenticate": 'Bearer realm="https://accounts.google.com/"'} if error.status == 401 else {}
    return JSONResponse(error.body(), status_code=error.status, headers=headers)


def _refusal(status: int, fault: Fault) -> Response:
    answer = _refuse(GoogleError(_FAULTS.get(status, "backendError"), status=status))
    if status == 429:
        answer.headers["retry-after"] = str(fault.retry_after)
    return answer


async def _calendar(world: World, request: Request) -> Response:
    raw = await request.body()
    # As sent: a calendar's id may hold an escaped slash.
    path = cast(bytes, request.scope["raw_path"]).decode("ascii").partition(_ROOT)[2].partition("?")[0]
    try:
        method, named = find_method(request.method, path)
    except GoogleError as error:
        return _refuse(error)

    async def handle() -> Response:
        google = world.store.state.google
        try:
            grant, scopes = authenticate(google, request.headers.get("authorization", ""), now=world.now())
            if not method.scopes & scopes:
                raise GoogleError("insufficientPermissions")
            call = Call(
                google=google,
                grant=grant,
                account=find_account(google, grant.sub),
                path={name: unquote(value) for name, value in named.items()},
                query=dict(request.query_params),
                body=_body(raw),
                if_match=request.headers.get("if-match", ""),
                now=world.now(),
            )
            answer = method.run(call)
        except GoogleError as error:
            return _refuse(error)
        if request.method != "GET":
            _tell(world, call, answer)
        return Response(status_code=204) if answer is None else JSONResponse(answer)

    return await answer_or_fail(world.store, service="google", method=method.name, handle=handle, refusal=_refusal)


def _tell(world: World, call: Call, answer: Mapping[str, object] | None) -> None:
    world.store.touch()
    for calendar in call.changed:
        world.courier.send_notifications(google_watch.notify(call.google, calendar, now=call.now))
    if answer is not None and answer.get("kind") == "api#channel":
        world.courier.send_notifications([google_watch.greet(call.google, str(answer["id"]))])


def _body(raw: bytes) -> JsonObject:
    if not raw:
        return {}
    try:
        decoded: object = json.loads(raw)
    except ValueError as error:
        raise GoogleError("parseError") from error
    if not isinstance(decoded, dict):
        raise GoogleError("parseError")
    return cast(JsonObject, decoded)
