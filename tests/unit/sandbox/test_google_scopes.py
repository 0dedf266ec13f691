"""The methods played here, held against Google's own description of them."""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from app.sandbox.google_calendar import ROUTES, find_method
from app.sandbox.google_scopes import SCOPES

DOCUMENT: dict[str, Any] = json.loads(
    files("googleapiclient").joinpath("discovery_cache", "documents", "calendar.v3.json").read_text()
)


def described(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from resource.get("methods", {}).values()
    for inner in resource.get("resources", {}).values():
        yield from described(inner)


METHODS = {item["id"]: item for item in described(DOCUMENT)}


def test_every_method_is_where_google_has_it() -> None:
    for verb, _, method in ROUTES:
        known = METHODS[method.name]
        assert known["httpMethod"] == verb
        path = re.sub(r"\{\w+\}", "x", known["path"])
        assert find_method(verb, path)[0] is method


def test_every_method_wants_the_scopes_that_google_wants() -> None:
    for _, _, method in ROUTES:
        assert method.scopes == set(METHODS[method.name]["scopes"]) & SCOPES.keys(), method.name


def test_every_calendar_scope_exists() -> None:
    known = DOCUMENT["auth"]["oauth2"]["scopes"]
    assert {scope for scope in SCOPES if "/auth/calendar" in scope} <= known.keys()
