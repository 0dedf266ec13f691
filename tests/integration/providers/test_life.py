"""The whole life of a connection, for every provider in the tree and every way to connect it."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from app.http.api import create_http_app
from services import connections
from services.agents import AgentForm, create_agent, save_playbook
from services.connections import ConnectionView
from services.connections.reading import get_row
from services.kernel.errors import NeedsReauth, Refused
from services.kernel.settings import Settings
from services.provider_kit import registry
from services.provider_kit.auth import AuthScheme, OAuth2
from services.provider_kit.contract import Capability, ProviderManifest
from tests.integration.connections.scene import Browser, new_tenant
from tests.support.line import PLAYBOOK, Line, running_line
from tests.support.players import QUESTION, Account, Player, player_of

LIVED_ELSEWHERE = {"telegram": "test_telegram.py"}
"""Providers that the sandbox does not play, and where their connections live instead."""
WAYS = [
    (manifest, scheme)
    for manifest in registry.list_manifests()
    for scheme in manifest.auth
    if manifest.slug not in LIVED_ELSEWHERE
]


@dataclass(slots=True)
class Life:
    """One connection, and everybody who has to do with it."""

    line: Line
    web: TestClient
    owner: Browser
    agent_id: UUID
    manifest: ProviderManifest
    scheme: AuthScheme
    player: Player
    id: UUID = field(init=False)

    def view(self) -> ConnectionView:
        return connections.get_connection(self.line.kernel, actor=self.owner.actor, connection_id=self.id)

    def calls(self, method: str = "") -> int:
        """Return how often the provider was asked for something, or for anything."""
        asked = f"{self.player.service} {method}"
        return sum(count for name, count in self.line.sandbox.ledger().calls.items() if name.startswith(asked))

    def uses(self) -> list[str]:
        """Return what the connection was good for so far: answers that arrived, meetings that we know of."""
        return self.player.uses(self.line.kernel, self.owner.actor, self.line.sandbox, self.view())

    def hear(self) -> None:
        """Let a contact write, or whatever we are told of, and wait until we have it."""
        written = self.player.write(self.line.sandbox, self.view(), QUESTION)
        webhooks = self.line.sandbox.wait_for_webhooks(*written.event_ids)
        assert [webhook.statuses for webhook in webhooks] == [(200,)] * len(written.event_ids) != []
        self.line.await_wakes()

    def connect(self, account: Account) -> None:
        """Connect an account, as a person does."""
        kernel, actor, slug = self.line.kernel, self.owner.actor, self.manifest.slug
        if isinstance(self.scheme, OAuth2):
            path = f"/api/admin/ai-agents/integrations/{registry.address_of(slug)}/oauth?agent_id={self.agent_id}"
            told = account.walk(self.web, self.line.sandbox, url=path, headers=self.owner.headers)
            self.id = UUID(told["connected"][0])
        else:
            values, way = account.keys(self.line.sandbox), self.scheme.id
            self.id = connections.connect_with_keys(
                kernel, actor=actor, provider=slug, scheme_id=way, agent_id=self.agent_id, values=values
            ).id

    def reconnect(self, account: Account) -> str:
        """Repair it the way the page offers, and return why that was refused, if it was."""
        kernel, actor = self.line.kernel, self.owner.actor
        plan = connections.plan_reconnect(kernel, actor=actor, connection_id=self.id)
        if plan.kind == "consent":
            told = account.walk(self.web, self.line.sandbox, url=plan.url, headers=self.owner.headers)
            if "connected" in told:
                return ""
            said = connections.describe_refusal(kernel, actor=actor, attempt_id=UUID(told["attempt"][0]))
            return f"{told['refused'][0]}: {said}"
        try:
            values = account.keys(self.line.sandbox)
            connections.reconnect_with_keys(kernel, actor=actor, connection_id=self.id, values=values)
        except Refused as error:
            return f"{error.code}: {error}"
        return ""


@pytest.fixture(params=WAYS, ids=[f"{manifest.slug}-{scheme.id}" for manifest, scheme in WAYS])
def life(settings: Settings, tmp_path: Path, request: pytest.FixtureRequest) -> Generator[Life]:
    """A connection at the beginning of its life: connected, and set up at the provider."""
    manifest, scheme = request.param
    player = player_of(manifest.slug)
    with running_line(settings, tmp_path) as line:
        if isinstance(scheme, OAuth2) and scheme.refresh:
            assert player.expire_tokens, f"{manifest.slug}'s tokens are renewed: its player needs expire_tokens"
            player.expire_tokens(line.sandbox)
        owner = new_tenant(line.kernel, "northwind")
        agent = create_agent(line.kernel, actor=owner.actor, form=AgentForm(name="Bri", purpose="Creator operations"))
        save_playbook(line.kernel, actor=owner.actor, agent_id=agent.id, drafts=PLAYBOOK)
        with TestClient(create_http_app(line.kernel), base_url=line.address, follow_redirects=False) as web:
            born = Life(line, web, owner, agent.id, manifest, scheme, player)
            born.connect(player.first)
            player.set_up(line.kernel, owner.actor, line.sandbox, born.view())
            line.work(with_sweep=True)
            yield born


def test_a_whole_life(life: Life) -> None:
    connected = life.view()
    assert (connected.status, connected.external_account_name) == ("active", life.player.first.name)
    assert connected.auth_scheme == life.scheme.id and connected.credential_hints
    assert connected.last_check and connected.last_check.succeeded
    life.hear()
    life.line.work()
    assert life.uses() == [life.player.use]
    if isinstance(life.scheme, OAuth2) and life.scheme.refresh:
        _renew_once(life)
    _break_and_repair(life)
    assert life.uses() == [life.player.use] * 2, "what waited for the repair leaves with it"
    _pause_and_resume(life)
    assert life.uses() == [life.player.use] * 3, "what waited for the end of the pause leaves with it"
    _end(life)


def _renew_once(life: Life) -> None:
    """The token is over; whoever needs it, the provider is asked once."""
    kernel, tenant_id = life.line.kernel, life.owner.actor.tenant_id
    with kernel.unscoped_session("test moves a token's end") as session:
        over = "UPDATE connection SET token_expires_at = now(), refresh_due_at = now() - interval '15 minutes'"
        assert session.connection().execute(text(f"{over} WHERE refresh_due_at IS NOT NULL")).rowcount == 1

    def want(_: int) -> dict[str, str]:
        secrets = connections.fresh_secrets(kernel, tenant_id=tenant_id, connection_id=life.id)
        return {name: secret.reveal() for name, secret in secrets.items()}

    before = life.calls()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(want, range(20)))
    assert life.calls() == before + 1
    assert answers == [answers[0]] * 20


def _break_and_repair(life: Life) -> None:
    """The first 401 asks for a person; only the same account repairs it, and all stays as it was."""
    kernel, actor = life.line.kernel, life.owner.actor
    before, sent = life.view(), life.calls(life.player.use_method)
    life.line.sandbox.fail(life.player.service, "401", method=life.player.use_method)
    life.hear()
    life.line.work()
    life.line.work(with_sweep=True)
    assert (life.view().status, life.view().cause) == ("needs_reauth", "authorisation")
    assert life.calls(life.player.use_method) == sent + 1

    refusal = life.reconnect(life.player.second)
    assert refusal.startswith("wrong_account: ")
    assert f"“{life.player.first.name}”" in refusal and f"“{life.player.second.name}”" in refusal
    assert life.view().status == "needs_reauth"
    assert life.reconnect(life.player.first) == ""
    after = life.view()
    assert (after.status, after.cause, after.last_error) == ("active", "none", "")
    assert (after.agent_id, after.webhook_urls, after.numbers) == (before.agent_id, before.webhook_urls, before.numbers)
    assert [item.id for item in connections.list_connections(kernel, actor=actor)] == [life.id]
    assert connections.test_connection(kernel, actor=actor, connection_id=life.id).succeeded
    life.line.work(with_sweep=True)


def _pause_and_resume(life: Life) -> None:
    """Something is to be done; a pause holds it back, and its end lets it go."""
    kernel, actor, queue = life.line.kernel, life.owner.actor, life.line.queue
    life.hear()
    while queue.wakes and queue.wakes[0].job != life.player.use_job:
        life.line.run_step(queue.wakes.popleft())
    assert queue.wakes, "the connection was not about to be used"
    known, calls = life.uses(), life.calls(life.player.use_method)
    assert connections.pause(kernel, actor=actor, connection_id=life.id).status == "paused"
    life.line.work(with_sweep=True)
    assert (life.uses(), life.calls(life.player.use_method)) == (known, calls)
    assert connections.resume(kernel, actor=actor, connection_id=life.id).status == "active"
    life.line.work(with_sweep=True)


def _end(life: Life) -> None:
    """Access that can be given back is, and no longer works there; keys that were pasted stay valid, and we say so."""
    kernel, actor, name = life.line.kernel, life.owner.actor, life.manifest.name
    with kernel.unit_of_work(actor.tenant_id) as work:
        client = connections.open_client(kernel, work, get_row(work, life.id))
    can_revoke = Capability.REVOKE in life.manifest.capabilities and isinstance(life.scheme, OAuth2)
    assert connections.preview_disconnect(kernel, actor=actor, connection_id=life.id).can_revoke == can_revoke

    done = connections.disconnect(kernel, actor=actor, connection_id=life.id)
    after = done.connection
    assert (after.status, after.credential_hints, after.webhook_urls) == ("disconnected", (), ())
    assert done.revocation and done.revocation.done == can_revoke and name in done.revocation.said
    verify = registry.client(life.manifest.slug).verify_credentials
    with pytest.raises(NeedsReauth) if can_revoke else nullcontext():
        assert verify(client).id == after.external_account_id


def test_what_is_lived_elsewhere_is_there() -> None:
    folder = Path(__file__).parent
    assert [slug for slug, file in LIVED_ELSEWHERE.items() if not (folder / file).exists()] == []
