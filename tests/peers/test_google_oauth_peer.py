"""Another Google than ours agrees: it lets us in by OAuth, renews what it gave, and keeps the meetings we book."""

import secrets
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from app.http.api import create_http_app
from services import connections
from services.agents import AgentForm, create_agent
from services.connections.reading import get_row
from services.kernel.kernel import Kernel
from services.kernel.settings import ProviderApp, Settings
from services.provider_kit.contract import ActionContext
from services.providers.google_calendar import actions, calendar
from services.providers.google_calendar.actions import CreateEvent
from services.providers.google_calendar.client import GoogleClient
from tests.integration.connections.scene import Browser, new_tenant
from tests.peers.emulate import running_services
from tests.support.kernels import build_kernel

BEGIN = "/api/admin/ai-agents/integrations/google-calendar/oauth"
EMAIL = "bri@northwind.example"


class _Accounts(HTMLParser):
    """The choice of accounts: what each button sends."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[dict[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append({"": values["action"]})
        elif tag == "input" and self.forms:
            self.forms[-1][values["name"]] = values["value"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A tenant on a product whose Google the peer plays."""

    kernel: Kernel
    web: TestClient
    owner: Browser
    agent_id: UUID
    peer: str

    def connect(self) -> dict[str, list[str]]:
        """Walk to the peer and back, as Bri."""
        sent = self.web.get(BEGIN, params={"agent_id": str(self.agent_id)}, headers=self.owner.headers)
        assert sent.status_code == 303, sent.text
        page = httpx2.get(sent.headers["location"], trust_env=False).raise_for_status()
        form = next(form for form in _Accounts(page.text).forms if form["email"] == EMAIL)
        agreed = httpx2.post(f"{self.peer}{form.pop('')}", data=form, trust_env=False)
        assert agreed.status_code == 302, agreed.text
        back = self.web.get(agreed.headers["location"], headers=self.owner.headers)
        assert back.status_code == 303, back.text
        return parse_qs(urlsplit(back.headers["location"]).query)

    def client(self, connection_id: UUID) -> GoogleClient:
        """Return a client with the tokens that the peer gave."""
        with self.kernel.unit_of_work(self.owner.actor.tenant_id) as work:
            return connections.open_client(self.kernel, work, get_row(work, connection_id))


@pytest.fixture
def scene(settings: Settings, tmp_path: Path) -> Generator[Scene]:
    client_id, client_secret = f"{secrets.randbelow(10**12)}.apps.googleusercontent.com", secrets.token_hex(16)
    address = "http://127.0.0.1:8000"
    oauth_client = {
        "client_id": client_id,
        "client_secret": client_secret,
        "name": "Patchbay",
        "redirect_uris": [f"{address}{BEGIN}/callback"],
    }
    people = [{"email": EMAIL, "name": "Bri"}, {"email": "ops@northwind.example", "name": "Operations"}]
    seed = {"google": {"users": people, "oauth_clients": [oauth_client]}}
    with running_services(tmp_path, seed, services=["google"]) as found:
        peer = found["google"]
        pointed = Settings(
            **settings.model_dump(exclude={"public_url", "provider_urls", "provider_apps", "sandbox_port"}),
            public_url=address,
            provider_urls={
                "google_calendar_api": f"{peer}/",
                "google_calendar_oauth": f"{peer}/o/oauth2/v2/auth",
                "google_calendar_token": f"{peer}/oauth2/token",
                "google_calendar_revoke": f"{peer}/oauth2/revoke",
                "google_calendar_userinfo": f"{peer}/oauth2/v2/userinfo",
            },
            provider_apps={
                "google_calendar": ProviderApp.model_validate({"client_id": client_id, "client_secret": client_secret})
            },
        )
        kernel = build_kernel(pointed)
        owner = new_tenant(kernel, "northwind")
        agent = create_agent(kernel, actor=owner.actor, form=AgentForm(name="Bri", purpose="Creator operations"))
        with TestClient(create_http_app(kernel), base_url=address, follow_redirects=False) as web:
            yield Scene(kernel=kernel, web=web, owner=owner, agent_id=agent.id, peer=peer)
        kernel.close()


def test_connects_renews_reads_books_and_gives_the_access_back(scene: Scene) -> None:
    [connection_id] = map(UUID, scene.connect()["connected"])
    kernel, actor = scene.kernel, scene.owner.actor
    connection = connections.get_connection(kernel, actor=actor, connection_id=connection_id)
    assert (connection.status, connection.external_account_name) == ("active", EMAIL)
    assert connection.missing_scopes == ()

    before = connections.fresh_secrets(kernel, tenant_id=actor.tenant_id, connection_id=connection_id)
    with kernel.unscoped_session("test moves a token's end") as session:
        session.connection().execute(text("UPDATE connection SET token_expires_at = now(), refresh_due_at = now()"))
    after = connections.fresh_secrets(kernel, tenant_id=actor.tenant_id, connection_id=connection_id)
    assert after["refresh_token"].reveal() == before["refresh_token"].reveal()
    assert after["access_token"].reveal() != before["access_token"].reveal()

    client = scene.client(connection_id)
    begins = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    wanted = CreateEvent(title="Intro call", starts_at=begins, ends_at=begins + timedelta(minutes=30))
    run = ActionContext(
        run_id=str(uuid4()), agent_id="a", agent_name="Bri", now=datetime.now(UTC), time_zone="Europe/Berlin"
    )
    assert actions.create_event(client, wanted, run).output["title"] == "Intro call"
    page = calendar.read_page(
        client,
        calendar_id="primary",
        cursor="",
        page="",
        begins_at=begins - timedelta(days=1),
        ends_at=begins + timedelta(days=1),
    )
    assert [(event.title, event.starts_at) for event in page.events] == [("Intro call", begins)]

    done = connections.disconnect(kernel, actor=actor, connection_id=connection_id)
    assert done.revocation and done.revocation.done
