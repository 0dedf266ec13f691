"""Resend's addresses: reads a request, calls the rules, words the answer."""

import asyncio
import json
from collections.abc import Sequence

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from app.sandbox import resend, resend_mails, resend_network, resend_send
from app.sandbox.faults import answer_or_fail
from app.sandbox.mail import address_of
from app.sandbox.record import JsonObject
from app.sandbox.resend_call import Answer, ResendError
from app.sandbox.resend_state import ResendAccount, SentMail
from app.sandbox.state import Accepted, Fault
from app.sandbox.world import World

_JSON_OBJECT = TypeAdapter(JsonObject)
_FAULTS = {
    401: ResendError(401, "validation_error", "API key is invalid"),
    403: ResendError(403, "restricted_api_key", "API key is not active"),
    429: ResendError(
        429,
        "rate_limit_exceeded",
        "Too many requests. You can only make 5 requests per second.",
    ),
    500: ResendError(500, "internal_server_error", "An unexpected error occurred."),
    503: ResendError(503, "service_unavailable", "Service temporarily unavailable."),
}
_REQUESTS_A_SECOND = 5


def resend_routes(world: World) -> Sequence[BaseRoute]:
    """Return Resend's routes."""
    at_work: set[tuple[str, str]] = set()

    async def resource(request: Request) -> Response:
        return await _resource(world, request, at_work)

    async def file(request: Request) -> Response:
        async def handle() -> Response:
            return _file(world, request)

        return await answer_or_fail(world.store, service="resend", method="cdn", handle=handle, refusal=_refusal)

    return (
        Route("/resend/cdn/{path:path}", file, methods=["GET"]),
        Route("/resend/{path:path}", resource, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
    )


def _file(world: World, request: Request) -> Response:
    query = request.query_params
    try:
        content, kind = resend_mails.download(
            world.store.state.resend,
            request.path_params["path"],
            expires=query.get("expires", ""),
            signature=query.get("signature", ""),
            now=world.now(),
        )
    except ResendError as error:
        return _refuse(error)
    return Response(content, media_type=kind, headers={"content-disposition": "attachment"})


async def _resource(world: World, request: Request, at_work: set[tuple[str, str]]) -> Response:
    path = f"/{request.path_params['path']}"
    if not request.headers.get("user-agent"):
        return Response("error code: 1010", status_code=403)
    raw = await request.body()
    try:
        route = resend.find_route(request.method, path)
    except ResendError as error:
        return _refuse(error)

    async def handle() -> Response:
        state = world.store.state.resend
        try:
            account = resend.authenticate(state, request.headers.get("authorization", ""), route)
            body = _body(raw)
            if route.name == resend.SEND:
                answer = await _send(world, account, body, request.headers.get("idempotency-key"), at_work)
            else:
                answer = resend.call_route(
                    state,
                    account,
                    route,
                    path=path,
                    query=dict(request.query_params),
                    body=body,
                    base_url=f"http://{request.headers['host']}/resend",
                    now=world.now(),
                )
        except ResendError as error:
            return _refuse(error)
        if request.method != "GET":
            world.store.touch()
        return _answer(answer, status=route.status)

    return await answer_or_fail(world.store, service="resend", method=route.name, handle=handle, refusal=_refusal)


async def _send(
    world: World, account: ResendAccount, body: JsonObject, key: str | None, at_work: set[tuple[str, str]]
) -> Answer:
    if key is None:
        return _accept(world, account, body, key="")
    resend_send.check_key(key)
    place = (account.id, key)
    if place in at_work:
        raise resend_send.concurrent()
    at_work.add(place)
    try:
        await asyncio.sleep(world.store.state.pace.resend_send_seconds)
        earlier = resend_send.replay_of(account, key, body, now=world.now())
        return {"id": earlier} if earlier else _accept(world, account, body, key=key)
    finally:
        at_work.discard(place)


def _accept(world: World, account: ResendAccount, body: JsonObject, *, key: str) -> Answer:
    sent = resend_send.accept(world.store.state.resend, account, body, key=key, now=world.now())
    world.store.state.accepted.append(_accepted(account, sent))
    resend_network.track(world, account, sent)
    return {"id": sent.mail.id}


def _accepted(account: ResendAccount, sent: SentMail) -> Accepted:
    mail = sent.mail
    return Accepted(
        service="resend",
        id=mail.id,
        at=mail.at,
        account=account.id,
        channel=address_of(mail.to[0]),
        sender=mail.sender,
        text=mail.text or "",
        metadata={
            "message_id": mail.message_id,
            "to": [*mail.to],
            "cc": [*mail.cc],
            "bcc": [*mail.bcc],
            "reply_to": [*mail.reply_to],
            "subject": mail.subject,
            "html": mail.html,
            "headers": {**mail.headers},
            "tags": {**sent.tags},
            "attachments": [item.filename for item in mail.attachments],
        },
    )


def _body(raw: bytes) -> JsonObject:
    try:
        return _JSON_OBJECT.validate_python(json.loads(raw)) if raw else {}
    except (ValueError, ValidationError) as error:
        raise ResendError(400, "validation_error", "The request body is not a JSON object.") from error


def _answer(body: Answer, *, status: int) -> Response:
    limits = {
        "ratelimit-limit": str(_REQUESTS_A_SECOND),
        "ratelimit-remaining": "0" if status == 429 else str(_REQUESTS_A_SECOND - 1),
        "ratelimit-reset": "1",
    }
    return JSONResponse(body, status_code=status, headers=limits)


def _refuse(error: ResendError) -> Response:
    return _answer(error.body, status=error.status)


def _refusal(status: int, fault: Fault) -> Response:
    answer = _refuse(_FAULTS[status])
    if status == 429:
        answer.headers["retry-after"] = answer.headers["ratelimit-reset"] = str(fault.retry_after)
    return answer
