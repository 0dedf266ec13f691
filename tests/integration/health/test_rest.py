"""Health over REST: the same as the pages see."""

from starlette.testclient import TestClient

from app.http.api import create_http_app
from services.tenants import create_api_key
from tests.integration.health.ward import Ward
from tests.support.line import CHANNEL


def test_a_script_sees_what_needs_a_person_and_sets_who_is_told(ward: Ward) -> None:
    ward.break_phone()
    key = create_api_key(ward.line.kernel, actor=ward.shop.actor, name="Test", role=ward.shop.actor.role).key.reveal()
    twilio, slack = ward.shop.twilio.id, ward.shop.slack.id
    url = f"{ward.line.kernel.settings.public_url}/api/v1"
    with TestClient(create_http_app(ward.line.kernel), base_url=url, headers={"Authorization": f"Bearer {key}"}) as api:
        [finding] = api.get("/health").json()["items"]
        assert finding.items() >= {"code": "needs_reauth", "severity": "error", "connection_id": str(twilio)}.items()
        assert finding["repair"] == {
            "label": "Connect again",
            "act": "reconnect",
            "address": f"/admin/integrations?connection={twilio}&act=reconnect",
        }
        assert api.get(f"/connections/{twilio}/health").json()["items"] == [finding]
        assert api.get(f"/connections/{slack}/health").json()["items"] == []
        summary = api.get("/health/summary").json()
        assert summary.items() >= {"connections": 2, "healthy": 1, "errors": 1, "warnings": 0}.items()

        body = {"connection_id": str(slack), "channel_id": CHANNEL, "label": "#ops"}
        made = api.post("/notice-targets", json=body)
        assert made.status_code == 201
        assert api.post("/notice-targets", json=body).json()["code"] == "target_exists"
        assert api.post("/notice-targets", json={**body, "channel_id": "two words"}).json()["field"] == "channel_id"
        target = made.json()
        assert api.get("/notice-targets").json()["items"] == [target]
        assert api.post(f"/notice-targets/{target['id']}/test").json() == {"sent": True, "message": "Sent to #ops."}
        again = api.post(f"/notice-targets/{target['id']}/test")
        assert (again.status_code, again.json()["code"]) == (429, "too_many_tries")
        assert api.delete(f"/notice-targets/{target['id']}").status_code == 204
        assert api.delete(f"/notice-targets/{target['id']}").status_code == 404
        assert api.get("/notice-targets").json()["items"] == []
