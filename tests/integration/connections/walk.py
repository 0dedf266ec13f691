"""One walk to the consent page, taken up to the moment before the browser comes back."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from httpx2 import Response
from sqlalchemy import text
from starlette.testclient import TestClient

from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from tests.integration.connections.scene import Browser, new_agent, new_tenant
from tests.support.clock import FakeClock
from tests.support.sandbox import SandboxClient

BEGIN = "/api/admin/ai-agents/integrations/slack/oauth"
CALLBACK = f"{BEGIN}/callback"
CANARY = "canary-7d1f0a"
"""Stands in everything an attacker sends; it must never come back or be stored."""


@dataclass(slots=True)
class Walk:
    """One walk to the consent page, taken up to the moment before the browser comes back."""

    kernel: Kernel
    web: TestClient
    sandbox: SandboxClient
    clock: FakeClock
    owner: Browser
    stranger: Browser
    agent_id: UUID
    consent_url: str
    back_url: str
    browser: Browser | None = None
    headers: dict[str, str] | None = None
    endings_before: int = 0
    """Refused endings that belong to the preparation."""

    @property
    def parameters(self) -> dict[str, str]:
        """What the provider sends along."""
        return dict(parse_qsl(urlsplit(self.back_url).query))

    @property
    def state(self) -> str:
        return self.parameters["state"]

    @property
    def code(self) -> str:
        return self.parameters["code"]

    def come_back(self, query: str | None = None) -> Response:
        """Follow the redirect, with another query if one is given."""
        sent = urlsplit(self.back_url).query if query is None else query
        headers = {**(self.browser.headers if self.browser else {}), **(self.headers or {})}
        return self.web.get(f"{CALLBACK}?{sent}", headers=headers)


def start_walk(
    kernel: Kernel, web: TestClient, sandbox: SandboxClient, clock: FakeClock, *, is_popup: bool = False
) -> Walk:
    """Let the owner of a new tenant start, and consent as they."""
    name = f"t{new_id().hex}"
    owner, stranger = new_tenant(kernel, name), new_tenant(kernel, f"other-{name}")
    agent_id = new_agent(kernel, owner.actor)
    query = {"agent_id": str(agent_id)} | ({"popup": "1"} if is_popup else {})
    answer = web.get(BEGIN, params=query, headers=owner.headers)
    assert answer.status_code == 303, answer.text
    consent_url = answer.headers["location"]
    return Walk(
        kernel=kernel,
        web=web,
        sandbox=sandbox,
        clock=clock,
        owner=owner,
        stranger=stranger,
        agent_id=agent_id,
        consent_url=consent_url,
        back_url=sandbox.consent(consent_url),
        browser=owner,
        endings_before=len(refused_endings(kernel)),
    )


def attempt_outcomes(kernel: Kernel) -> list[str]:
    """Return how all attempts ended, in the order they began."""
    with kernel.unscoped_session("test looks at everything") as session:
        return list(session.connection().execute(text("SELECT outcome FROM oauth_attempt ORDER BY id")).scalars())


def refused_endings(kernel: Kernel) -> list[dict[str, str]]:
    """Return what the audit log says of refused endings, in order."""
    with kernel.unscoped_session("test looks at everything") as session:
        rows = session.connection().execute(
            text(
                "SELECT tenant_id, actor_label, detail FROM audit_entry"
                " WHERE action = 'connection.oauth_refused' ORDER BY id"
            )
        )
        return [{**detail, "tenant": str(tenant), "actor": actor} for tenant, actor, detail in rows]
