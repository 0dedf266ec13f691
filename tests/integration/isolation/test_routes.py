"""The routes beside REST (whose own test is tests/integration/http/test_rest_rights.py), with another tenant's ids."""

from collections.abc import Generator
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount
from starlette.testclient import TestClient

from app.http.api import create_http_app
from models import Role
from services.provider_kit.registry import list_manifests
from tests.integration.isolation.conftest import Twins, cookie_of
from tests.integration.isolation.world import FOREIGN

WITHOUT_IDS = {
    *("/", "/healthz", "/readyz", "/metrics", "/login", "/login/", "/logout", "/setup", "/login/link/{token}"),
    "/api/admin/ai-agents/integrations/{provider}/apps",
}
"""Take no id of a tenant's row, or a secret that is looked up by its hash."""
WITH_IDS = {
    "/api/admin/ai-agents/integrations/{provider}/keys",
    "/api/admin/ai-agents/integrations/{provider}/oauth",
    "/api/admin/ai-agents/integrations/{provider}/oauth/callback",
}
PROVIDERS = [manifest.slug for manifest in list_manifests()]


@pytest.fixture(scope="module")
def browser(twins: Twins) -> Generator[TestClient]:
    """The owner's browser."""
    url = twins.line.kernel.settings.public_url
    with TestClient(create_http_app(twins.line.kernel), base_url=url, follow_redirects=False) as client:
        cookie = cookie_of(twins, twins.own.actor.tenant_id, Role.OWNER)
        client.headers.update({"cookie": cookie, "origin": url, "sec-fetch-site": "same-origin"})
        yield client


def test_every_route_is_looked_at(twins: Twins) -> None:
    app = create_http_app(twins.line.kernel)
    found = {
        str(route.path) for route in iter_route_contexts(app.routes) if not isinstance(route.original_route, Mount)
    }
    assert found - WITHOUT_IDS == WITH_IDS


@pytest.mark.parametrize("provider", PROVIDERS)
def test_foreign_agent_cannot_be_connected(twins: Twins, browser: TestClient, provider: str) -> None:
    before, calls = _state(twins), twins.line.sandbox.ledger().calls
    agent = str(twins.foreign.agent.id)
    base = f"/api/admin/ai-agents/integrations/{provider}"
    begun = browser.get(f"{base}/oauth", params={"agent_id": agent})
    keys = browser.post(f"{base}/keys", json={"scheme_id": "keys", "agent_id": agent, "values": {"bot_token": "x"}})
    values = {"bot_token": "x"}
    replaced = browser.post(f"{base}/keys", json={"connection_id": str(twins.foreign.slack.id), "values": values})
    assert replaced.status_code in {404, 422}
    for response in (begun, keys, replaced):
        assert FOREIGN not in response.text and "Southwind" not in response.text
    assert keys.status_code in {404, 422}
    assert begun.status_code == 404 or "refused=" in begun.headers["location"]
    assert (_state(twins), twins.line.sandbox.ledger().calls) == (before, calls)


def test_foreign_walk_to_a_consent_page_cannot_be_finished(twins: Twins, browser: TestClient) -> None:
    """Whoever sends a victim back with his own state does not connect his account to the victim's tenant."""
    base = "/api/admin/ai-agents/integrations/slack/oauth"
    foreign_cookie = cookie_of(twins, twins.foreign.actor.tenant_id, Role.OWNER)
    begun = browser.get(base, params={"agent_id": str(twins.foreign.agent.id)}, headers={"cookie": foreign_cookie})
    back = twins.line.sandbox.consent(begun.headers["location"], team="T0HARBOR001")
    query = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
    before = _state(twins)
    response = browser.get(f"{base}/callback", params=query)
    assert "connected=" not in response.headers.get("location", "")
    assert str(twins.foreign.agent.id) not in response.headers.get("location", "")
    after = _state(twins)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"oauth_attempt", "audit_entry"}  # used up, and written down
    [entry] = set(after["audit_entry"]) - set(before["audit_entry"])
    assert "connection.oauth_refused" in entry and "other_tenant" in entry


def _state(twins: Twins) -> dict[str, list[str]]:
    own, foreign = twins.rows_of(twins.own.actor), twins.rows_of(twins.foreign.actor)
    return {name: own[name] + foreign[name] for name in own if name != "web_session"}
