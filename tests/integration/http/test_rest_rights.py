"""Who may call what: keys, roles and tenants, generated over everything the API describes."""

import re
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount
from starlette.testclient import TestClient

from app.http.api import create_http_app
from models import Role
from services.connections import create_app
from services.conversations import get_thread, list_conversations
from services.health import add_notice_target
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.tenants import PERMISSIONS, Actor, bootstrap, create_api_key
from services.tenants.sessions import sign_in_with_link
from services.webhooks import list_deliveries
from tests.integration.http.surface import Operation, operations
from tests.support.line import Line, Shop

OPERATIONS = operations()
BODIES: dict[str, object] = {
    "create_agent": {"name": "Mia"},
    "update_agent": {"purpose": "Support"},
    "replace_playbook": {"entries": [{"question": "Hours?", "answer": "9 to 17."}]},
    "create_connection": {"provider": "slack", "scheme": "keys", "values": {}},
    "update_connection": {"name": "Front desk"},
    "replace_keys": {"values": {}},
    "assign_number": {"agent_id": None},
    "create_app": {"provider": "slack", "values": {}},
    "update_app": {"values": {}},
    "create_notice_target": {"connection_id": str(new_id()), "channel_id": "C0CREATOR01"},
}
OPEN_ROUTES = {
    "/healthz",
    "/readyz",
    "/login",
    "/login/",
    "/login/link/{token}",
    "/logout",
    "/setup",
    # These look at the cookie themselves: a browser that is not signed in is sent to sign in.
    "/api/admin/ai-agents/integrations/{provider}/oauth",
    "/api/admin/ai-agents/integrations/{provider}/oauth/callback",
    "/api/admin/ai-agents/integrations/{provider}/keys",
    "/api/admin/ai-agents/integrations/{provider}/apps",
    "/api/v1/openapi.json",
}


def _call(api: TestClient, operation: Operation, ids: dict[str, UUID], key: str) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    answer = api.request(operation.method, operation.address(ids), json=BODIES.get(operation.id), headers=headers)
    return answer.status_code, answer.text


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
    found: set[str] = set()
    for route in iter_route_contexts(create_http_app(kernel).routes):
        mounted = route.original_route
        if isinstance(mounted, Mount):
            assert isinstance(mounted.app, FastAPI)
            found |= {f"{mounted.path}{inner.path}" for inner in iter_route_contexts(mounted.app.routes)}
        else:
            found.add(str(route.path))
    assert found == OPEN_ROUTES | {f"/api/v1{operation.path}" for operation in OPERATIONS}


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


def _ids_of(line: Line, shop: Shop) -> dict[str, UUID]:
    [conversation] = list_conversations(line.kernel, actor=shop.actor).items
    thread = get_thread(line.kernel, actor=shop.actor, conversation_id=conversation.id)
    [delivery] = list_deliveries(line.kernel, actor=shop.actor, connection_id=shop.twilio.id).items[-1:]
    target = add_notice_target(line.kernel, actor=shop.actor, connection_id=shop.slack.id, channel_id="C0CREATOR01")
    app = create_app(line.kernel, actor=shop.actor, provider="slack", values=_app_keys())
    return {
        "agent_id": shop.agent.id,
        "app_id": app.id,
        "target_id": target.id,
        "connection_id": shop.twilio.id,
        "number_id": shop.twilio.numbers[0].id,
        "conversation_id": conversation.id,
        "delivery_id": delivery.id,
        "trace_id": thread.messages[0].trace_id,
    }


def _everything(api: TestClient, key: str) -> list[object]:
    """Return all lists but the deliveries, which go on arriving: providers confirm what they delivered."""
    return [
        api.get(operation.path, headers={"Authorization": f"Bearer {key}"}).json()
        for operation in OPERATIONS
        if operation.method == "get" and not operation.id_names and operation.id != "list_deliveries"
    ]


def test_other_tenants_things_do_not_exist(line: Line) -> None:
    own, other = line.open_shop("Northwind"), line.open_shop("Harbor", is_second=True)
    for shop in (own, other):
        line.settle(*line.sandbox.sms("what are your opening hours", to=shop.number).event_ids)
    own_ids, other_ids = _ids_of(line, own), _ids_of(line, other)
    owner = Actor(tenant_id=own.actor.tenant_id, kind="user", id=None, label="Ana", role=Role.OWNER)
    key = create_api_key(line.kernel, actor=owner, name="Test", role=Role.OWNER).key.reveal()
    stranger = Actor(tenant_id=other.actor.tenant_id, kind="user", id=None, label="Ben", role=Role.OWNER)
    other_key = create_api_key(line.kernel, actor=stranger, name="Test", role=Role.OWNER).key.reveal()

    with TestClient(create_http_app(line.kernel), base_url=f"{line.kernel.settings.public_url}/api/v1") as api:
        before, calls = _everything(api, other_key), line.sandbox.ledger().calls
        with_ids = [operation for operation in OPERATIONS if operation.id_names]
        assert len(with_ids) >= 18
        for operation in with_ids:
            for foreign in operation.id_names:
                ids = {**own_ids, foreign: other_ids[foreign]}
                assert _call(api, operation, ids, key)[0] == 404, (operation.id, foreign)
            assert _call(api, operation, other_ids, key)[0] == 404, operation.id
        headers = {"Authorization": f"Bearer {key}"}
        for operation in OPERATIONS:
            for name in operation.query_ids:
                found = api.get(operation.path, params={name: str(other_ids[name])}, headers=headers)
                if operation.id == "list_providers":
                    assert all(card["connection_count"] == 0 for card in found.json()["items"])
                else:
                    assert found.json()["items"] == [], (operation.id, name)
        bodies = {
            "/connections": ("post", {**_slack_keys(), "agent_id": str(other_ids["agent_id"])}),
            f"/connections/{own_ids['connection_id']}/numbers/{own_ids['number_id']}": (
                "put",
                {"agent_id": str(other_ids["agent_id"])},
            ),
            "/notice-targets": (
                "post",
                {"connection_id": str(other_ids["connection_id"]), "channel_id": "C0CREATOR01"},
            ),
        }
        for path, (method, body) in bodies.items():
            assert api.request(method, path, json=body, headers=headers).status_code == 404, path
        assert _everything(api, other_key) == before
        assert line.sandbox.ledger().calls == calls


def _app_keys() -> dict[str, object]:
    return {"name": "Ours", "client_id": "1.2", "client_secret": "s" * 32, "signing_secret": "a" * 32}


def _slack_keys() -> dict[str, object]:
    return {"provider": "slack", "scheme": "keys", "values": {"bot_token": "xoxb-1-2-abc", "signing_secret": "a" * 32}}
