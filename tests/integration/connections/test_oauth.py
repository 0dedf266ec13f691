"""Connecting by consent, through the real routes and the sandbox's consent page."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from app.http.api import create_http_app
from models import Connection, ConnectionStatus
from services import connections
from services.kernel.kernel import Kernel
from tests.integration.connections.scene import PUBLIC_URL, audit_actions, count_rows, dump_database
from tests.integration.connections.walk import BEGIN, CALLBACK, CANARY, Walk, attempt_outcomes, start_walk
from tests.support.clock import FakeClock
from tests.support.sandbox import SandboxClient


@pytest.fixture
def web(kernel: Kernel) -> Iterator[TestClient]:
    """The product's plain HTTP routes."""
    with TestClient(create_http_app(kernel), base_url=PUBLIC_URL, follow_redirects=False) as client:
        yield client


@pytest.fixture
def walk(kernel: Kernel, web: TestClient, sandbox: SandboxClient, clock: FakeClock) -> Walk:
    """A walk whose consent was given."""
    return start_walk(kernel, web, sandbox, clock)


def test_consent_ends_in_a_connection(walk: Walk) -> None:
    answer = walk.come_back()
    [view] = connections.list_connections(walk.kernel, actor=walk.owner.actor)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/admin/ai-team/{walk.agent_id}/integrations/?connected={view.id}"
    assert (view.status, view.auth_scheme, view.uses_operator_app) == ("active", "oauth", True)
    assert (view.external_account_name, view.agent_id) == ("Northwind Creators", walk.agent_id)
    assert view.settings["bot_user_id"]
    assert "chat:write" in view.scopes
    assert [address.url for address in view.webhook_urls] == [f"{PUBLIC_URL}/api/ai-agents/webhooks/slack/events"]
    assert view.last_check is not None
    assert view.last_check.summary.startswith("Signed in as @")
    assert audit_actions(walk.kernel, walk.owner.actor) == ["connection.created"]
    with walk.kernel.unit_of_work(walk.owner.actor.tenant_id) as work:
        row = work.session.get(Connection, {"tenant_id": walk.owner.actor.tenant_id, "id": view.id})
        assert row is not None
        secrets = connections.webhook_secrets(walk.kernel, work, row)
    assert {name: secret.reveal() for name, secret in secrets.items()} == {
        "signing_secret": walk.sandbox.identities.slack_app.signing_secret
    }
    assert connections.test_connection(walk.kernel, actor=walk.owner.actor, connection_id=view.id).succeeded
    assert attempt_outcomes(walk.kernel) == ["connected"]


def test_answers_are_never_kept_or_told_to_the_next_page(walk: Walk) -> None:
    begun = walk.web.get(BEGIN, params={"agent_id": str(walk.agent_id)}, headers=walk.owner.headers)
    for answer in (begun, walk.come_back(), walk.come_back("state=x")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.content == b""


def test_state_code_and_token_are_stored_nowhere(walk: Walk) -> None:
    walk.come_back()
    [view] = connections.list_connections(walk.kernel, actor=walk.owner.actor)
    with walk.kernel.unit_of_work(walk.owner.actor.tenant_id) as work:
        row = work.session.get(Connection, {"tenant_id": walk.owner.actor.tenant_id, "id": view.id})
        assert row is not None
        token = connections.provider_context(walk.kernel, work, row).secrets["bot_token"]
    database = dump_database(walk.kernel)
    for value in (walk.state, walk.code, token.reveal()):
        assert value.encode() not in database


def test_the_return_address_comes_from_the_settings(walk: Walk) -> None:
    forged = {"host": "evil.example", "x-forwarded-host": "evil.example", "forwarded": "host=evil.example;proto=http"}
    answer = walk.web.get(
        BEGIN,
        params={"agent_id": str(walk.agent_id), "redirect_uri": "https://evil.example", "state": CANARY},
        headers={**walk.owner.headers, **forged},
    )
    sent = parse_qs(urlsplit(answer.headers["location"]).query)
    assert sent["redirect_uri"] == [PUBLIC_URL + CALLBACK]
    assert "evil.example" not in answer.headers["location"]
    assert CANARY not in answer.headers["location"]
    assert len(sent["state"][0]) == 43
    assert sent["scope"] == [",".join(scope.name for scope in _slack_card(walk).scopes)]


def test_every_walk_has_a_state_of_its_own(walk: Walk) -> None:
    seen = {
        connections.begin_oauth(walk.kernel, actor=walk.owner.actor, provider="slack", agent_id=None) for _ in range(5)
    }
    assert len(seen) == 5


def test_two_callbacks_at_once_connect_once(walk: Walk) -> None:
    with ThreadPoolExecutor(2) as pool:
        answers = [running.result() for running in [pool.submit(walk.come_back) for _ in range(2)]]
    results = sorted(next(iter(parse_qs(urlsplit(answer.headers["location"]).query))) for answer in answers)
    assert results == ["connected", "refused"]
    assert count_rows(walk.kernel, "connection") == count_rows(walk.kernel, "credential") == 1
    assert attempt_outcomes(walk.kernel) == ["connected"]


def test_a_callback_cannot_be_replayed(walk: Walk) -> None:
    walk.come_back()
    before = _credentials(walk.kernel)
    answer = walk.come_back()
    assert answer.headers["location"].endswith("?refused=used&provider=slack")
    assert _credentials(walk.kernel) == before
    assert attempt_outcomes(walk.kernel) == ["connected"]
    assert audit_actions(walk.kernel, walk.owner.actor) == ["connection.created", "connection.oauth_refused"]


def test_an_account_that_is_connected_stays_as_it_is(walk: Walk) -> None:
    walk.come_back()
    before = _credentials(walk.kernel)
    again = walk.web.get(BEGIN, params={"agent_id": str(walk.agent_id)}, headers=walk.owner.headers)
    walk.back_url = walk.sandbox.consent(again.headers["location"])
    answer = walk.come_back()
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert query["refused"] == ["already_connected"]
    message = connections.describe_refusal(walk.kernel, actor=walk.owner.actor, attempt_id=UUID(query["attempt"][0]))
    assert "“Northwind Creators” is already connected for “Bri”" in message
    assert (
        connections.describe_refusal(walk.kernel, actor=walk.stranger.actor, attempt_id=UUID(query["attempt"][0])) == ""
    )
    assert _credentials(walk.kernel) == before
    assert audit_actions(walk.kernel, walk.owner.actor)[1:] == ["connection.oauth_refused"]


def test_consent_repairs_a_connection_under_its_id(walk: Walk) -> None:
    walk.come_back()
    [view] = connections.list_connections(walk.kernel, actor=walk.owner.actor)
    with walk.kernel.unit_of_work(walk.owner.actor.tenant_id) as work:
        row = work.session.get(Connection, {"tenant_id": walk.owner.actor.tenant_id, "id": view.id})
        assert row is not None
        row.status = ConnectionStatus.NEEDS_REAUTH
    again = walk.web.get(BEGIN, params={"agent_id": str(walk.agent_id)}, headers=walk.owner.headers)
    walk.back_url = walk.sandbox.consent(again.headers["location"])
    assert walk.come_back().headers["location"].endswith(f"?connected={view.id}")
    assert connections.get_connection(walk.kernel, actor=walk.owner.actor, connection_id=view.id).status == "active"


def _slack_card(walk: Walk) -> connections.ProviderCardView:
    cards = connections.available_providers(walk.kernel, actor=walk.owner.actor)
    return next(card for card in cards if card.slug == "slack")


def _credentials(kernel: Kernel) -> list[tuple[object, ...]]:
    with kernel.unscoped_session("test looks at everything") as session:
        rows = session.connection().execute(text("SELECT id, name, sealed FROM credential ORDER BY id"))
        return [tuple(row) for row in rows]
