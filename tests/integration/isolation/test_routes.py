"""The routes beside REST (whose own test is tests/integration/http/test_rest_rights.py), with another tenant's ids."""

import itertools
import re
from collections.abc import Generator, Mapping, Sequence
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount
from starlette.testclient import TestClient

from app.http.api import create_http_app
from models import Role
from services.connections import create_app, delete_app
from services.provider_kit.registry import list_manifests
from tests.integration.isolation.conftest import cookie_of
from tests.integration.isolation.twins import Twins
from tests.integration.isolation.world import COUNTED_LATE, FOREIGN, table_of

WITHOUT_IDS = {
    *("/", "/healthz", "/readyz", "/metrics", "/login", "/login/", "/logout", "/setup", "/login/link/{token}"),
}
"""Take no id of a tenant's row, or a secret that is looked up by its hash."""
TRIED_BY_HAND = {
    "/api/admin/ai-agents/integrations/{provider}/apps",
    "/api/admin/ai-agents/integrations/{provider}/keys",
    "/api/admin/ai-agents/integrations/{provider}/oauth",
    "/api/admin/ai-agents/integrations/{provider}/oauth/callback",
    "/api/admin/ai-agents/{agent_id}/integrations/{provider}/oauth",
}
"""Take ids in their bodies or queries, or answer by sending the browser on: each has a test below."""
PARAMETER = re.compile(r"{(\w+)}")
PROVIDERS = [manifest.slug for manifest in list_manifests()]


@pytest.fixture(scope="module")
def browser(twins: Twins) -> Generator[TestClient]:
    """The owner's browser."""
    url = twins.line.kernel.settings.public_url
    with TestClient(create_http_app(twins.line.kernel), base_url=url, follow_redirects=False) as client:
        cookie = cookie_of(twins, twins.own.actor.tenant_id, Role.OWNER)
        client.headers.update({"cookie": cookie, "origin": url, "sec-fetch-site": "same-origin"})
        yield client


def routes_with_ids(twins: Twins) -> list[tuple[str, str]]:
    """Return method and path of all other routes."""
    found = [
        (method, str(route.path))
        for route in iter_route_contexts(create_http_app(twins.line.kernel).routes)
        if not isinstance(route.original_route, Mount)
        for method in sorted((route.methods or set[str]()) - {"HEAD"})
    ]
    assert {path for _, path in found} >= TRIED_BY_HAND
    return [(method, path) for method, path in found if path not in WITHOUT_IDS | TRIED_BY_HAND]


def addresses(path: str, ids: Mapping[str, Sequence[UUID]]) -> list[str]:
    """Return a route's addresses with each of a tenant's ids in it."""
    names = PARAMETER.findall(path)
    assert names, f"{path} names nothing: look at it by hand, and list it above"
    cycles = {name: itertools.cycle(ids[table_of(name)]) for name in names}
    count = max(len(ids[table_of(name)]) for name in names)
    return [PARAMETER.sub(lambda found: str(next(cycles[found[1]])), path) for _ in range(count)]


def test_foreign_things_are_not_there(twins: Twins, browser: TestClient) -> None:
    ids, before, calls = twins.ids_of(twins.foreign.actor), _state(twins), twins.line.sandbox.ledger().calls
    tried = [(method, address) for method, path in routes_with_ids(twins) for address in addresses(path, ids)]
    assert tried
    for method, address in tried:
        answer = browser.request(method, address)
        assert (answer.status_code, FOREIGN in answer.text) == (404, False), address
        assert browser.request(method, address, headers={"cookie": ""}).status_code == 401, address
    after = _state(twins)
    assert [name for name in after if after[name] != before[name]] == []
    assert twins.line.sandbox.ledger().calls == calls


def test_own_things_are(twins: Twins, browser: TestClient) -> None:
    """Without this the test above could not fail."""
    ids = twins.ids_of(twins.own.actor)
    for method, path in routes_with_ids(twins):
        if method == "GET":
            assert 200 in {browser.get(address).status_code for address in addresses(path, ids)}, path


@pytest.mark.parametrize("provider", PROVIDERS)
def test_foreign_agent_cannot_be_connected(twins: Twins, browser: TestClient, provider: str) -> None:
    before, calls = _state(twins), twins.line.sandbox.ledger().calls
    agent = str(twins.foreign.agent.id)
    base = f"/api/admin/ai-agents/integrations/{provider}"
    begun = browser.get(f"{base}/oauth", params={"agent_id": agent})
    begun_by_path = browser.get(f"/api/admin/ai-agents/{agent}/integrations/{provider}/oauth")
    keys = browser.post(f"{base}/keys", json={"scheme_id": "keys", "agent_id": agent, "values": {"bot_token": "x"}})
    values = {"bot_token": "x"}
    replaced = browser.post(f"{base}/keys", json={"connection_id": str(twins.foreign.slack.id), "values": values})
    assert replaced.status_code in {404, 422}
    for response in (begun, begun_by_path, keys, replaced):
        assert FOREIGN not in response.text and "Southwind" not in response.text
    assert keys.status_code in {404, 422}
    for begin in (begun, begun_by_path):
        assert begin.status_code == 404 or "refused=" in begin.headers["location"]
    assert (_state(twins), twins.line.sandbox.ledger().calls) == (before, calls)


def test_foreign_app_keeps_its_secrets(twins: Twins, browser: TestClient) -> None:
    kernel, owner = twins.line.kernel, twins.foreign.actor
    values = {"name": FOREIGN, "client_id": "1.2", "client_secret": "c" * 32, "signing_secret": "d" * 32}
    app = create_app(kernel, actor=owner, provider="slack", values=values)
    try:
        before = _state(twins)
        body = {"app_id": str(app.id), "values": {"client_secret": "e" * 32}}
        answer = browser.post("/api/admin/ai-agents/integrations/slack/apps", json=body)
        assert answer.status_code == 404 and FOREIGN not in answer.text
        assert _state(twins) == before
    finally:
        delete_app(kernel, actor=owner, app_id=app.id)


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
    return {name: own[name] + foreign[name] for name in own if name not in {"web_session", *COUNTED_LATE}}
