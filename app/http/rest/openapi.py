"""The API's description: rights and errors of every operation, beside what FastAPI writes itself."""

from typing import Any, cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.http.problems import CONTENT_TYPE
from services.tenants import Permission

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong (RFC 9457). Decide by `code`; `detail` is for people.",
    "required": ["title", "status", "code", "detail"],
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "field": {"type": "string", "description": "The value that is wrong."},
        "errors": {
            "type": "array",
            "description": "All values that are wrong, if there is more than one.",
            "items": {
                "type": "object",
                "required": ["field", "detail"],
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
        "trace_id": {"type": "string", "format": "uuid", "description": "Names the failure in the server's log."},
    },
}
_ALWAYS = {
    "401": "The API key is missing or not valid.",
    "403": "The key's role may not do this.",
    "422": "A value is wrong; `field` names it.",
    "500": "Something unexpected; `trace_id` names it in the log.",
    "503": "Try again after the time in `Retry-After`.",
}
_WITH_ID = {"404": "There is no such thing in this tenant."}
_WITH_CHANGE = {
    "409": "The thing exists already, has changed meanwhile, or its account must be connected again.",
    "413": "The request is larger than 1 MiB.",
}
_METHODS = frozenset({"get", "post", "put", "patch", "delete"})


def needs(permission: Permission) -> dict[str, str]:
    """Return an operation's mark of the right it needs; the service behind it is what checks."""
    return {"x-permission": permission.value}


def describe(app: FastAPI) -> None:
    """Let an application describe itself with our errors."""

    def build() -> dict[str, Any]:
        if not app.openapi_schema:
            schema = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
                servers=[{"url": "/api/v1"}],
            )
            _describe_errors(schema)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = build


def _describe_errors(schema: dict[str, Any]) -> None:
    components = cast("dict[str, dict[str, Any]]", schema.setdefault("components", {}))
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = _PROBLEM
    content = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path, operations in cast("dict[str, dict[str, Any]]", schema["paths"]).items():
        for method, operation in operations.items():
            if method not in _METHODS:
                continue
            found = dict(_ALWAYS)
            if "{" in path or "requestBody" in operation:
                found |= _WITH_ID
            if method != "get":
                found |= _WITH_CHANGE
            for status, words in sorted(found.items()):
                operation["responses"][status] = {"description": words, "content": content}
