"""The life of a connection over REST alone: test, pause, rename, repair, count, disconnect, delete."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from app.http.api import create_http_app
from services.tenants import bootstrap
from tests.support.line import Line


@pytest.fixture
def api(line: Line) -> Iterator[TestClient]:
    """A script with an owner's key, on the running line."""
    result = bootstrap(line.kernel, email="ana@example.com", tenant="Northwind")
    with TestClient(create_http_app(line.kernel), base_url=f"{line.address}/api/v1") as client:
        client.headers["Authorization"] = f"Bearer {result.api_key.reveal()}"
        yield client


@pytest.fixture
def path(api: TestClient, line: Line) -> str:
    """Where a connection to Twilio is, whose first number an agent answers on."""
    agent_id = api.post("/agents", json={"name": "Bri"}).json()["id"]
    account = line.sandbox.identities.twilio
    values = {"account_sid": account.account_sid, "auth_token": account.auth_token}
    connection = api.post("/connections", json={"provider": "twilio", "scheme": "keys", "values": values}).json()
    path = f"/connections/{connection['id']}"
    number_id = connection["numbers"][0]["id"]
    assert api.put(f"{path}/numbers/{number_id}", json={"agent_id": agent_id}).status_code == 200
    return path


def test_a_connection_is_renamed_and_moved(api: TestClient, path: str) -> None:
    agent_id = api.post("/agents", json={"name": "Ana"}).json()["id"]
    moved = api.patch(path, json={"name": "Front desk", "agent_id": agent_id}).json()
    assert (moved["name"], moved["agent_name"], moved["used_by"]["agents"]) == ("Front desk", "Ana", ["Ana", "Bri"])
    named = api.patch(path, json={"name": ""}).json()
    assert (named["name"], named["agent_name"]) == (named["external_account_name"], "Ana")
    assert api.patch(path, json={"agent_id": None}).json()["agent_id"] is None
    for body, field in (
        ({"name": "x" * 81}, "name"),
        ({"status": "active"}, "status"),
        ({"agent_id": "x"}, "agent_id"),
    ):
        refused = api.patch(path, json=body)
        assert (refused.status_code, refused.json()["field"]) == (422, field)


def test_tests_are_rationed_and_the_answer_says_how_long(api: TestClient, path: str) -> None:
    assert api.post(f"{path}/test").json()["cause"] == "none"
    refused = api.post(f"{path}/test")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_tests")
    assert 1 <= int(refused.headers["retry-after"]) <= 5


def test_a_pause_has_a_beginning_and_an_end(api: TestClient, path: str) -> None:
    assert api.post(f"{path}/pause").json()["status"] == "paused"
    assert [item["id"] for item in api.get("/connections", params={"state": "paused"}).json()["items"]] == [path[13:]]
    assert api.post(f"{path}/resume").json()["status"] == "active"
    assert api.get("/connections", params={"state": "paused"}).json()["items"] == []
    assert api.get("/connections", params={"state": "broken"}).json()["field"] == "state"
    first = api.get(f"{path}/transitions", params={"limit": 2}).json()
    rest = api.get(f"{path}/transitions", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    found = [(item["from_status"], item["to_status"]) for item in [*first["items"], *rest["items"]]]
    assert found == [("paused", "active"), ("active", "paused"), ("pending", "active")]
    assert (rest["next_cursor"], rest["items"][0]["actor_kind"]) == ("", "api_key")


def test_keys_are_replaced_for_the_same_account_only(api: TestClient, line: Line, path: str) -> None:
    plan = api.post(f"{path}/reconnect").json()
    assert (plan["kind"], [field["name"] for field in plan["fields"]]) == ("keys", ["account_sid", "auth_token"])
    token = line.sandbox.identities.twilio.auth_token
    assert api.put(f"{path}/keys", json={"values": {"auth_token": token}}).json()["status"] == "active"
    other = line.sandbox.identities.other_twilio
    wrong = {"account_sid": other.account_sid, "auth_token": other.auth_token}
    refused = api.put(f"{path}/keys", json={"values": wrong})
    assert (refused.status_code, refused.json()["code"]) == (422, "wrong_account")
    assert other.auth_token not in refused.text


def test_a_disconnect_is_counted_carried_out_and_taken_back(api: TestClient, line: Line, path: str) -> None:
    number = api.get(path).json()["numbers"][0]["number"]
    line.settle(*line.sandbox.sms("hello", to=number).event_ids)
    preview = api.get(f"{path}/disconnect-preview").json()
    assert (preview["agents"], preview["numbers"], preview["conversations"]) == (["Bri"], [number], 1)
    assert preview["sentences"][:2] == ["Bri stops answering here.", "1 number falls silent."]
    done = api.post(f"{path}/disconnect", json={"keep_history": True}).json()
    assert done["connection"]["status"] == "disconnected"
    assert done["revocation"]["done"] is False
    assert "stay valid at Twilio" in done["revocation"]["said"]
    assert len(api.get("/conversations").json()["items"]) == 1
    token = line.sandbox.identities.twilio.auth_token
    assert api.put(f"{path}/keys", json={"values": {"auth_token": token}}).json()["status"] == "active"
    assert api.post(f"{path}/disconnect", json={"keep_history": False}).status_code == 200
    assert api.get("/conversations").json()["items"] == []


def test_a_deleted_connection_is_not_there(api: TestClient, path: str) -> None:
    gone = api.delete(path)
    assert (gone.status_code, gone.json()["revocation"]["done"]) == (200, False)
    assert api.get(path).status_code == api.delete(path).status_code == 404
    assert api.get("/connections").json()["items"] == []


def test_another_tenants_agent_gets_no_connection(api: TestClient, line: Line, path: str) -> None:
    other = line.open_shop("Harbor", is_second=True)
    assert api.patch(path, json={"agent_id": str(other.agent.id)}).status_code == 404
