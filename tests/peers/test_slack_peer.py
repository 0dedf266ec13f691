"""Another Slack than ours agrees: it grants what we ask for by OAuth, and accepts what we post."""

import json
import secrets
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import httpx2
from pydantic import BaseModel
from slack_sdk.signature import SignatureVerifier

from services.connections import list_connections
from services.conversations import list_conversations
from services.kernel.settings import Settings
from tests.peers.scene import ANSWER, CALLBACK, CONTACT_TOKEN, QUESTION, Scene, open_scene

BEGIN = "/api/admin/ai-agents/integrations/slack/oauth"
SHARED_EVENTS = "/api/ai-agents/webhooks/slack/events"


Answer = TypeVar("Answer", bound=BaseModel)


class _Posted(BaseModel):
    ts: str


class _Message(BaseModel):
    ts: str
    user: str
    text: str


class _Thread(BaseModel):
    messages: list[_Message]


class _Consent(HTMLParser):
    """The first form of the peer's consent page: where it goes, and what it sends along."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self._is_over = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form" and not self.action:
            self.action = values["action"]
        elif tag == "input" and self.action and not self._is_over:
            self.fields[values["name"]] = values["value"]

    def handle_endtag(self, tag: str) -> None:
        self._is_over = self._is_over or (tag == "form" and bool(self.action))


def walk(scene: Scene) -> tuple[httpx2.Client, str]:
    """Sign in, go to the peer's consent page and agree; return the browser and where it is sent back to."""
    browser = httpx2.Client(base_url=scene.address, trust_env=False, follow_redirects=False)
    signed_in = browser.post(scene.sign_in_link, headers={"origin": scene.address})
    assert signed_in.status_code == 303, signed_in.text
    sent = browser.get(BEGIN, params={"agent_id": str(scene.agent.id)})
    assert sent.status_code == 303, sent.text
    page = httpx2.get(sent.headers["location"], trust_env=False).raise_for_status()
    consent = _Consent(page.text)
    agreed = httpx2.post(f"{scene.peer.slack}{consent.action}", data=consent.fields, trust_env=False)
    assert agreed.status_code == 302, agreed.text
    back = agreed.headers["location"]
    assert back.startswith(f"{scene.address}{CALLBACK}?")
    return browser, back


def outcome(response: httpx2.Response) -> dict[str, str]:
    """Return what our callback says by its redirect."""
    assert response.status_code == 303, response.text
    return {name: values[0] for name, values in parse_qs(urlsplit(response.headers["location"]).query).items()}


def as_contact(scene: Scene, method: str, kind: type[Answer], **form: str) -> Answer:
    """Call the peer's Slack as the person who writes to the agent."""
    headers = {"authorization": f"Bearer {CONTACT_TOKEN}"}
    response = httpx2.post(f"{scene.peer.slack}/api/{method}", data=form, headers=headers, trust_env=False)
    return kind.model_validate_json(response.raise_for_status().content)


def test_connects_by_oauth_and_answers_a_mention_in_its_thread(scene: Scene) -> None:
    browser, back = walk(scene)
    connected = outcome(browser.get(back))
    [connection] = list_connections(scene.kernel, actor=scene.actor, provider="slack")
    assert connected == {"connected": str(connection.id)}
    assert (connection.status, connection.external_account_name) == ("active", "Northwind Creators")

    bot, channel = connection.settings["bot_user_id"], "C000000001"
    text = f"<@{bot}> {QUESTION}"
    ts = as_contact(scene, "chat.postMessage", _Posted, channel=channel, text=text).ts
    mention = {"type": "app_mention", "channel": channel, "user": "U000000001", "text": text, "ts": ts}
    envelope = {
        "type": "event_callback",
        "team_id": connection.external_account_id,
        "event_id": f"Ev{secrets.token_hex(16)}",
        "event_time": int(time.time()),
        "event": mention,
    }
    for _ in range(2):
        assert deliver(scene, json.dumps(envelope)) == 200
        scene.work()
    thread = as_contact(scene, "conversations.replies", _Thread, channel=channel, ts=ts)
    assert [(item.text, item.user) for item in thread.messages if item.ts != ts] == [(ANSWER, bot)]
    [conversation] = list_conversations(scene.kernel, actor=scene.actor).items
    assert conversation.channel_kind == "slack_channel"


def test_a_consent_cannot_be_used_twice(scene: Scene) -> None:
    browser, back = walk(scene)
    assert "connected" in outcome(browser.get(back))
    assert outcome(browser.get(back))["refused"] == "used"


def test_a_wrong_client_secret_is_refused_by_the_peer(settings: Settings, tmp_path: Path) -> None:
    with open_scene(settings, tmp_path, client_secret=secrets.token_hex(16)) as scene:
        browser, back = walk(scene)
        assert outcome(browser.get(back))["refused"] == "exchange_refused"
        assert list_connections(scene.kernel, actor=scene.actor) == ()


def deliver(scene: Scene, body: str) -> int:
    """Deliver an event to the address that all tenants share, signed with the operator's secret."""
    moment = str(int(time.time()))
    signature = SignatureVerifier(scene.keys.signing_secret).generate_signature(timestamp=moment, body=body) or ""
    headers = {
        "content-type": "application/json",
        "x-slack-request-timestamp": moment,
        "x-slack-signature": signature,
    }
    return httpx2.post(f"{scene.address}{SHARED_EVENTS}", content=body, headers=headers, trust_env=False).status_code
