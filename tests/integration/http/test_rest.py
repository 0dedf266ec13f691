"""The main job over REST alone: create an agent, connect accounts, read what was said, step in."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from app.http.api import create_http_app
from services.tenants import bootstrap
from tests.support.line import PLAYBOOK, Line


@pytest.fixture
def api(line: Line) -> Iterator[TestClient]:
    """A script with an owner's key, on the running line."""
    result = bootstrap(line.kernel, email="ana@example.com", tenant="Northwind")
    with TestClient(create_http_app(line.kernel), base_url=f"{line.address}/api/v1") as client:
        client.headers["Authorization"] = f"Bearer {result.api_key.reveal()}"
        yield client


def _new_agent(api: TestClient, name: str = "Bri") -> str:
    created = api.post("/agents", json={"name": name, "purpose": "Creator operations"})
    assert created.status_code == 201
    return created.json()["id"]


def _connect_twilio(api: TestClient, line: Line, agent_id: str) -> dict[str, str]:
    account = line.sandbox.identities.twilio
    values = {"account_sid": account.account_sid, "auth_token": account.auth_token}
    body = {"provider": "twilio", "scheme": "keys", "agent_id": agent_id, "values": values}
    answer = api.post("/connections", json=body)
    assert answer.status_code == 201, answer.text
    assert account.auth_token not in answer.text
    return answer.json()


def test_me_says_whose_key_it_is(api: TestClient) -> None:
    me = api.get("/me").json()
    assert (me["kind"], me["name"], me["role"], me["tenant"]["name"]) == ("api_key", "bootstrap", "owner", "Northwind")
    assert "agents.edit" in me["permissions"]


def test_agents_are_created_changed_paused_and_deleted(api: TestClient) -> None:
    agent_id = _new_agent(api)
    changed = api.patch(f"/agents/{agent_id}", json={"instructions": "Be brief."}).json()
    assert (changed["name"], changed["purpose"], changed["instructions"]) == ("Bri", "Creator operations", "Be brief.")
    assert api.patch(f"/agents/{agent_id}", json={}).json() == changed
    assert api.post(f"/agents/{agent_id}/pause").json()["status"] == "paused"
    assert api.post(f"/agents/{agent_id}/resume").json()["status"] == "active"
    entries = [{"question": draft.question, "answer": draft.answer} for draft in PLAYBOOK]
    saved = api.put(f"/agents/{agent_id}/playbook", json={"entries": entries}).json()
    assert api.get(f"/agents/{agent_id}/playbook").json() == saved
    assert [entry["question"] for entry in saved["items"]] == [draft.question for draft in PLAYBOOK]
    taken = api.post("/agents", json={"name": "Bri"})
    assert (taken.status_code, taken.json()["code"]) == (409, "name_taken")
    assert api.delete(f"/agents/{agent_id}").status_code == 204
    assert api.get(f"/agents/{agent_id}").status_code == 404


def test_lists_come_in_pages_without_gaps_or_repeats(api: TestClient) -> None:
    made = [_new_agent(api, f"Agent {number}") for number in range(5)]
    found: list[str] = []
    cursor, pages = "", 0
    while True:
        page = api.get("/agents", params={"limit": 2, "cursor": cursor}).json()
        found += [item["id"] for item in page["items"]]
        cursor, pages = page["next_cursor"], pages + 1
        if not cursor:
            break
    assert (found, pages) == (made, 3)


def test_connection_names_its_addresses_and_takes_messages(api: TestClient, line: Line) -> None:
    agent_id = _new_agent(api)
    entries = [{"question": draft.question, "answer": draft.answer} for draft in PLAYBOOK]
    api.put(f"/agents/{agent_id}/playbook", json={"entries": entries})
    connection = _connect_twilio(api, line, agent_id)
    path = f"/connections/{connection['id']}"
    urls = {item["kind"]: item["url"] for item in api.get(path).json()["webhook_urls"]}
    assert urls["sms"].startswith(f"{line.address}/api/ai-agents/webhooks/twilio/")
    assert api.post(f"{path}/test").json()["succeeded"] is True

    numbers = api.post(f"{path}/numbers/sync").json()["items"]
    assert api.get(f"{path}/numbers").json()["items"] == sorted(numbers, key=lambda item: item["id"])
    assigned = api.put(f"{path}/numbers/{numbers[0]['id']}", json={"agent_id": agent_id}).json()
    assert next(item for item in assigned["numbers"] if item["id"] == numbers[0]["id"])["agent_name"] == "Bri"

    for text in ("what are your opening hours", "when is the payout"):
        line.settle(*line.sandbox.sms(text, to=numbers[0]["number"]).event_ids)
    [conversation] = api.get("/conversations", params={"agent_id": agent_id}).json()["items"]
    assert (conversation["channel_label"], conversation["message_count"]) == ("SMS", 4)
    here = f"/conversations/{conversation['id']}"
    assert api.get(here).json() == conversation
    [found] = api.get("/conversations", params={"q": '"every friday" payout'}).json()["items"]
    said = found.pop("said")
    assert (found | {"said": None}, said["author"]) == (conversation, "Bri")
    assert "".join(part["text"] for part in said["excerpt"]) == "The payout goes out every Friday."
    assert api.get("/conversations", params={"q": "payout -friday refund"}).json()["items"] == []

    first = api.get(f"{here}/messages", params={"limit": 3}).json()
    rest = api.get(f"{here}/messages", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    messages = [*first["items"], *rest["items"]]
    assert [message["direction"] for message in messages] == ["outbound", "inbound"] * 2
    assert (messages[2]["text"], messages[2]["runner"]) == ("We are open from 9 to 17, Monday to Friday.", "playbook")
    assert rest["next_cursor"] == ""

    trace = api.get(f"/traces/{messages[0]['trace_id']}").json()
    assert trace["steps"][0]["title"] == "Received from Twilio"
    deliveries = api.get("/deliveries", params={"connection_id": connection["id"]}).json()["items"]
    inbound = next(item for item in deliveries if item["trace_id"] == messages[1]["trace_id"])
    assert api.get(f"/deliveries/{inbound['id']}").json()["state"] == "processed"

    assert api.post(f"{here}/take-over").json()["state"] == "human"
    assert api.post(f"{here}/give-back").json()["state"] == "agent"
    assert api.post(f"{here}/close").json()["state"] == "closed"

    ended = api.post(f"{path}/disconnect").json()["connection"]
    assert (ended["status"], ended["webhook_urls"], ended["credential_hints"]) == ("disconnected", [], [])
    assert api.get(here).status_code == 200


def test_refused_credential_says_so_and_saves_nothing(api: TestClient, line: Line) -> None:
    values = {"account_sid": line.sandbox.identities.twilio.account_sid, "auth_token": "0" * 32}
    answer = api.post("/connections", json={"provider": "twilio", "scheme": "keys", "values": values})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_auth")
    assert "0" * 32 not in answer.text
    assert api.get("/connections").json()["items"] == []


def test_missing_field_of_a_connection_is_named(api: TestClient) -> None:
    answer = api.post("/connections", json={"provider": "twilio", "scheme": "keys", "values": {}})
    assert answer.status_code == 422
    assert answer.json()["field"] == "account_sid"


def test_catalogue_says_how_to_connect(api: TestClient) -> None:
    cards = {card["slug"]: card for card in api.get("/providers").json()["items"]}
    assert cards["twilio"]["tier"] == "silver"
    assert cards["twilio"]["capabilities"] == ["actions", "channels", "messaging", "reconcile", "webhooks"]
    assert {"slack", "twilio"} <= set(cards)
    assert [field["name"] for field in cards["twilio"]["schemes"][0]["fields"]] == ["account_sid", "auth_token"]
