"""Who may call what: keys, roles and tenants, generated over everything the API describes."""

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount
from starlette.testclient import TestClient

from app.http.api import create_http_app
from models import Role
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.tenants import PERMISSIONS, Actor, bootstrap, create_api_key
from services.tenants.sessions import sign_in_with_link
from tests.integration.http.surface import Operation, operations
from tests.integration.isolation.twins import Twins, living_twins
from tests.integration.isolation.world import COUNTED_LATE, FOREIGN, table_of
from tests.support.line import Shop
from workers.runtime.embedded import EmbeddedUrls

OPERATIONS = operations()
BODIES: dict[str, dict[str, object]] = {
    "create_agent": {"name": "Mia"},
    "update_agent": {"purpose": "Support"},
    "replace_playbook": {"entries": [{"question": "Hours?", "answer": "9 to 17."}]},
    "set_agent_limits": {"limits": [{"group": "sms", "per_hour": 60}]},
    "set_company_limit": {"limit": {"per_hour": 600}},
    "create_connection": {"provider": "slack", "scheme": "keys", "values": {}},
    "update_connection": {"name": "Front desk"},
    "replace_keys": {"values": {}},
    "assign_number": {"agent_id": None},
    "create_app": {"provider": "slack", "values": {}},
    "update_app": {"values": {}},
    "send_reply": {"text": "Hello"},
    "add_channel": {"external_id": "C0CREATOR01"},
    "set_default_policy": {"mode": "mentions"},
    "set_channel_policy": {"mode": "off"},
    "set_action_grant": {"connection_id": str(new_id()), "action": "post_message", "mode": "approval"},
    "approve_action_run": {"note": "Fine."},
    "reject_action_run": {},
    "create_email_sender": {"agent_id": str(new_id()), "address": "mia@northwind.example"},
    "update_email_sender": {"address": "mia@northwind.example"},
    "replay_delivery": {"kind": "process", "reason": "Repaired."},
    "replay_deliveries": {"kind": "process", "reason": "Repaired.", "state": "dead"},
    "create_notice_target": {"connection_id": str(new_id()), "channel_id": "C0CREATOR01"},
}
OPEN_ROUTES = {
    *("/healthz", "/readyz", "/metrics"),  # for the operator's probes: nothing of a tenant
    *("/login", "/login/", "/login/link/{token}", "/setup"),  # how somebody gets in
    "/api/v1/openapi.json",  # what the API looks like, the same for all
}
"""Answer whoever asks. Every other route beside REST asks for a session, or leads to where one signs in."""
_BODIES_BESIDE_REST: tuple[dict[str, object], ...] = ({}, {"values": {}}, {"values": {}, "scheme_id": "keys"})
"""One of them is what a route that reads a body expects."""


_PARAMETER = re.compile(r"{(\w+)}")
_TRIED = 6
"""How many rows of a kind are tried."""
_FULL_BODIES: dict[str, dict[str, object]] = {
    "create_connection": {"values": {"bot_token": "xoxb-1-2-abc", "signing_secret": "a" * 32}},
}
"""What an example lacks because a request without the ids of others must not reach a provider."""
_NARROWED = {"replay_deliveries": "the id narrows what is replayed, and with another tenant's nothing is left"}
"""Operations whose bodies name things as filters do."""


def _call(api: TestClient, operation: Operation, ids: dict[str, UUID], key: str) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    answer = api.request(operation.method, operation.address(ids), json=BODIES.get(operation.id), headers=headers)
    return answer.status_code, answer.text


def _ask(
    script: TestClient, operation: Operation, ids: dict[str, UUID], *, body: Mapping[str, object] | None = None
) -> httpx2.Response:
    sent = {**BODIES.get(operation.id, {}), **(body or {})} if operation.body_schema else None
    return script.request(operation.method, operation.address(ids), json=sent)


def _random_ids(operation: Operation) -> dict[str, UUID]:
    return {name: new_id() for name in operation.id_names}


def test_every_body_has_an_example() -> None:
    assert {operation.id for operation in OPERATIONS if operation.body_schema} == set(BODIES)


def test_every_operation_names_its_right_and_asks_for_a_key() -> None:
    assert all(operation.is_secured for operation in OPERATIONS)
    assert [operation.id for operation in OPERATIONS if operation.permission is None] == ["get_me"]


def test_reading_needs_a_view_right_and_changing_more() -> None:
    for operation in OPERATIONS:
        if operation.permission:
            assert operation.permission.value.endswith(".view") == (operation.method == "get"), operation.id


def test_no_route_is_open_by_accident(kernel: Kernel) -> None:
    app, asked, open_to_all = create_http_app(kernel), set[str](), set[str]()
    with TestClient(app, base_url=kernel.settings.public_url, follow_redirects=False) as browser:
        browser.headers["Origin"] = kernel.settings.public_url
        for route in iter_route_contexts(app.routes):
            mounted = route.original_route
            if isinstance(mounted, Mount):
                assert isinstance(mounted.app, FastAPI)
                inner = {f"{mounted.path}{inner.path}" for inner in iter_route_contexts(mounted.app.routes)}
                open_to_all |= inner - {f"/api/v1{operation.path}" for operation in OPERATIONS}
                continue
            path = str(route.path)
            address = _PARAMETER.sub(_example, path)
            answers = {
                _how_far(browser.request(method, address, json=body))
                for method in (route.methods or set[str]()) - {"HEAD"}
                for body in _BODIES_BESIDE_REST
            }
            (asked if "asked" in answers and answers <= {"asked", 422} else open_to_all).add(path)
    assert open_to_all <= OPEN_ROUTES
    assert len(asked) >= 8


def _how_far(answer: httpx2.Response) -> int | str:
    leads_to_sign_in = answer.headers.get("location", "").startswith("/login")
    return "asked" if answer.status_code == 401 or leads_to_sign_in else answer.status_code


def _example(parameter: re.Match[str]) -> str:
    return "slack" if parameter[1] == "provider" else str(new_id())


def test_every_form_asks_where_it_comes_from(kernel: Kernel) -> None:
    tried: set[str] = set()
    app = create_http_app(kernel)
    with TestClient(app, base_url=kernel.settings.public_url, follow_redirects=False) as browser:
        for route in iter_route_contexts(app.routes):
            if isinstance(route.original_route, Mount):
                continue
            path = re.sub(r"{\w+}", "x", str(route.path))
            for method in (route.methods or set[str]()) - {"GET", "HEAD"}:
                answer = browser.request(method, path, headers={"Origin": "https://evil.example"})
                assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin"), path
                tried.add(path)
    assert {"/login", "/logout", "/setup", "/login/link/x"} < tried


def test_nobody_gets_in_without_a_valid_key(api: TestClient, kernel: Kernel) -> None:
    result = bootstrap(kernel, email="ana@example.com", tenant="Acme")
    session = sign_in_with_link(kernel, result.sign_in_link.rpartition("/")[2]).session_token.reveal()
    api.cookies.set("patchbay", session)  # a cookie is for pages; here it would make forgeries possible
    value = result.api_key.reveal()
    wrong = ("", "x", "pb_live_", value[:-1], value + "x", value.upper(), session, "pb_live_" + "a" * 43, "é")
    for operation in OPERATIONS:
        for key in wrong if operation.id == "get_me" else wrong[:2]:
            headers = [(b"Authorization", f"Bearer {key}".encode())] if key else []
            answer = api.request(operation.method, operation.address(_random_ids(operation)), headers=headers)
            assert answer.status_code == 401, (operation.id, key)
            assert answer.json()["code"] in {"api_key_missing", "api_key_not_valid"}
            assert answer.headers["www-authenticate"] == "Bearer"
    for scheme in ("Basic", "Token", ""):
        assert api.get("/me", headers={"Authorization": f"{scheme} {value}"}).status_code == 401
    assert api.get("/me", params={"api_key": value}).status_code == 401


@pytest.mark.parametrize("role", list(Role))
def test_roles_may_do_what_the_table_says(api: TestClient, kernel: Kernel, role: Role) -> None:
    result = bootstrap(kernel, email="ana@example.com", tenant="Acme")
    owner = Actor(tenant_id=result.tenant_id, kind="user", id=result.user_id, label="Ana", role=Role.OWNER)
    key = create_api_key(kernel, actor=owner, name="Test", role=role).key.reveal()
    for operation in OPERATIONS:
        status, text = _call(api, operation, _random_ids(operation), key)
        if operation.permission is None or operation.permission in PERMISSIONS[role]:
            assert status in {200, 201, 404, 422}, (operation.id, text)
        else:
            assert status == 403, (operation.id, text)
            assert f"The role “{role.value}” may not" in text


@pytest.fixture(scope="module")
def twins(servers: EmbeddedUrls) -> Generator[Twins]:
    """Two tenants that have something of everything."""
    with living_twins(servers) as living:
        yield living


@pytest.fixture
def script(twins: Twins) -> Generator[TestClient]:
    """The first tenant's script, which may do everything."""
    kernel, tenant_id = twins.line.kernel, twins.own.actor.tenant_id
    owner = Actor(tenant_id=tenant_id, kind="user", id=None, label="Ana", role=Role.OWNER)
    key = create_api_key(kernel, actor=owner, name="Test", role=Role.OWNER).key.reveal()
    with TestClient(create_http_app(kernel), base_url=f"{kernel.settings.public_url}/api/v1") as client:
        client.headers["Authorization"] = f"Bearer {key}"
        yield client


def _places(operation: Operation, twins: Twins, shop: Shop) -> list[dict[str, UUID]]:
    """Return the ids for an operation's path, so that what the last one names belongs to what the others name."""
    if not operation.id_names:
        return [{}]
    *outer, inner = operation.id_names
    rows = [*twins.read_rows_of(shop.actor).get(table_of(inner), ())]
    rows = rows or [{"id": str(id)} for id in twins.ids_of(shop.actor)[table_of(inner)]]
    return [{inner: UUID(row["id"])} | {name: UUID(row[name]) for name in outer} for row in rows[:_TRIED]]


def _state(twins: Twins) -> dict[str, list[str]]:
    """Return all rows of both but what using a key and being refused write down."""
    own, foreign = twins.rows_of(twins.own.actor), twins.rows_of(twins.foreign.actor)
    return {name: own[name] + foreign[name] for name in own if name not in {"api_key", *COUNTED_LATE}}


@contextmanager
def _nothing_happens(twins: Twins) -> Generator[None]:
    before, calls, wakes = _state(twins), twins.line.sandbox.ledger().calls, len(twins.line.queue.wakes)
    yield
    after = _state(twins)
    assert [name for name in after if after[name] != before[name]] == []
    assert (twins.line.sandbox.ledger().calls, len(twins.line.queue.wakes)) == (calls, wakes)


def test_other_tenants_things_do_not_exist(twins: Twins, script: TestClient) -> None:
    with_ids = [operation for operation in OPERATIONS if operation.id_names]
    assert len(with_ids) >= 18
    with _nothing_happens(twins):
        for operation in with_ids:
            own, foreign = (_places(operation, twins, shop) for shop in (twins.own, twins.foreign))
            assert own and foreign, operation.id
            mixed = [
                {**mine, name: theirs[name]}
                for mine, theirs in zip(own, foreign, strict=False)
                for name in operation.id_names
            ]
            for ids in (*foreign, *mixed):
                answer = _ask(script, operation, ids)
                assert (answer.status_code, FOREIGN in answer.text) == (404, False), (operation.id, ids)


def test_own_things_do(twins: Twins, script: TestClient) -> None:
    """Without this the test above could not fail."""
    for operation in OPERATIONS:
        if operation.method == "get" and operation.id_names:
            answers = [_ask(script, operation, ids).status_code for ids in _places(operation, twins, twins.own)]
            assert 200 in answers, (operation.id, answers)


def test_other_tenants_ids_filter_nothing(twins: Twins, script: TestClient) -> None:
    ids = twins.ids_of(twins.foreign.actor)
    for operation in OPERATIONS:
        for name in operation.query_ids:
            for id in ids[table_of(name)][:_TRIED]:
                answer = script.get(operation.path, params={name: str(id)})
                if operation.id == "get_analytics":
                    assert answer.status_code == 404  # numbers have no empty list: the agent is not there
                    continue
                found = answer.json()["items"]
                if operation.id == "list_providers":
                    assert all(card["connection_count"] == 0 for card in found)
                else:
                    assert found == [], (operation.id, name)


def test_bodies_cannot_name_other_tenants_things(twins: Twins, script: TestClient) -> None:
    ids = twins.ids_of(twins.foreign.actor)
    with _nothing_happens(twins):
        for operation in OPERATIONS:
            for name in () if operation.id in _NARROWED else operation.body_ids:
                foreign = {name: str(ids[table_of(name)][0])}
                statuses = {
                    _ask(script, operation, place, body=_FULL_BODIES.get(operation.id, {}) | foreign).status_code
                    for place in _places(operation, twins, twins.own)
                }
                assert 404 in statuses and statuses <= {404, 409, 422}, (operation.id, name, statuses)


def test_bodies_that_narrow_reach_nothing_of_other_tenants(twins: Twins, script: TestClient) -> None:
    ids, before = twins.ids_of(twins.foreign.actor), twins.rows_of(twins.foreign.actor)
    for operation in OPERATIONS:
        for name in operation.body_ids if operation.id in _NARROWED else ():
            for id in ids[table_of(name)][:_TRIED]:
                assert _ask(script, operation, {}, body={name: str(id)}).status_code == 200
    twins.line.work()
    assert twins.rows_of(twins.foreign.actor) == before
