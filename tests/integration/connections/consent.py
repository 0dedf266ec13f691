"""Connects Slack by consent, through the operator's app, without a browser."""

from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from services import connections
from services.connections import ConnectionView
from services.kernel.kernel import Kernel
from tests.integration.connections.scene import Browser
from tests.support.sandbox import SandboxClient


def connect_by_consent(
    kernel: Kernel, owner: Browser, sandbox: SandboxClient, *, agent_id: UUID | None = None
) -> ConnectionView:
    """Walk to the consent page and back."""
    url = connections.begin_oauth(kernel, actor=owner.actor, provider="slack", agent_id=agent_id)
    query = parse_qs(urlsplit(sandbox.consent(url)).query)
    outcome = connections.finish_oauth(kernel, actor=owner.actor, provider="slack", query=query)
    assert outcome.ok, outcome
    assert outcome.connection_id
    return connections.get_connection(kernel, actor=owner.actor, connection_id=outcome.connection_id)
