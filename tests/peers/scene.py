"""The product's routes and line in this process, pointed at the peer, with a tenant and a worker on demand."""

import secrets
import socket
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from app.edge import Edge
from app.http.api import create_http_app
from app.http.webhooks import PREFIX, WebhookApp, create_webhook_app
from services.agents import AgentForm, AgentView, PlaybookDraft, create_agent, save_playbook
from services.kernel.kernel import Kernel
from services.kernel.settings import ProviderApp, Settings
from services.tenants import Actor, authenticate_api_key, bootstrap
from tests.peers.emulate import Emulate, running_emulate
from tests.support.kernels import build_kernel
from tests.support.line import OnDemandQueue, await_wakes, served, work_off

CALLBACK = "/api/admin/ai-agents/integrations/slack/oauth/callback"
QUESTION = "What are your opening hours?"
ANSWER = "We are open from 9 to 17, Monday to Friday."
NUMBER = "+14155550100"
CLIENT_ID = "4815162342.1516234248"
CONTACT_TOKEN = "xoxp-contact"
BOT_SCOPES = ["chat:write", "app_mentions:read", "im:history", "channels:history", "groups:history", "users:read"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What an operator and a tenant copy from the providers' consoles."""

    account_sid: str
    auth_token: str
    client_secret: str
    signing_secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A tenant with an agent, on a product whose providers the peer plays."""

    kernel: Kernel
    queue: OnDemandQueue
    door: WebhookApp
    address: str
    peer: Emulate
    keys: Keys
    actor: Actor
    agent: AgentView
    sign_in_link: str

    def work(self) -> None:
        """Do all work that was woken."""
        await_wakes(self.door)
        work_off(self.kernel, self.queue)


@contextmanager
def open_scene(settings: Settings, folder: Path, *, client_secret: str = "") -> Generator[Scene]:
    """Set the scene.

    Args:
        settings: with a fresh database.
        folder: for the peer's files.
        client_secret: what the operator has set for the Slack app; the right one if not given.
    """
    keys = Keys(
        account_sid=f"AC{secrets.token_hex(16)}",
        auth_token=secrets.token_hex(16),
        client_secret=secrets.token_hex(16),
        signing_secret=secrets.token_hex(16),
    )
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with running_emulate(folder, _seed(keys, address)) as peer:
        pointed = _pointed(settings, peer, keys, address, client_secret or keys.client_secret)
        built = build_kernel(pointed)
        queue = OnDemandQueue()
        kernel = replace(built, queue=queue)
        webhooks = create_webhook_app(kernel)
        edge = Edge(pointed, webhooks=webhooks, webhook_prefix=PREFIX, pages=create_http_app(kernel))
        try:
            with served(edge, listener):
                yield _furnished(kernel, queue, webhooks, address, peer, keys)
        finally:
            built.close()


def _seed(keys: Keys, address: str) -> dict[str, object]:
    """Return who is who at the peer."""
    contact = {"token": CONTACT_TOKEN, "user": "mia", "type": "user", "scopes": ["chat:write", "channels:history"]}
    oauth_app = {
        "client_id": CLIENT_ID,
        "client_secret": keys.client_secret,
        "app_id": "A0PATCHBAY1",
        "name": "Patchbay",
        "redirect_uris": [f"{address}{CALLBACK}"],
        "scopes": BOT_SCOPES,
        "bot_name": "patchbay",
    }
    return {
        "slack": {
            "team": {"name": "Northwind Creators", "domain": "northwind"},
            "users": [{"name": "mia", "real_name": "Mia Ortega", "email": "mia@northwind.example"}],
            "oauth_apps": [oauth_app],
            "tokens": [contact],
            "strict_scopes": True,
        },
        "twilio": {
            "account": {
                "sid": keys.account_sid,
                "auth_token": keys.auth_token,
                "friendly_name": "Northwind Creators",
            },
            "phone_numbers": [{"phone_number": NUMBER, "friendly_name": "Creator line"}],
        },
    }


def _pointed(settings: Settings, peer: Emulate, keys: Keys, address: str, client_secret: str) -> Settings:
    """Return settings under which the peer is Slack and Twilio. Twilio's ``api.`` host is the peer's root."""
    operator_app = {"client_id": CLIENT_ID, "client_secret": client_secret, "signing_secret": keys.signing_secret}
    return Settings(
        **settings.model_dump(exclude={"public_url", "provider_urls", "provider_apps", "sandbox_port"}),
        public_url=address,
        provider_urls={
            "slack_api": f"{peer.slack}/api/",
            "slack_authorize": f"{peer.slack}/oauth/v2/authorize",
            "slack_token": f"{peer.slack}/api/oauth.v2.access",
            "twilio_api": peer.twilio,
        },
        provider_apps={"slack": ProviderApp.model_validate(operator_app)},
    )


def _furnished(
    kernel: Kernel, queue: OnDemandQueue, door: WebhookApp, address: str, peer: Emulate, keys: Keys
) -> Scene:
    """Create the tenant and its agent."""
    result = bootstrap(kernel, email="owner@northwind.example", tenant="Northwind")
    actor = authenticate_api_key(kernel, result.api_key.reveal())
    agent = create_agent(kernel, actor=actor, form=AgentForm(name="Bri", purpose="Creator operations"))
    save_playbook(kernel, actor=actor, agent_id=agent.id, drafts=[PlaybookDraft(question=QUESTION, answer=ANSWER)])
    return Scene(
        kernel=kernel,
        queue=queue,
        door=door,
        address=address,
        peer=peer,
        keys=keys,
        actor=actor,
        agent=agent,
        sign_in_link=result.sign_in_link,
    )
