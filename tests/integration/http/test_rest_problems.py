"""Errors over REST: one shape, a field where one is wrong, and nothing of the request in it."""

import json
import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.http import problems
from app.http.api import create_http_app
from models import Agent, Connection, PhoneNumber, PlaybookEntry
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
from services.kernel.kernel import Kernel, build_kernel
from services.kernel.settings import Settings
from services.tenants import bootstrap
from tests.integration.http.surface import operations, properties, schema

CANARY = "CANARY-7f3a9c"
ERRORS: list[tuple[PatchbayError, int]] = [
    (InvalidInput("Fix it.", field="name"), 422),
    (NotFound("Gone."), 404),
    (Conflict("Taken."), 409),
    (Forbidden("No."), 403),
    (Unauthenticated("Who?"), 401),
    (RetryLater("Later.", after=timedelta(seconds=7)), 503),
    (RetryLater("Later.", code="too_many_tries"), 429),
    (NeedsReauth("Again."), 409),
    (Refused("Never."), 422),
    (PatchbayError("Odd."), 500),
]


@pytest.fixture
def key(kernel: Kernel, api: TestClient) -> str:
    value = bootstrap(kernel, email="ana@example.com", tenant="Acme").api_key.reveal()
    api.headers["Authorization"] = f"Bearer {value}"
    return value


@pytest.mark.parametrize(("error", "status"), ERRORS, ids=[f"{type(e).__name__}-{s}" for e, s in ERRORS])
def test_errors_become_problems(error: PatchbayError, status: int) -> None:
    app = FastAPI()
    problems.install(app)

    @app.get("/")
    def fail() -> None:  # pyright: ignore[reportUnusedFunction]
        raise error

    answer = TestClient(app).get("/")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json().items() >= {"status": status, "code": error.code, "detail": error.message}.items()
    assert answer.json().get("field", "") == getattr(error, "field", "")
    if isinstance(error, RetryLater):
        assert answer.headers["retry-after"] == ("7" if error.after else "5")
    if isinstance(error, Unauthenticated):
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.expects_error_logs
def test_unexpected_errors_show_a_trace_id_and_hide_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()
    problems.install(app)

    @app.post("/")
    def fail(body: dict[str, str]) -> None:  # pyright: ignore[reportUnusedFunction]
        raise RuntimeError(f"cannot store {body}")

    answer = TestClient(app).post("/", json={"secret": CANARY})
    assert answer.status_code == 500
    assert answer.json()["trace_id"] in answer.json()["detail"]
    assert CANARY not in answer.text
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert CANARY not in record.getMessage()
    assert "RuntimeError" in record.getMessage()
    assert "test_rest_problems.py" in record.getMessage()
    assert answer.json()["trace_id"] in record.getMessage()


def test_browsers_get_a_page_and_scripts_a_document(browser: TestClient) -> None:
    page = browser.get("/nothing/here")
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "There is nothing at this address" in page.text
    script = browser.get("/nothing/here", headers={"Accept": "application/json"})
    assert script.json()["code"] == "not_found"


def test_addresses_and_methods_that_do_not_exist(api: TestClient, key: str) -> None:
    assert key
    for method, path, status, code in (
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/agents/", 404, "not_found"),
        ("PUT", "/agents", 405, "method_not_allowed"),
        ("GET", "/docs", 404, "not_found"),
        ("GET", "/redoc", 404, "not_found"),
    ):
        answer = api.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (status, code), path


WRONG_BODIES = (
    ("{", "", "not valid JSON"),
    ("[]", "", "Send a JSON object"),
    ("", "", "required"),
    ("{}", "name", "required"),
    ('{"name": 5}', "name", "valid string"),
    ('{"name": "A", "status": "paused"}', "status", "no such value"),
    ('{"name": "A\\u0000"}', "name", "zero characters"),
    ('{"name": "A", "purpose": "\\ud800"}', "purpose", "surrogate"),
    (json.dumps({"name": "A", "instructions": "x" * 20_001}), "instructions", "20000 characters"),
    (json.dumps({"name": "A", "a b": 1}), "…", "no such value"),
    ('{"name": ""}', "name", "name"),
)
WRONG_PARAMETERS = (
    ("/agents/not-an-id", "agent_id"),
    ("/agents?limit=0", "limit"),
    ("/agents?limit=101", "limit"),
    ("/agents?limit=x", "limit"),
    ("/agents?cursor=x", "cursor"),
    ("/conversations?cursor=x", "cursor"),
    ("/conversations?state=x", "state"),
    ("/conversations?agent_id=x", "agent_id"),
    ("/conversations?q=w&cursor=x", "cursor"),
    (f"/conversations?q={'w' * 201}", "q"),
    ("/deliveries?cursor=x", "cursor"),
    ("/deliveries?state=x", "state"),
    ("/connections?provider=%00", "provider"),
    ("/connections?cursor=" + "x" * 300, "cursor"),
)


def test_wrong_values_are_named(api: TestClient, key: str) -> None:
    assert key
    for body, field, words in WRONG_BODIES:
        answer = api.post("/agents", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json().get("field", "")) == (422, field), body[:100]
        assert words in answer.json()["detail"]


def test_wrong_parameters_are_named(api: TestClient, key: str) -> None:
    assert key
    for path, field in WRONG_PARAMETERS:
        answer = api.get(path)
        assert (answer.status_code, answer.json().get("field", "")) == (422, field), path


def test_several_wrong_values_are_all_listed(api: TestClient, key: str) -> None:
    assert key
    answer = api.post("/agents", json={"purpose": 1, "model": 2}).json()
    assert [error["field"] for error in answer["errors"]] == ["name", "purpose", "model"]


def test_large_bodies_stop_being_read(api: TestClient, key: str) -> None:
    assert key
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(64):
            sent += 65_536
            yield b"x" * 65_536

    json_type = {"Content-Type": "application/json"}
    for answer in (
        api.post("/agents", content=b'{"name": "' + b"x" * problems.MAX_BODY_BYTES, headers=json_type),
        api.post("/agents", content=body(), headers=json_type),
        api.post("/agents", content=b"{}", headers={**json_type, "Content-Length": "9" * 5000}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_no_column_can_be_set_that_is_not_offered(api: TestClient, key: str) -> None:
    assert key
    agent_id = api.post("/agents", json={"name": "Mia"}).json()["id"]
    before = api.get(f"/agents/{agent_id}").json()
    columns = {name for model in (Agent, Connection, PhoneNumber, PlaybookEntry) for name in model.model_fields}
    tried = 0
    for operation in operations():
        if not operation.body_schema:
            continue
        offered = properties(operation.body_schema)
        path = operation.path.format_map(dict.fromkeys(operation.id_names, agent_id))
        for column in sorted(columns - set(offered)):
            answer = api.request(operation.method, path, json={column: "x"})
            assert answer.status_code == 422, (operation.id, column)
            fields = {error["field"] for error in answer.json().get("errors", [])} | {answer.json().get("field")}
            assert column in fields, (operation.id, column)
            tried += 1
    assert tried > 100
    assert api.get(f"/agents/{agent_id}").json() == before


def test_what_was_sent_is_never_repeated(api: TestClient, key: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shapes: list[object] = [CANARY, [CANARY], {CANARY: CANARY}, {"x": {CANARY: [CANARY]}}]
    answers = [api.get("/me", headers={"Authorization": f"Bearer pb_live_{CANARY}"})]
    answers += [api.get(f"/{CANARY}"), api.get(f"/agents/{CANARY}"), api.get("/agents", params={"limit": CANARY})]
    for operation in operations():
        if not operation.body_schema:
            continue
        path = operation.path.format_map(dict.fromkeys(operation.id_names, "01890000-0000-7000-8000-000000000000"))
        names = [*properties(operation.body_schema), CANARY + " key"]
        answers += [api.request(operation.method, path, json=shape) for shape in shapes]
        answers += [api.request(operation.method, path, json={name: shape}) for name in names for shape in shapes[1:]]
        answers.append(api.request(operation.method, path, content=CANARY.encode()))
    wrong = {"provider": "slack", "scheme": "keys", "values": {"bot_token": CANARY, "signing_secret": CANARY}}
    answers.append(api.post("/connections", json=wrong))
    answers.append(api.post("/connections", json={**wrong, "provider": CANARY}))
    answers.append(api.post("/connections", json={**wrong, "scheme": CANARY}))
    assert key
    assert {answer.status_code for answer in answers} <= {401, 404, 422}
    leaks = [answer.text for answer in answers if CANARY in answer.text]
    assert not leaks
    own = [record.getMessage() for record in caplog.records if record.name.split(".")[0] in {"app", "services"}]
    assert not [message for message in own if CANARY in message]


def test_a_database_that_is_away_means_try_again(settings: Settings, kernel: Kernel) -> None:
    value = bootstrap(kernel, email="ana@example.com", tenant="Acme").api_key.reveal()
    away = build_kernel(settings.model_copy(update={"database_url": "postgresql://nobody@127.0.0.1:1/none"}))
    with TestClient(create_http_app(away), base_url=settings.public_url) as client:
        answer = client.get("/api/v1/me", headers={"Authorization": f"Bearer {value}"})
        page = client.get("/login", headers={"Accept": "text/html"})
    away.close()
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert answer.headers["retry-after"] == "5"
    assert page.status_code == 503
    assert "The database does not answer" in page.text


def test_description_is_whole_and_names_errors() -> None:
    described = schema()
    assert described["servers"] == [{"url": "/api/v1"}]
    ids = [operation.id for operation in operations()]
    assert len(ids) == len(set(ids))
    for operation in operations():
        assert operation.error_statuses >= {"401", "403", "422", "500", "503"}, operation.id
        if operation.id_names:
            assert "404" in operation.error_statuses
    text = json.dumps(described)
    assert "HTTPValidationError" not in text
    assert described["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"
    for methods in described["paths"].values():
        for item in methods.values():
            assert item["tags"]
            assert item["description"]
