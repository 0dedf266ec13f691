"""Connecting a Google calendar: whose it is, which rights came along, and how long all of it lives."""

from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from starlette.testclient import TestClient

from app.http.api import create_http_app
from services import connections
from services.agents import AgentForm, create_agent
from services.connections import ConnectionView
from services.kernel.settings import Settings
from tests.integration.connections.scene import Browser, new_tenant
from tests.support.line import Line, running_line
from tests.support.sandbox_google import BRI, OPS

BEGIN = "/api/admin/ai-agents/integrations/google-calendar/oauth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A tenant with an agent, before its calendar."""

    line: Line
    web: TestClient
    owner: Browser
    agent_id: UUID

    def walk(self, *, url: str = "", account: str = BRI, scopes: list[str] | None = None) -> dict[str, list[str]]:
        """Walk to Google's consent page and back, and return what the page is told."""
        there = self.web.get(url or f"{BEGIN}?agent_id={self.agent_id}", headers=self.owner.headers)
        assert there.status_code == 303, there.text
        consented = self.line.sandbox.google.consent(there.headers["location"], account=account, scopes=scopes)
        back = self.web.get(consented, headers=self.owner.headers)
        assert back.status_code == 303, back.text
        return parse_qs(urlsplit(back.headers["location"]).query)

    def why_refused(self, told: dict[str, list[str]]) -> str:
        """Return the words for an attempt that was refused."""
        attempt_id = UUID(told["attempt"][0])
        return connections.describe_refusal(self.line.kernel, actor=self.owner.actor, attempt_id=attempt_id)

    def connection(self) -> ConnectionView:
        """Return the only connection."""
        (found,) = connections.list_connections(self.line.kernel, actor=self.owner.actor)
        return found


@pytest.fixture
def scene(settings: Settings, tmp_path: Path) -> Generator[Scene]:
    with running_line(settings, tmp_path) as line:
        owner = new_tenant(line.kernel, "northwind")
        agent = create_agent(line.kernel, actor=owner.actor, form=AgentForm(name="Bri", purpose="Creator operations"))
        with TestClient(create_http_app(line.kernel), base_url=line.address, follow_redirects=False) as web:
            yield Scene(line=line, web=web, owner=owner, agent_id=agent.id)


def test_the_calendar_is_the_agent_s_with_the_least_rights(scene: Scene) -> None:
    assert "connected" in scene.walk()

    view = scene.connection()
    assert (view.status, view.external_account_name, view.agent_id) == ("active", BRI, scene.agent_id)
    assert view.missing_scopes == () and "token_dies_at" not in view.settings
    assert {hint.name for hint in view.credential_hints} == {"access_token", "refresh_token"}


def test_a_right_that_was_not_ticked_is_named(scene: Scene) -> None:
    told = scene.walk(scopes=["openid", "email"])

    assert "connected" not in told and "calendar.events" in scene.why_refused(told)
    assert connections.list_connections(scene.line.kernel, actor=scene.owner.actor) == ()


def test_connecting_again_gives_a_refresh_token_again(scene: Scene) -> None:
    scene.walk()
    plan = connections.plan_reconnect(scene.line.kernel, actor=scene.owner.actor, connection_id=scene.connection().id)
    refused = scene.walk(url=plan.url, account=OPS)
    assert refused["refused"] == ["wrong_account"]
    assert "connected" in scene.walk(url=plan.url)


def test_an_app_in_testing_is_foretold_until_it_is_published(scene: Scene) -> None:
    scene.line.sandbox.google.testing()
    scene.walk()
    view = scene.connection()
    dies_at = datetime.fromisoformat(view.settings["token_dies_at"])
    assert timedelta(days=6, hours=23) < dies_at - datetime.now(UTC) <= timedelta(days=7)

    scene.line.sandbox.google.testing(on=False)
    plan = connections.plan_reconnect(scene.line.kernel, actor=scene.owner.actor, connection_id=view.id)
    assert "connected" in scene.walk(url=plan.url)
    assert "token_dies_at" not in scene.connection().settings
