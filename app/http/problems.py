"""Errors as answers: the error tree as problem documents (RFC 9457), for browsers as a small page.

What a client sent is never repeated: not the body, not a value, not a token.
"""

import re
import traceback
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from app.http.entry_page import render_notice
from services.kernel.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NeedsReauth,
    NotFound,
    PatchbayError,
    Refused,
    RetryLater,
    Unauthenticated,
)
from services.kernel.ids import new_id
from services.kernel.log import bind_context, get_logger

MAX_BODY_BYTES = 1024 * 1024
_LONGEST_LENGTH = 12  # Python refuses to read numbers of thousands of digits
CONTENT_TYPE = "application/problem+json"

STATUS_BY_ERROR: Mapping[type[PatchbayError], int] = MappingProxyType(
    {
        InvalidInput: 422,
        NotFound: 404,
        Conflict: 409,
        Forbidden: 403,
        Unauthenticated: 401,
        RetryLater: 503,
        NeedsReauth: 409,
        Refused: 422,
        PatchbayError: 500,
    }
)
"""The nearest class counts."""
STATUS_BY_CODE: Mapping[str, int] = MappingProxyType(
    {"too_many_tests": 429, "too_many_tries": 429, "link_not_valid": 410}
)
_DEFAULT_PAUSE = timedelta(seconds=5)

_HTTP_CODES: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        400: ("bad_request", "The request could not be read."),
        404: ("not_found", "There is nothing at this address."),
        405: ("method_not_allowed", "This address does not answer to that method."),
        413: ("too_large", f"The request is larger than {MAX_BODY_BYTES // 1024} KiB."),
        415: ("unsupported_media_type", "Send JSON with “Content-Type: application/json”."),
    }
)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldProblem:
    """One value of a request that is wrong."""

    field: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What went wrong, and what to do."""

    status: int
    code: str
    """Stable; decide by this."""
    detail: str
    """For people; may change."""
    field: str = ""
    """The value that is wrong."""
    errors: tuple[FieldProblem, ...] = ()
    """All values that are wrong, if there is more than one."""
    trace_id: str = ""
    """Names the failure in the server's log."""

    @property
    def title(self) -> str:
        """Return the status in words."""
        return HTTPStatus(self.status).phrase

    def to_json(self) -> dict[str, object]:
        """Return the document, without members that say nothing."""
        document: dict[str, object] = {
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        if self.field:
            document["field"] = self.field
        if len(self.errors) > 1:
            document["errors"] = [{"field": error.field, "detail": error.detail} for error in self.errors]
        if self.trace_id:
            document["trace_id"] = self.trace_id
        return document


def problem_of(error: PatchbayError) -> Problem:
    """Return the problem document of an error."""
    status = STATUS_BY_CODE.get(error.code) or next(
        STATUS_BY_ERROR[kind] for kind in type(error).__mro__ if kind in STATUS_BY_ERROR
    )
    return Problem(status=status, code=error.code, detail=error.message, field=getattr(error, "field", ""))


def answer(request: Request, problem: Problem, *, headers: Mapping[str, str] | None = None) -> Response:
    """Return a problem in the form the client reads: a page for a browser that navigates, else JSON."""
    safe = {"Cache-Control": "no-store", **(headers or {})}
    if "text/html" in request.headers.get("accept", "") and not request.scope.get("root_path"):
        page = render_notice(title=problem.title, text=problem.detail, status=problem.status)
        page.headers.update(safe)
        return page
    return JSONResponse(problem.to_json(), problem.status, headers=safe, media_type=CONTENT_TYPE)


def install(app: FastAPI) -> None:
    """Let an application answer all errors as problems."""
    app.add_exception_handler(PatchbayError, _answer_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(OperationalError, _answer_database_away)
    app.add_exception_handler(PoolTimeoutError, _answer_database_away)
    app.add_exception_handler(DataError, _answer_unstorable)
    app.add_middleware(BodyLimit)
    app.add_middleware(ErrorBoundary)


def _answer_error(request: Request, error: Exception) -> Response:
    known = cast(PatchbayError, error)
    headers: dict[str, str] = {}
    if isinstance(known, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(known, RetryLater):
        headers["Retry-After"] = str(max(1, int((known.after or _DEFAULT_PAUSE).total_seconds())))
    return answer(request, problem_of(known), headers=headers)


def _answer_invalid(request: Request, error: Exception) -> Response:
    found = tuple(_field_problem(item) for item in cast(RequestValidationError, error).errors())
    first = found[0] if found else FieldProblem(field="", detail="The request could not be read.")
    return answer(
        request,
        Problem(status=422, code="invalid_input", detail=first.detail, field=first.field, errors=found[:20]),
    )


def _answer_http(request: Request, error: Exception) -> Response:
    known = cast(HTTPException, error)
    phrase = HTTPStatus(known.status_code).phrase
    code, words = _HTTP_CODES.get(known.status_code, ("error", phrase))
    detail = words if known.detail == phrase else known.detail  # a route's own words win over ours
    return answer(request, Problem(status=known.status_code, code=code, detail=detail), headers=known.headers)


def _answer_database_away(request: Request, error: Exception) -> Response:
    log.warning("http.database.unavailable", error=type(error).__name__)
    return answer(
        request,
        Problem(status=503, code="database_unavailable", detail="The database does not answer. Try again shortly."),
        headers={"Retry-After": "5"},
    )


def _answer_unstorable(request: Request, _error: Exception) -> Response:
    detail = "A value cannot be stored, such as a text with a zero character or a number that is too large."
    return answer(request, Problem(status=422, code="invalid_input", detail=detail))


_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "missing": "This value is required.",
        "extra_forbidden": "There is no such value. Remove it.",
        "uuid_parsing": "Use an id as this API returned it.",
        "uuid_type": "Use an id as this API returned it.",
        "json_invalid": "The body is not valid JSON.",
        "model_attributes_type": "Send a JSON object.",
        "dict_type": "Send a JSON object.",
        "string_unicode": "Remove halves of surrogate pairs.",
        "string_pattern_mismatch": "This is not a name that the API gives out.",
    }
)
_PLAIN_NAME = re.compile(r"\w{1,64}")


def _field_problem(item: Mapping[str, Any]) -> FieldProblem:
    kind = str(item.get("type", ""))
    location = cast(Sequence[object], item.get("loc", ()))
    names = [str(part) for part in location[1:] if not (kind == "json_invalid" and isinstance(part, int))]
    # A name can come from the body as well; what does not look like a name is not repeated.
    field = ".".join(name if _PLAIN_NAME.fullmatch(name) else "…" for name in names)
    words = _WORDS.get(kind) or str(item.get("msg", "This value is not valid."))
    return FieldProblem(field=field, detail=words.removeprefix("Value error, "))


class BodyLimit:
    """Stops reading a request that is too large, whatever its headers say."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its reading counted."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not declared.isdigit() or len(declared) > _LONGEST_LENGTH or int(declared) > MAX_BODY_BYTES:
            await _answer_http(Request(scope), HTTPException(413))(scope, receive, send)
            return
        left = MAX_BODY_BYTES

        async def receive_counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(413)
            return message

        await self._app(scope, receive_counted, send)


class ErrorBoundary:
    """Turns what nobody expected into an answer with a trace id; the log gets the place, never a value."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and catch what escapes from it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_started = False

        async def send_noted(message: Message) -> None:
            nonlocal has_started
            has_started = has_started or message["type"] == "http.response.start"
            await send(message)

        trace_id = new_id()
        with bind_context(trace_id=trace_id):
            try:
                await self._app(scope, receive, send_noted)
            except Exception as error:
                _log_unexpected(scope, error)
                if has_started:
                    raise
                problem = Problem(
                    status=500,
                    code="internal_error",
                    detail="Something went wrong on our side. The people who run Patchbay find it by the trace id"
                    f" {trace_id}.",
                    trace_id=str(trace_id),
                )
                await answer(Request(scope), problem)(scope, receive, send)


def _log_unexpected(scope: Scope, error: Exception) -> None:
    # Not exc_info: messages of database and validation errors carry the values they failed on.
    endpoint = scope.get("endpoint")
    log.error(
        "http.request.failed",
        method=scope["method"],
        endpoint=getattr(endpoint, "__qualname__", ""),
        error=type(error).__qualname__,
        where="".join(traceback.format_tb(error.__traceback__)[-6:]),
    )
