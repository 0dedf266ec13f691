"""The REST API as it describes itself: what generated tests go over, so that a new route cannot be forgotten."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from app.http.rest.app import create_rest_app
from services.kernel.kernel import Kernel
from services.tenants import Permission

_METHODS = frozenset({"get", "post", "put", "patch", "delete"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path."""

    id: str
    method: str
    path: str
    permission: Permission | None
    id_names: tuple[str, ...]
    query_ids: tuple[str, ...]
    body_schema: str
    body_ids: tuple[str, ...]
    is_secured: bool
    error_statuses: frozenset[str]

    def address(self, ids: Mapping[str, UUID]) -> str:
        """Return the path with its ids filled in."""
        return re.sub(r"{(\w+)}", lambda match: str(ids[match[1]]), self.path)


def schema() -> dict[str, Any]:
    """Return the description; it needs no kernel, since no request is answered."""
    return create_rest_app(cast(Kernel, None)).openapi()


def operations() -> tuple[Operation, ...]:
    """Return all operations."""
    described = schema()
    bodies = described["components"]["schemas"]
    return tuple(
        _operation(path, method, item, bodies)
        for path, methods in described["paths"].items()
        for method, item in methods.items()
        if method in _METHODS
    )


def properties(name: str) -> dict[str, Any]:
    """Return the properties of a request body."""
    return schema()["components"]["schemas"][name]["properties"]


def _operation(path: str, method: str, item: dict[str, Any], bodies: Mapping[str, Any]) -> Operation:
    body = item.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    body_schema = body.get("$ref", "").rpartition("/")[2]
    parameters = item.get("parameters", [])
    return Operation(
        id=item["operationId"],
        method=method,
        path=path,
        permission=Permission(item["x-permission"]) if "x-permission" in item else None,
        id_names=tuple(re.findall(r"{(\w+)}", path)),
        query_ids=tuple(p["name"] for p in parameters if p["in"] == "query" and p["name"].endswith("_id")),
        body_schema=body_schema,
        body_ids=tuple(
            name for name, kind in bodies.get(body_schema, {}).get("properties", {}).items() if _is_id(kind)
        ),
        is_secured=bool(item.get("security")),
        error_statuses=frozenset(status for status in item["responses"] if status >= "400"),
    )


def _is_id(kind: Mapping[str, Any]) -> bool:
    return any(choice.get("format") == "uuid" for choice in (kind, *kind.get("anyOf", ())))
