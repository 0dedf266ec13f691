"""Telegram through the whole product: connected by its two values, written to, answered."""

import json
import socket
from collections.abc import Generator
from dataclasses import dataclass, replace
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from app.http.webhooks import WebhookApp, create_webhook_app
from services.agents import AgentForm, create_agent, save_playbook
from services.connections import ConnectionView, connect_with_keys, get_connection
from services.conversations import get_thread, list_conversations
from services.kernel.kernel import Kernel
from services.kernel.settings import Settings
from services.tenants import Actor, authenticate_api_key, bootstrap
from services.traces import get_trace
from tests.providers.harness import Reply, WireServer, load_payload, signed, wire_server
from tests.providers.telegram.wire import CONTACT, WIRE, refusal
from tests.support.kernels import build_kernel
from tests.support.line import PLAYBOOK, OnDemandQueue, await_wakes, served, webhook_url, work_off

assert WIRE.messaging is not None
ACCEPTED = WIRE.messaging.accepted
QUESTION = load_payload("telegram", "message__direct").body.replace(
    b"Are you open on Saturday?", b"What are your opening hours?"
)


@dataclass(frozen=True, slots=True)
class Shop:
    """A tenant with an agent that a Telegram bot is connected for."""

    kernel: Kernel
    queue: OnDemandQueue
    door: WebhookApp
    actor: Actor
    telegram: ConnectionView
    wire: WireServer

    def deliver(self, body: bytes, *, secrets: dict[str, str] | None = None) -> int:
        """Post an update as Telegram does, do the work that it woke, and return the status."""
        request = signed(WIRE, replace(load_payload("telegram", "message__direct"), body=body), secrets=secrets)
        url = webhook_url(self.telegram, "updates")
        try:
            with urlopen(Request(url, data=body, headers=dict(request.headers)), timeout=10) as answer:
                status = answer.status
        except HTTPError as error:
            status = error.code
        await_wakes(self.door)
        work_off(self.kernel, self.queue)
        return status

    def sent(self) -> list[dict[str, object]]:
        """Return what was asked to be sent."""
        return [json.loads(call.body) for call in self.wire.calls if call.path.endswith("/sendMessage")]


@pytest.fixture
def says() -> Reply:
    """What Telegram answers to a message."""
    return ACCEPTED


@pytest.fixture
def wire(says: Reply) -> Generator[WireServer]:
    """Telegram: says who the bot is, then the same to every message."""
    with wire_server(WIRE.verified, says) as server:
        yield server


@pytest.fixture
def shop(settings: Settings, wire: WireServer) -> Generator[Shop]:
    """A connected tenant, and the webhook door."""
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    values = settings.model_dump(exclude={"public_url", "provider_urls", "sandbox"})
    built = build_kernel(
        Settings(**values, sandbox=True, public_url=address, provider_urls={"telegram_api": wire.url + "/telegram"})
    )
    queue = OnDemandQueue()
    kernel = replace(built, queue=queue)
    try:
        door = create_webhook_app(kernel)
        with served(door, listener):
            actor = authenticate_api_key(
                kernel, bootstrap(kernel, email="owner@northwind.example", tenant="Northwind").api_key.reveal()
            )
            agent = create_agent(kernel, actor=actor, form=AgentForm(name="Bri", purpose="Customers"))
            save_playbook(kernel, actor=actor, agent_id=agent.id, drafts=PLAYBOOK)
            telegram = connect_with_keys(
                kernel, actor=actor, provider="telegram", scheme_id="keys", agent_id=agent.id, values=WIRE.secrets
            )
            work_off(kernel, queue)
            yield Shop(kernel, queue, door, actor, telegram, wire)
    finally:
        built.close()


def test_a_question_is_answered_once_in_its_chat(shop: Shop) -> None:
    assert shop.telegram.external_account_name == "@northwind_bot"
    assert [shop.deliver(QUESTION), shop.deliver(QUESTION)] == [200, 200]

    assert shop.sent() == [{"chat_id": CONTACT, "text": "We are open from 9 to 17, Monday to Friday."}]
    [conversation] = list_conversations(shop.kernel, actor=shop.actor).items
    assert conversation.contact_name == "Ada Osei"


def test_another_secret_is_refused(shop: Shop) -> None:
    assert shop.deliver(QUESTION, secrets={"signing_secret": f"{WIRE.account_id}_{'x' * 32}"}) == 401
    assert shop.deliver(QUESTION, secrets=dict(WIRE.other_secrets)) == 401

    assert shop.sent() == []


@pytest.mark.parametrize("says", [refusal(403, "Forbidden: bot was blocked by the user")])
def test_a_contact_who_blocked_the_bot_is_named_as_the_reason(shop: Shop) -> None:
    shop.deliver(QUESTION)

    [conversation] = list_conversations(shop.kernel, actor=shop.actor, state="all").items
    thread = get_thread(shop.kernel, actor=shop.actor, conversation_id=conversation.id)
    failed = thread.messages[-1]
    assert "blocked the bot" in failed.error_text
    told = repr(get_trace(shop.kernel, actor=shop.actor, trace_id=failed.trace_id)) + repr(thread)
    told += repr(get_connection(shop.kernel, actor=shop.actor, connection_id=shop.telegram.id))
    assert WIRE.secrets["api_token"] not in told and "Forbidden" not in told
