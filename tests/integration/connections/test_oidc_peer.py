"""The whole life of an OAuth connection against ``oidc-provider-mock`` from PyPI, a server that nobody here wrote."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from starlette.testclient import TestClient

from app.http.api import create_http_app
from services import connections
from services.connections import ConnectionView
from services.connections.clients import open_secrets
from services.connections.reading import get_row
from services.kernel.errors import NeedsReauth
from services.kernel.http import OutboundClient, OutboundResponse
from services.kernel.kernel import Kernel
from services.kernel.settings import ProviderApp, Settings
from tests.integration.connections.scene import PUBLIC_URL, Browser, audit_actions, count_rows, new_agent, new_tenant
from tests.support.clock import FakeClock
from tests.support.peers.oidc import SLUG, Peer, running_peer

BEGIN = f"/api/admin/ai-agents/integrations/{SLUG}/oauth"
LIFETIME = timedelta(hours=1)


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    """The server."""
    with running_peer() as found:
        yield found


@pytest.fixture
def settings(settings: Settings, peer: Peer) -> Settings:
    """The test's settings, with the peer's addresses and an app there."""
    apps = {SLUG: ProviderApp.model_validate({"client_id": "patchbay", "client_secret": "s&cret =%"})}
    return settings.model_copy(update={"provider_urls": peer.urls(), "provider_apps": apps, "public_url": PUBLIC_URL})


@dataclass(slots=True)
class CountingClient(OutboundClient):
    """Counts the calls per path."""

    calls: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        """Set the client up."""
        OutboundClient.__init__(self, allow_loopback=True)

    def request(self, method: str, url: str, **options: Any) -> OutboundResponse:
        """Count, then call."""
        self.calls.append(urlsplit(url).path)
        return OutboundClient.request(self, method, url, **options)


@dataclass(frozen=True, slots=True)
class Life:
    """One tenant's way through the peer."""

    kernel: Kernel
    web: TestClient
    peer: Peer
    clock: FakeClock
    owner: Browser
    agent_id: UUID

    def begin(self, **query: str) -> str:
        """Start, and return the consent page."""
        answer = self.web.get(BEGIN, params={"agent_id": str(self.agent_id)} | query, headers=self.owner.headers)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def come_back(self, location: str) -> dict[str, list[str]]:
        """Follow the peer's redirect, and return what the page is told."""
        parts = urlsplit(location)
        assert f"{parts.scheme}://{parts.netloc}" == PUBLIC_URL
        answer = self.web.get(f"{parts.path}?{parts.query}", headers=self.owner.headers)
        return parse_qs(urlsplit(answer.headers["location"]).query)

    def connect(self, **query: str) -> ConnectionView:
        """Connect as alice."""
        told = self.come_back(self.peer.consent(self.begin(**query)))
        return connections.get_connection(self.kernel, actor=self.owner.actor, connection_id=UUID(told["connected"][0]))

    def view(self, connection_id: UUID) -> ConnectionView:
        """Return a connection as it is now."""
        return connections.get_connection(self.kernel, actor=self.owner.actor, connection_id=connection_id)

    def fresh(self, connection_id: UUID, kernel: Kernel | None = None) -> dict[str, str]:
        """Return its secrets, renewed if they are about to end."""
        secrets = connections.fresh_secrets(
            kernel or self.kernel, tenant_id=self.owner.actor.tenant_id, connection_id=connection_id
        )
        return {name: secret.reveal() for name, secret in secrets.items()}

    def stored(self, connection_id: UUID) -> dict[str, str]:
        """Return its secrets as they are stored."""
        with self.kernel.unit_of_work(self.owner.actor.tenant_id) as work:
            secrets = open_secrets(self.kernel, work, get_row(work, connection_id))
        return {name: secret.reveal() for name, secret in secrets.items()}

    def works(self, connection_id: UUID) -> bool:
        """Return whether the stored token proves itself; the clock moves on, as tests are rationed."""
        self.clock.advance(timedelta(seconds=6))
        return connections.test_connection(self.kernel, actor=self.owner.actor, connection_id=connection_id).succeeded


@pytest.fixture
def life(kernel: Kernel, peer: Peer, clock: FakeClock) -> Iterator[Life]:
    """A tenant with an agent, and the product's routes."""
    owner = new_tenant(kernel, "northwind")
    with TestClient(create_http_app(kernel), base_url=PUBLIC_URL, follow_redirects=False) as web:
        yield Life(kernel, web, peer, clock, owner, new_agent(kernel, owner.actor))


def test_consent_with_pkce_ends_in_a_connection(life: Life) -> None:
    consent_url = life.begin()
    query = parse_qs(urlsplit(consent_url).query)
    assert query["code_challenge_method"] == ["S256"] and len(query["code_challenge"][0]) == 43

    told = life.come_back(life.peer.consent(consent_url))
    view = life.view(UUID(told["connected"][0]))
    assert (view.status, view.external_account_id, view.scopes) == ("active", "alice", ("openid",))
    assert view.token_expires_at == life.clock.now() + LIFETIME
    assert set(life.stored(view.id)) == {"access_token", "refresh_token"}
    assert life.works(view.id)


def test_a_denial_without_a_state_is_understood_and_stores_nothing(life: Life) -> None:
    back = life.peer.deny(life.begin())
    assert "state" not in parse_qs(urlsplit(back).query)  # the peer's own oversight

    assert life.come_back(back)["refused"] == ["cancelled"]
    assert count_rows(life.kernel, "connection") == count_rows(life.kernel, "credential") == 0
    assert audit_actions(life.kernel, life.owner.actor) == ["connection.oauth_refused"]


def test_a_code_is_good_for_one_walk(life: Life) -> None:
    back = life.peer.consent(life.begin())
    assert "connected" in life.come_back(back)
    assert life.come_back(back)["refused"] == ["used"]

    [code] = parse_qs(urlsplit(back).query)["code"]
    [state] = parse_qs(urlsplit(life.begin()).query)["state"]
    assert life.come_back(f"{PUBLIC_URL}{BEGIN}/callback?state={state}&code={code}")["refused"] == ["exchange_refused"]


def test_an_issuer_must_be_the_peer_itself(life: Life) -> None:
    back = life.peer.consent(life.begin())
    assert life.come_back(f"{back}&iss=https%3A%2F%2Fevil.example")["refused"] == ["wrong_issuer"]
    back = life.peer.consent(life.begin())
    assert "connected" in life.come_back(f"{back}&iss={life.peer.base_url}")


def test_twenty_workers_renew_once_and_keep_the_refresh_token_that_stays(life: Life) -> None:
    view = life.connect()
    before = life.stored(view.id)
    life.clock.advance(LIFETIME)
    counting = CountingClient()
    kernel = replace(life.kernel, http=counting)
    with ThreadPoolExecutor(20) as pool:
        answers = [running.result() for running in [pool.submit(life.fresh, view.id, kernel) for _ in range(20)]]

    after = life.stored(view.id)
    assert counting.calls == ["/oauth2/token"]
    assert all(answer == after for answer in answers)
    assert after["access_token"] != before["access_token"]
    assert after["refresh_token"] == before["refresh_token"]  # the peer does not rotate: RFC 6749 §6
    assert life.works(view.id)


def test_from_the_first_consent_to_the_last_secret(life: Life) -> None:
    view = life.connect()
    assert life.works(view.id)

    life.peer.revoke("alice")
    assert not life.works(view.id)
    assert life.view(view.id).status == "needs_reauth"

    told = life.come_back(life.peer.consent(life.begin(connection_id=str(view.id)), subject="bob"))
    assert told["refused"] == ["wrong_account"]
    message = connections.describe_refusal(life.kernel, actor=life.owner.actor, attempt_id=UUID(told["attempt"][0]))
    assert "“alice”" in message and "“bob”" in message

    assert life.connect(connection_id=str(view.id)).id == view.id
    assert life.view(view.id).status == "active" and life.works(view.id)

    connections.pause(life.kernel, actor=life.owner.actor, connection_id=view.id)
    life.clock.advance(LIFETIME)
    old = life.stored(view.id)
    assert life.fresh(view.id) != old  # a paused connection keeps its access
    connections.resume(life.kernel, actor=life.owner.actor, connection_id=view.id)

    connections.disconnect(life.kernel, actor=life.owner.actor, connection_id=view.id)
    assert life.view(view.id).status == "disconnected"
    assert life.stored(view.id) == {}


def test_a_grant_that_was_taken_back_needs_a_person_at_the_first_answer(life: Life) -> None:
    view = life.connect()
    life.peer.revoke("alice")
    life.clock.advance(LIFETIME)
    with pytest.raises(NeedsReauth):
        life.fresh(view.id)
    assert life.view(view.id).status == "needs_reauth"
    assert "Connect again" in life.view(view.id).last_error
