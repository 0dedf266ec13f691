"""Grants, the log of runs and decisions over REST."""

from starlette.testclient import TestClient

from app.http.api import create_http_app
from models import Role
from services.tenants import Actor, create_api_key
from tests.support.actions import add_waiting_run
from tests.support.line import CHANNEL, Line


def test_script_grants_reads_the_log_and_decides(line: Line) -> None:
    shop = line.open_shop("Northwind")
    line.settle(*line.sandbox.sms("what are your opening hours", to=shop.number).event_ids)
    run_id = add_waiting_run(line.kernel, shop)
    owner = Actor(tenant_id=shop.actor.tenant_id, kind="user", id=None, label="Ana", role=Role.OWNER)
    key = create_api_key(line.kernel, actor=owner, name="Script", role=Role.ADMIN).key.reveal()
    with TestClient(create_http_app(line.kernel), base_url=f"{line.kernel.settings.public_url}/api/v1") as api:
        api.headers["Authorization"] = f"Bearer {key}"
        offered = api.get(f"/agents/{shop.agent.id}/actions").json()["items"]
        assert {item["action"]: item["mode"] for item in offered} == {"post_message": "approval", "send_sms": ""}

        body = {"connection_id": str(shop.twilio.id), "action": "send_sms", "mode": "allowed"}
        granted = api.put(f"/agents/{shop.agent.id}/actions", json=body)
        assert (granted.status_code, granted.json()["mode"], granted.json()["granted_by"]) == (200, "allowed", "Script")
        taken = api.put(f"/agents/{shop.agent.id}/actions", json={**body, "mode": None})
        assert taken.json()["mode"] == ""
        wrong = api.put(f"/agents/{shop.agent.id}/actions", json={**body, "mode": "always"})
        assert (wrong.status_code, wrong.json()["field"]) == (422, "mode")
        unknown = api.put(f"/agents/{shop.agent.id}/actions", json={**body, "action": "rob_bank"})
        assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_action")

        params = {"agent_id": str(shop.agent.id), "state": "awaiting_approval"}
        [waiting] = api.get("/action-runs", params=params).json()["items"]
        assert (waiting["id"], waiting["description"]) == (str(run_id), f"Post to {CHANNEL}: “Mia is late.”")
        assert api.get("/action-runs", params={"state": "done"}).json()["field"] == "state"
        approved = api.post(f"/action-runs/{run_id}/approve", json={"note": "Fine."})
        assert (approved.status_code, approved.json()["state"]) == (200, "queued")
        again = api.post(f"/action-runs/{run_id}/reject", json={})
        assert (again.status_code, again.json()["code"]) == (409, "already_decided")
        line.work()
        done = api.get(f"/action-runs/{run_id}").json()
        assert (done["state"], done["said"], done["decided_by"]) == ("succeeded", f"Posted to {CHANNEL}.", "Script")
        assert len(line.sandbox.answers(service="slack", channel=CHANNEL)) == 1
        assert api.get("/action-runs", params={"state": "awaiting_approval"}).json()["items"] == []


def test_log_is_read_page_by_page(line: Line) -> None:
    shop = line.open_shop("Northwind")
    line.settle(*line.sandbox.sms("what are your opening hours", to=shop.number).event_ids)
    runs = [str(add_waiting_run(line.kernel, shop, words=str(number))) for number in range(5)]
    key = create_api_key(line.kernel, actor=shop.actor, name="Script", role=Role.VIEWER).key.reveal()
    with TestClient(create_http_app(line.kernel), base_url=f"{line.kernel.settings.public_url}/api/v1") as api:
        api.headers["Authorization"] = f"Bearer {key}"
        found: list[str] = []
        cursor = ""
        while True:
            page = api.get("/action-runs", params={"limit": 2, "cursor": cursor}).json()
            found += [item["id"] for item in page["items"]]
            cursor = page["next_cursor"]
            if not cursor:
                break
    assert found == runs[::-1]
