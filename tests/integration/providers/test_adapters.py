"""The adapters against the sandbox: two readings of the providers' documentation meet at the wire."""

from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.kernel.errors import NeedsReauth, Refused, RetryLater
from services.kernel.http import OutboundClient
from services.kernel.secret import Secret
from services.provider_kit import registry
from services.provider_kit.contract import (
    ConsentChanged,
    MessageReceived,
    MessageStatusChanged,
    OutboundMessage,
    ProviderContext,
    WebhookRequest,
)
from tests.providers.harness import WireServer, json_reply, wire_server
from tests.support.sandbox import SandboxClient, running_sandbox

SCOPES = [scope.name for scope in registry.get_manifest("slack").scopes]


@pytest.fixture
def product() -> Generator[WireServer]:
    """What the sandbox's webhooks reach; it says yes to all."""
    with wire_server(json_reply({"ok": True})) as server:
        yield server


@pytest.fixture
def sandbox(product: WireServer, tmp_path: Path) -> Generator[SandboxClient]:
    """A sandbox whose operator registered the product."""
    with running_sandbox(tmp_path, public_url=product.url) as client:
        yield client


def build(sandbox: SandboxClient, slug: str, secrets: Mapping[str, str], settings: Mapping[str, str]) -> Any:
    """Return a provider's client that talks to the sandbox."""
    manifest = registry.get_manifest(slug)
    context = ProviderContext(
        http=OutboundClient(allow_loopback=True, deadline_seconds=5),
        urls={name: sandbox.base_url + url.sandbox for name, url in manifest.urls.items()},
        secrets={name: Secret(value) for name, value in secrets.items()},
        settings=settings,
        public_url="https://patchbay.example",
    )
    return registry.client(slug).build_client(context)


def slack(sandbox: SandboxClient, product: WireServer) -> Any:
    """Install the operator's app and return its client."""
    redirect = f"{product.url}/api/admin/ai-agents/integrations/slack/oauth/callback"
    token = sandbox.install(scopes=SCOPES, redirect_uri=redirect)
    return build(sandbox, "slack", {"bot_token": token}, {})


def twilio(sandbox: SandboxClient) -> Any:
    """Return a client for the first account."""
    identity = sandbox.identities.twilio
    return build(sandbox, "twilio", {"auth_token": identity.auth_token}, {"account_sid": identity.account_sid})


def received(product: WireServer, *, slug: str, kind: str, index: int = -1) -> WebhookRequest:
    """Return a webhook that the product received."""
    call = product.calls[index]
    return WebhookRequest(kind=kind, url=product.url + call.path, headers=call.headers, body=call.body)


def test_a_direct_message_is_believed_read_and_answered_in_its_thread(
    sandbox: SandboxClient, product: WireServer
) -> None:
    client, module = slack(sandbox, product), registry.webhooks("slack")
    account = registry.client("slack").verify_credentials(client)
    written = sandbox.slack_message("When do you open? <3")
    sandbox.wait_for_webhooks(*written.event_ids)

    request = received(product, slug="slack", kind="events")
    secrets = {"signing_secret": Secret(sandbox.identities.slack_app.signing_secret)}
    module.authenticate(request, secrets=secrets, now=datetime.now(UTC))
    module.check_account(request, account_id=account.id)
    (event,) = module.parse(request, settings=account.details)
    assert isinstance(event, MessageReceived) and event.text == "When do you open? <3"

    message = OutboundMessage(
        id="0197f0aa-7c1e-7b3a-9d52-2f6a3f6f0c11",
        channel_id=event.channel_id,
        recipient=event.contact.id,
        reply_to=event.reply_to,
        text="At nine, <!channel>.",
        attempted_at=datetime.now(UTC),
    )
    assert registry.messaging("slack").find_sent(client, message) is None
    sent = registry.messaging("slack").send_message(client, message)
    assert registry.messaging("slack").find_sent(client, message) == sent
    (answer,) = sandbox.wait_for_answers(1, service="slack")
    assert (answer.thread_ts, answer.channel) == (event.reply_to, event.channel_id)
    assert "<!channel>" not in answer.text


def test_a_mention_in_a_channel_is_one_message_to_us(sandbox: SandboxClient, product: WireServer) -> None:
    client, module = slack(sandbox, product), registry.webhooks("slack")
    details = registry.client("slack").verify_credentials(client).details
    written = sandbox.slack_message("are you there?", channel="C0GENERAL01", mention=True)
    sandbox.wait_for_webhooks(*written.event_ids)

    requests = [received(product, slug="slack", kind="events", index=at) for at in range(len(product.calls))]
    events = [event for request in requests for event in module.parse(request, settings=details)]
    (mention,) = [event for event in events if isinstance(event, MessageReceived)]
    assert mention.text == "are you there?" and mention.reply_to == written.message_id


@pytest.mark.parametrize(
    ("fault", "error", "ambiguous"),
    [
        ("429", RetryLater, False),
        ("500", RetryLater, True),
        ("401", NeedsReauth, None),
        ("garbage", RetryLater, True),
        ("reset", RetryLater, True),
        ("accept_then_500", RetryLater, True),
    ],
)
@pytest.mark.parametrize("slug", ["slack", "twilio"])
def test_a_fault_means_the_same_everywhere(
    slug: str,
    fault: str,
    error: type[Exception],
    ambiguous: bool | None,
    sandbox: SandboxClient,
    product: WireServer,
) -> None:
    client = slack(sandbox, product) if slug == "slack" else twilio(sandbox)
    channel = sandbox.slack_message("hello").channel if slug == "slack" else sandbox.identities.twilio.numbers[0]
    message = OutboundMessage(
        id="0197f0aa-7c1e-7b3a-9d52-2f6a3f6f0c12",
        channel_id=channel,
        recipient="+14155550142",
        text="We open at nine.",
        attempted_at=datetime.now(UTC),
    )
    sandbox.fail(slug, fault)
    with pytest.raises(error) as caught:
        registry.messaging(slug).send_message(client, message)

    assert getattr(caught.value, "ambiguous", None) is ambiguous
    found = registry.messaging(slug).find_sent(client, message)
    assert (found is not None) == fault.startswith("accept")
    assert len(sandbox.answers(service=slug)) == int(fault.startswith("accept"))


def test_a_number_is_routed_and_what_comes_in_on_it_is_believed(sandbox: SandboxClient, product: WireServer) -> None:
    client, module = twilio(sandbox), registry.webhooks("twilio")
    identity = sandbox.identities.twilio
    account = registry.client("twilio").verify_credentials(client)
    channels = registry.channels("twilio").list_channels(client)
    assert [channel.address for channel in channels] == list(identity.numbers)
    registry.channels("twilio").route_channel(
        client, channels[1], webhook_urls={"sms": f"{product.url}/api/ai-agents/webhooks/twilio/token/sms"}
    )

    secrets = {"auth_token": Secret(identity.auth_token)}
    for text, expected in (("When? 1 + 1 & €", MessageReceived), ("stop", ConsentChanged)):
        written = sandbox.sms(text, to=identity.numbers[1])
        sandbox.wait_for_webhooks(*written.event_ids)
        request = received(product, slug="twilio", kind="sms")
        module.authenticate(request, secrets=secrets, now=datetime.now(UTC))
        module.check_account(request, account_id=account.id)
        (event,) = module.parse(request, settings={})
        assert isinstance(event, expected)
        assert module.dedupe_key(request) == written.message_id

    message = OutboundMessage(
        id="x", channel_id=identity.numbers[1], recipient="+14155550142", text="No.", attempted_at=datetime.now(UTC)
    )
    with pytest.raises(Refused) as caught:
        registry.messaging("twilio").send_message(client, message)
    assert caught.value.code == "opted_out"


def test_receipts_come_back_signed(sandbox: SandboxClient, product: WireServer) -> None:
    client, module, identity = twilio(sandbox), registry.webhooks("twilio"), sandbox.identities.twilio
    message = OutboundMessage(
        id="x",
        channel_id=identity.numbers[0],
        recipient="+14155550143",
        text="We open at nine.",
        status_url=f"{product.url}/api/ai-agents/webhooks/twilio/token/status",
    )
    sent = registry.messaging("twilio").send_message(client, message)
    sandbox.wait_until(lambda ledger: any(b"=delivered" in call.body for call in product.calls), what="a receipt")

    states: list[str] = []
    for index in range(len(product.calls)):
        request = received(product, slug="twilio", kind="status", index=index)
        module.authenticate(request, secrets={"auth_token": Secret(identity.auth_token)}, now=datetime.now(UTC))
        (event,) = module.parse(request, settings={})
        if isinstance(event, MessageStatusChanged):
            assert event.external_id == sent.external_id
            states.append(event.status)
    assert states[-1] == "delivered"


def test_a_revoked_or_foreign_credential_needs_a_person(sandbox: SandboxClient) -> None:
    identity, other = sandbox.identities.twilio, sandbox.identities.other_twilio
    for slug, secrets, settings in (
        ("slack", {"bot_token": "xoxb-never-issued-1234"}, {}),
        ("twilio", {"auth_token": other.auth_token}, {"account_sid": identity.account_sid}),
    ):
        with pytest.raises(NeedsReauth):
            registry.client(slug).verify_credentials(build(sandbox, slug, secrets, settings))
