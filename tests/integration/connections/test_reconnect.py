"""Repairing a connection by consent: the same connection, for the same account only; in a page or in a window."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from app.http.api import create_http_app
from models import ConnectionStatus
from services import connections
from services.connections import ConnectionView
from services.kernel.errors import NotFound, Refused
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from tests.integration.connections.scene import PUBLIC_URL, audit_actions, count_rows, new_agent
from tests.integration.connections.walk import BEGIN, Walk, start_walk
from tests.support.clock import FakeClock
from tests.support.sandbox import SandboxClient


@pytest.fixture
def web(kernel: Kernel) -> Iterator[TestClient]:
    """The product's plain HTTP routes."""
    with TestClient(create_http_app(kernel), base_url=PUBLIC_URL, follow_redirects=False) as client:
        yield client


@dataclass(frozen=True, slots=True)
class Repair:
    """A connection that was made by consent and needs its owner again."""

    walk: Walk
    before: ConnectionView

    def view(self) -> ConnectionView:
        """Return it as it is now."""
        return connections.get_connection(self.walk.kernel, actor=self.walk.owner.actor, connection_id=self.before.id)

    def start(self, **query: str) -> str:
        """Start the repair as the page does, and return the consent page."""
        parameters = {"connection_id": str(self.before.id), **query}
        answer = self.walk.web.get(BEGIN, params=parameters, headers=self.walk.owner.headers)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def finish(self, *, team: str = "T0NORTHWIND", **query: str) -> dict[str, list[str]]:
        """Repair it, signed in to a workspace, and return what the page is told."""
        self.walk.back_url = self.walk.sandbox.consent(self.start(**query), team=team)
        return parse_qs(urlsplit(self.walk.come_back().headers["location"]).query)

    def set(self, assignment: str) -> None:
        """Change the row behind the product's back."""
        with self.walk.kernel.unscoped_session("test changes a connection") as session:
            session.connection().execute(text(f"UPDATE connection SET {assignment}"))

    def sealed(self) -> list[bytes]:
        """Return the stored secrets."""
        with self.walk.kernel.unscoped_session("test looks at everything") as session:
            return [bytes(row) for row in session.connection().execute(text("SELECT sealed FROM credential")).scalars()]


@pytest.fixture
def repair(kernel: Kernel, web: TestClient, sandbox: SandboxClient, clock: FakeClock) -> Repair:
    """A connection whose credential was refused."""
    walk = start_walk(kernel, web, sandbox, clock)
    walk.come_back()
    [before] = connections.list_connections(kernel, actor=walk.owner.actor)
    found = Repair(walk, before)
    found.set("status = 'needs_reauth', cause = 'authorisation', error_count = 3, last_error = 'Refused.'")
    return found


def test_a_repair_keeps_id_agent_settings_and_address(repair: Repair) -> None:
    sandbox = repair.walk.sandbox
    sandbox.slack_control("revoke")  # the stored token is dead
    repair.set('settings = settings || \'{"greeting": "hello"}\'::jsonb')
    old = repair.sealed()

    assert repair.finish() == {"connected": [str(repair.before.id)]}

    after = repair.view()
    assert (after.id, after.agent_id, after.webhook_urls) == (
        repair.before.id,
        repair.before.agent_id,
        repair.before.webhook_urls,
    )
    assert (after.status, after.error_count, after.last_error) == ("active", 0, "")
    assert after.settings["greeting"] == "hello"
    assert set(repair.sealed()).isdisjoint(old)
    assert count_rows(repair.walk.kernel, "connection") == 1
    assert connections.test_connection(
        repair.walk.kernel, actor=repair.walk.owner.actor, connection_id=after.id
    ).succeeded


def test_another_account_is_refused_and_both_are_named(repair: Repair) -> None:
    before = repair.sealed()
    told = repair.finish(team="T0HARBOR001")

    assert told["refused"] == ["wrong_account"]
    message = connections.describe_refusal(
        repair.walk.kernel, actor=repair.walk.owner.actor, attempt_id=UUID(told["attempt"][0])
    )
    assert "“Northwind Creators”" in message and "“Harbor Studio”" in message
    assert repair.view().status == "needs_reauth"
    assert repair.view().external_account_name == "Northwind Creators"
    assert repair.sealed() == before
    assert count_rows(repair.walk.kernel, "connection") == 1
    assert audit_actions(repair.walk.kernel, repair.walk.owner.actor)[-1] == "connection.oauth_refused"


def test_the_right_account_is_accepted_after_the_wrong_one(repair: Repair) -> None:
    repair.finish(team="T0HARBOR001")
    assert "connected" in repair.finish()
    assert repair.view().status == "active"


@pytest.mark.parametrize("status", ["active", "degraded", "needs_reauth", "disconnected", "paused"])
def test_a_repair_leads_back_from_every_state_but_never_ends_a_pause(repair: Repair, status: str) -> None:
    repair.set(f"status = '{status}', cause = 'none'")
    assert "connected" in repair.finish()
    assert repair.view().status == ("paused" if status == "paused" else "active")
    assert audit_actions(repair.walk.kernel, repair.walk.owner.actor)[-1] == "connection.reconnected"


def test_missing_rights_are_listed_and_asked_for_again(repair: Repair) -> None:
    repair.set("""scopes = '["chat:write", "im:history"]'::jsonb""")
    missing = [scope.name for scope in repair.view().missing_scopes]
    assert "users:read" in missing and "chat:write" not in missing
    assert all(scope.reason for scope in repair.view().missing_scopes)

    [asked] = parse_qs(urlsplit(repair.start()).query)["scope"]
    assert set(missing) <= set(asked.split(","))

    repair.finish()
    assert repair.view().missing_scopes == ()


def test_a_repair_stays_with_the_agent_it_has_now(repair: Repair) -> None:
    other = new_agent(repair.walk.kernel, repair.walk.owner.actor, "Sam")
    repair.walk.back_url = repair.walk.sandbox.consent(repair.start(agent_id=str(other)))
    repair.set(f"agent_id = '{other}'")
    repair.walk.come_back()
    assert repair.view().agent_id == other
    assert count_rows(repair.walk.kernel, "connection") == 1


def test_a_connection_deleted_meanwhile_is_not_brought_back(repair: Repair) -> None:
    repair.walk.back_url = repair.walk.sandbox.consent(repair.start())
    with repair.walk.kernel.unscoped_session("test deletes a connection") as session:
        session.connection().execute(text("UPDATE oauth_attempt SET connection_id = NULL, agent_id = NULL"))
        session.connection().execute(text("DELETE FROM connection"))
    answer = repair.walk.come_back()
    assert "connected" in answer.headers["location"]  # the attempt no longer names one: a connection of its own
    assert count_rows(repair.walk.kernel, "connection") == 1


def test_somebody_elses_connection_cannot_be_repaired(repair: Repair) -> None:
    for headers, connection_id in (
        (repair.walk.stranger.headers, str(repair.before.id)),
        (repair.walk.owner.headers, str(new_id())),
        (repair.walk.owner.headers, "1"),
    ):
        answer = repair.walk.web.get(BEGIN, params={"connection_id": connection_id}, headers=headers)
        assert answer.status_code == 404
        assert connection_id not in answer.text or len(connection_id) == 1
    with pytest.raises(NotFound):
        connections.begin_reconnect(
            repair.walk.kernel, actor=repair.walk.stranger.actor, connection_id=repair.before.id
        )


def test_begin_reconnect_leads_to_the_consent_page(repair: Repair) -> None:
    kernel, actor = repair.walk.kernel, repair.walk.owner.actor
    repair.walk.back_url = repair.walk.sandbox.consent(
        connections.begin_reconnect(kernel, actor=actor, connection_id=repair.before.id)
    )
    assert f"connected={repair.before.id}" in repair.walk.come_back().headers["location"]
    repair.set("auth_scheme = 'keys'")
    with pytest.raises(Refused, match="keys"):
        connections.begin_reconnect(kernel, actor=actor, connection_id=repair.before.id)


def _result(page: str) -> dict[str, object]:
    found = re.search(r"^const result = (.*)$", page, re.MULTILINE)
    assert found is not None
    return json.loads(found[1])


def test_a_window_tells_its_opener_and_closes(repair: Repair) -> None:
    repair.walk.back_url = repair.walk.sandbox.consent(repair.start(popup="1"))
    answer = repair.walk.come_back()

    assert answer.status_code == 200 and "location" not in answer.headers
    assert _result(answer.text) == {
        "type": "patchbay.oauth",
        "ok": True,
        "code": "connected",
        "provider": "slack",
        "connection_id": str(repair.before.id),
        "page": f"/admin/ai-team/{repair.before.agent_id}/integrations/?connected={repair.before.id}",
    }
    assert f'postMessage(result, "{PUBLIC_URL}")' in answer.text
    assert "window.close()" in answer.text and "location.replace(result.page)" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    [nonce] = set(re.findall(r'<script nonce="([^"]+)"', answer.text))
    policy = answer.headers["content-security-policy"]
    assert f"script-src 'nonce-{nonce}'" in policy and "unsafe-inline" not in policy
    assert repair.walk.state not in answer.text and repair.walk.code not in answer.text


def test_a_window_says_what_went_wrong_in_words(repair: Repair) -> None:
    repair.walk.back_url = repair.walk.sandbox.consent(repair.start(popup="1"), team="T0HARBOR001")
    answer = repair.walk.come_back()
    assert _result(answer.text)["ok"] is False
    assert _result(answer.text)["code"] == "wrong_account"
    assert "“Northwind Creators”" in answer.text and "“Harbor Studio”" in answer.text


def test_an_account_name_cannot_become_markup(repair: Repair) -> None:
    repair.set("external_account_name = '</script><script>alert(1)</script>'")
    repair.walk.back_url = repair.walk.sandbox.consent(repair.start(popup="1"), team="T0HARBOR001")
    answer = repair.walk.come_back()
    assert "<script>alert" not in answer.text and "&lt;script&gt;alert(1)" in answer.text


@pytest.mark.parametrize("popup", ["0", "", "true", "1&popup=1", "</script>"])
def test_anything_but_one_is_a_full_page(repair: Repair, popup: str) -> None:
    answer = repair.walk.web.get(
        f"{BEGIN}?connection_id={repair.before.id}&popup={popup}", headers=repair.walk.owner.headers
    )
    repair.walk.back_url = repair.walk.sandbox.consent(answer.headers["location"])
    assert repair.walk.come_back().status_code == 303


def test_a_window_of_a_walk_that_is_not_known_is_a_full_page(repair: Repair) -> None:
    repair.start(popup="1")
    answer = repair.walk.come_back("state=x&code=y&popup=1")
    assert answer.status_code == 303


def test_a_repair_of_an_account_connected_twice_is_refused(repair: Repair) -> None:
    """Disconnected, connected anew, and then the old one is repaired: they would answer twice."""
    repair.set(f"status = '{ConnectionStatus.DISCONNECTED.value}'")
    with repair.walk.kernel.unscoped_session("test copies a connection") as session:
        columns = ", ".join(
            row
            for row in session.connection()
            .execute(text("SELECT column_name FROM information_schema.columns WHERE table_name = 'connection'"))
            .scalars()
            if row not in ("id", "status")
        )
        session.connection().execute(
            text(f"INSERT INTO connection (id, status, {columns}) SELECT :id, 'active', {columns} FROM connection"),
            {"id": new_id()},
        )
    assert repair.finish()["refused"] == ["already_connected"]
