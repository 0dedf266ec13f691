"""The line with tokens that end, and with apps of the tenants' own."""

import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text
from sqlmodel import col, select

from models import Message, MessageState
from services import connections
from services.agents import AgentForm, create_agent, save_playbook
from services.connections import ConnectionView
from services.connections.clients import open_secrets
from services.connections.reading import get_row
from tests.integration.connections.scene import Browser, new_tenant
from tests.support.line import PLAYBOOK, Line

HOURS = "What are your opening hours?"
ANSWER = "We are open from 9 to 17, Monday to Friday."
RENEWAL = "slack oauth.v2.access"
SHARED = "/api/ai-agents/webhooks/slack/events"


@dataclass(frozen=True, slots=True)
class Consented:
    """A tenant with an agent that is connected by consent."""

    line: Line
    owner: Browser
    connection: ConnectionView

    def set(self, assignment: str) -> None:
        """Change the connection behind the product's back."""
        with self.line.kernel.unscoped_session("test moves a connection's time") as session:
            session.connection().execute(text(f"UPDATE connection SET {assignment}"))

    def outbound(self) -> list[Message]:
        """Return the answers."""
        with self.line.kernel.unit_of_work(self.owner.actor.tenant_id) as work:
            return list(
                work.session.exec(
                    select(Message).where(
                        col(Message.tenant_id) == self.owner.actor.tenant_id, col(Message.direction) == "outbound"
                    )
                ).all()
            )


def consent(line: Line, *, own_app: bool = False) -> Consented:
    """Connect a new tenant's agent on Slack's consent page."""
    owner = new_tenant(line.kernel, "northwind")
    agent = create_agent(line.kernel, actor=owner.actor, form=AgentForm(name="Bri", purpose="Creator operations"))
    save_playbook(line.kernel, actor=owner.actor, agent_id=agent.id, drafts=PLAYBOOK)
    app_id: UUID | None = None
    if own_app:
        app = line.sandbox.identities.own_app
        values = {
            "name": "Ours",
            "client_id": app.client_id,
            "client_secret": app.client_secret,
            "signing_secret": app.signing_secret,
        }
        app_id = connections.create_app(line.kernel, actor=owner.actor, provider="slack", values=values).id
    url = connections.begin_oauth(line.kernel, actor=owner.actor, provider="slack", agent_id=agent.id, app_id=app_id)
    query = parse_qs(urlsplit(line.sandbox.consent(url)).query)
    outcome = connections.finish_oauth(line.kernel, actor=owner.actor, provider="slack", query=query)
    assert outcome.connection_id is not None, outcome
    view = connections.get_connection(line.kernel, actor=owner.actor, connection_id=outcome.connection_id)
    return Consented(line, owner, view)


@pytest.fixture
def rotating(line: Line) -> Consented:
    """A connection whose tokens end after twelve hours."""
    line.sandbox.rotate_tokens()
    return consent(line)


def test_an_answer_is_sent_with_a_renewed_token_when_the_old_one_is_over(rotating: Consented) -> None:
    line = rotating.line
    written = line.sandbox.slack_message(HOURS)
    line.sandbox.wait_for_webhooks(*written.event_ids)
    rotating.set("token_expires_at = now(), refresh_due_at = now() - interval '15 minutes'")
    line.work()

    assert [item.text for item in line.sandbox.answers(service="slack")] == [ANSWER]
    assert line.sandbox.ledger().calls[RENEWAL] == 2
    [message] = rotating.outbound()
    assert (message.state, message.attempt) == (MessageState.SENT, 1)


def test_an_answer_waits_for_a_token_without_using_up_its_attempts(rotating: Consented) -> None:
    line = rotating.line
    written = line.sandbox.slack_message(HOURS)
    line.sandbox.wait_for_webhooks(*written.event_ids)
    rotating.set("token_expires_at = now(), refresh_due_at = now() - interval '15 minutes'")
    line.sandbox.fail("slack", "500", method="oauth.v2.access")
    line.work()

    assert line.sandbox.answers(service="slack") == []
    [message] = rotating.outbound()
    assert (message.state, message.attempt) == (MessageState.QUEUED, 0)

    rotating.set("refresh_due_at = now() - interval '1 second'")
    line.work(with_sweep=True)
    assert [item.text for item in line.sandbox.answers(service="slack")] == [ANSWER]


def test_a_token_that_slack_calls_over_before_we_do_is_renewed_and_nobody_is_asked(line: Line) -> None:
    line.sandbox.rotate_tokens(seconds=2)
    consented = consent(line)
    consented.set("token_expires_at = now() + interval '1 hour', refresh_due_at = now() + interval '45 minutes'")
    line.sandbox.rotate_tokens()
    written = line.sandbox.slack_message(HOURS)
    line.sandbox.wait_for_webhooks(*written.event_ids)
    line.sandbox.wait_until(lambda ledger: _is_over(consented), seconds=5, what="the end of the token")
    line.work()

    view = connections.get_connection(line.kernel, actor=consented.owner.actor, connection_id=consented.connection.id)
    assert view.status == "active"
    assert line.sandbox.ledger().calls[RENEWAL] == 2
    with line.kernel.unscoped_session("test moves a message's time") as session:
        session.connection().execute(text("UPDATE message SET next_attempt_at = now(), lease_until = NULL"))
    line.work(with_sweep=True)
    assert [item.text for item in line.sandbox.answers(service="slack")] == [ANSWER]


def test_the_sweeper_renews_before_anybody_needs_it(rotating: Consented) -> None:
    line = rotating.line
    rotating.set("refresh_due_at = now() - interval '1 second'")
    line.work(with_sweep=True)
    assert line.sandbox.ledger().calls[RENEWAL] == 2
    line.work(with_sweep=True)
    assert line.sandbox.ledger().calls[RENEWAL] == 2


def test_messages_to_an_own_app_arrive_at_the_shared_address(line: Line) -> None:
    consented = consent(line, own_app=True)
    app = line.sandbox.identities.own_app
    [address] = consented.connection.webhook_urls
    assert urlsplit(address.url).path == SHARED
    line.sandbox.set_events_url(address.url, app=app.app_id)

    written = line.sandbox.slack_message(HOURS, app=app.app_id)
    line.settle(*written.event_ids)
    assert [item.text for item in line.sandbox.answers(service="slack")] == [ANSWER]


def test_an_own_app_is_checked_with_its_own_secret_and_no_other(line: Line) -> None:
    consent(line, own_app=True)
    identities = line.sandbox.identities
    body = json.dumps({"type": "event_callback", "team_id": "T0NORTHWIND", "event_id": "Ev1", "event": {"type": "x"}})
    for secret, status in (
        (identities.slack_app.signing_secret, 401),
        (identities.other_own_app.signing_secret, 401),
        (identities.own_app.signing_secret, 200),
    ):
        assert _post(line, body, secret).status_code == status


def test_a_new_app_is_challenged_before_anybody_knows_its_secret(line: Line) -> None:
    body = json.dumps({"type": "url_verification", "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkR7FYXV5RzSpD"})
    answer = _post(line, body, "0" * 32)
    assert (answer.status_code, answer.json()["challenge"][:9]) == (200, "3eZbrw1aB")
    assert answer.headers["content-type"].startswith("application/json")

    markup = json.dumps({"type": "url_verification", "challenge": "<script>alert(1)</script>"})
    assert _post(line, markup, "0" * 32).status_code == 401


def _is_over(consented: Consented) -> bool:
    """Return whether Slack calls the stored token over by now."""
    kernel = consented.line.kernel
    with kernel.unit_of_work(consented.owner.actor.tenant_id) as work:
        secrets = open_secrets(kernel, work, get_row(work, consented.connection.id))
    headers = {"authorization": f"Bearer {secrets['bot_token'].reveal()}"}
    url = f"{consented.line.sandbox.base_url}/slack/api/auth.test"
    return httpx2.post(url, headers=headers, trust_env=False).json().get("error") == "token_expired"


def _post(line: Line, body: str, secret: str) -> httpx2.Response:
    stamp = str(int(time.time()))
    signature = hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    headers = {
        "content-type": "application/json",
        "x-slack-request-timestamp": stamp,
        "x-slack-signature": f"v0={signature}",
    }
    return httpx2.post(f"{line.address}{SHARED}", content=body, headers=headers, trust_env=False)
