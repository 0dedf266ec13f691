"""The e-mail adapter against the sandbox: two readings of Resend's documentation meet at the wire."""

import base64
from collections.abc import Generator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.kernel.errors import NeedsReauth, Refused, RetryLater
from services.kernel.http import OutboundClient
from services.kernel.secret import Secret
from services.provider_kit.contract import (
    ConsentChanged,
    MessageAnnounced,
    MessageReceived,
    MessageStatusChanged,
    OutboundMessage,
    OutgoingEmail,
    ProviderContext,
    WebhookRequest,
)
from services.providers.resend import domains, inbox, messaging, webhooks
from services.providers.resend.client import ResendClient, build_client, verify_credentials
from tests.providers.harness import WireServer, json_reply, wire_server
from tests.support.sandbox import SandboxClient, running_sandbox
from tests.support.sandbox_mail import JONAS, MIA, Letter

PATH = "/api/ai-agents/webhooks/resend"
MESSAGE_ID = "0197f0aa-7c1e-7b3a-9d52-2f6a3f6f0c11"


@pytest.fixture
def product() -> Generator[WireServer]:
    """What the sandbox's webhooks reach; it says yes to all."""
    with wire_server(json_reply({"ok": True})) as server:
        yield server


@pytest.fixture
def sandbox(product: WireServer, tmp_path: Path) -> Generator[SandboxClient]:
    """A sandbox in which the first account's webhook calls the product."""
    with running_sandbox(tmp_path, public_url=product.url) as client:
        client.mail.set_webhook_url(product.url + PATH)
        yield client


def open_client(sandbox: SandboxClient, *, api_key: str = "", domain: str = "") -> ResendClient:
    """Return a client for the first account."""
    return build_client(
        ProviderContext(
            http=OutboundClient(allow_loopback=True, deadline_seconds=5),
            urls={"api": f"{sandbox.base_url}/resend"},
            secrets={"api_key": Secret(api_key or sandbox.identities.resend.api_key)},
            settings={"domain": domain or sandbox.identities.resend.domain},
            public_url="https://patchbay.example",
        )
    )


def believe(sandbox: SandboxClient, product: WireServer, *, index: int = -1) -> WebhookRequest:
    """Return a webhook that the product received, its sender proven."""
    call = product.calls[index]
    request = WebhookRequest(kind="events", url=product.url + call.path, headers=call.headers, body=call.body)
    identity = sandbox.identities.resend
    webhooks.authenticate(request, secrets={"signing_secret": Secret(identity.webhook_secret)}, now=datetime.now(UTC))
    webhooks.check_account(request, account_id=identity.domain)
    return request


def receive(sandbox: SandboxClient, product: WireServer, *event_ids: str) -> MessageReceived:
    """Return a letter as it is fetched after its webhook."""
    sandbox.wait_for_webhooks(*event_ids)
    # What became of an earlier letter may be told at the same time.
    ids = [{call.headers.get("svix-id"), call.headers.get("webhook-id")} for call in product.calls]
    request = believe(sandbox, product, index=max(at for at, id in enumerate(ids) if id & set(event_ids)))
    assert webhooks.dedupe_key(request) in event_ids
    (announced,) = webhooks.parse(request, settings={"domain": sandbox.identities.resend.domain})
    assert isinstance(announced, MessageAnnounced)
    fetched = inbox.fetch_message(open_client(sandbox), announced)
    assert isinstance(fetched, MessageReceived)
    return fetched


def answer(sandbox: SandboxClient, to: str, *, key: str = MESSAGE_ID, in_reply_to: str = "") -> OutboundMessage:
    """Return a letter of the agent's."""
    domain = sandbox.identities.resend.domain
    return OutboundMessage(
        id=key,
        channel_id=f"bri@{domain}",
        recipient=to,
        text="We open at **nine**.",
        attempted_at=datetime.now(UTC),
        email=OutgoingEmail(
            internet_message_id=f"{key}@{domain}",
            in_reply_to=in_reply_to,
            references=(in_reply_to,) if in_reply_to else (),
            subject="Re: Hours",
            from_address=f"bri@{domain}",
            from_name="Bri, Northwind",
            to=(to,),
            headers={"X-Agent-ID": "7f2c"},
        ),
    )


def test_the_account_is_its_verified_domain(sandbox: SandboxClient) -> None:
    identity = sandbox.identities.resend
    account = verify_credentials(open_client(sandbox))

    assert account.id == identity.domain and account.details["domain_id"]
    pending = verify_credentials(open_client(sandbox, domain=identity.pending_domain))
    assert pending.id == identity.pending_domain
    with pytest.raises(Refused) as caught:
        verify_credentials(open_client(sandbox, domain=sandbox.identities.other_resend.domain))
    assert caught.value.code == "unknown_domain"


def test_keys_that_cannot_do_the_work_are_told_apart(sandbox: SandboxClient) -> None:
    with pytest.raises(NeedsReauth):
        verify_credentials(open_client(sandbox, api_key="re_never_issued_0000"))
    with pytest.raises(Refused, match="may only send"):
        verify_credentials(open_client(sandbox, api_key=sandbox.identities.resend.sending_key))


@pytest.mark.parametrize("family", ["svix", "webhook", "both"])
def test_a_letter_is_believed_fetched_and_answered_in_its_thread(
    family: str, sandbox: SandboxClient, product: WireServer
) -> None:
    sandbox.mail.set_network(header_family=family)  # pyright: ignore[reportArgumentType]
    address = f"bri@{sandbox.identities.resend.domain}"
    plan = {"filename": "plan.pdf", "content_type": "application/pdf", "content": base64.b64encode(b"%PDF").decode()}
    written = sandbox.mail.write(
        to=f"Bri <{address.upper()}>",
        text="When do you open? <3",
        subject="Hours",
        letter=Letter(cc=[JONAS], attachments=[plan]),
    )
    received = receive(sandbox, product, *written.event_ids)

    assert received.email and received.text == "When do you open? <3"
    assert (received.channel_id, received.contact.id, received.contact.name) == (address, MIA, "Mia Ortega")
    assert f"<{received.email.internet_message_id}>" == written.message_id
    assert received.email.cc == (JONAS,) and received.email.automatic == ""
    assert [(item.name, item.content) for item in received.email.files] == [("plan.pdf", b"%PDF")]

    message = answer(sandbox, MIA, in_reply_to=received.email.internet_message_id)
    sent = messaging.send_message(open_client(sandbox), message)
    assert messaging.find_sent(open_client(sandbox), message) == sent
    (mail,) = sandbox.mail.wait_for_mails(1)
    assert mail.headers["in-reply-to"] == mail.headers["references"] == written.message_id
    assert (mail.headers["x-agent-id"], mail.subject, mail.text) == ("7f2c", "Re: Hours", "We open at nine.\n")
    assert (
        "<strong>nine</strong>" in mail.html and mail.message_id == f"<{MESSAGE_ID}@{sandbox.identities.resend.domain}>"
    )

    answered = sandbox.mail.reply("Thank you!")
    again = receive(sandbox, product, *answered.event_ids)
    assert again.email and again.email.in_reply_to == (f"{MESSAGE_ID}@{sandbox.identities.resend.domain}",)


@pytest.mark.parametrize("automatic", ["auto-replied", "auto-generated", "bulk", "out-of-office"])
def test_a_machine_s_letter_is_told_apart(automatic: str, sandbox: SandboxClient, product: WireServer) -> None:
    written = sandbox.mail.write(
        to=f"bri@{sandbox.identities.resend.domain}",
        text="I am away.",
        letter=Letter(automatic=automatic),  # pyright: ignore[reportArgumentType]
    )
    received = receive(sandbox, product, *written.event_ids)
    assert received.email and received.email.automatic


def test_a_letter_of_html_alone_is_read(sandbox: SandboxClient, product: WireServer) -> None:
    html = "<style>p{}</style><p>Hello <b>Bri</b></p><script>x()</script>"
    written = sandbox.mail.write(
        to=f"bri@{sandbox.identities.resend.domain}", text="Hello", letter=Letter(html=html, only_html=True)
    )
    assert receive(sandbox, product, *written.event_ids).text == "Hello **Bri**"


@pytest.mark.parametrize(
    ("outcome", "status"),
    [("delivered", "delivered"), ("bounced", "bounced"), ("complained", "complained"), ("suppressed", "failed")],
)
def test_what_became_of_a_letter_is_understood(
    outcome: str, status: str, sandbox: SandboxClient, product: WireServer
) -> None:
    sandbox.mail.set_outcome(MIA, outcome)  # pyright: ignore[reportArgumentType]
    sent = messaging.send_message(open_client(sandbox), answer(sandbox, MIA))
    sandbox.wait_until(
        lambda ledger: any(f'"email.{outcome}"'.encode() in call.body for call in product.calls), what=outcome
    )

    events = [
        event
        for index in range(len(product.calls))
        for event in webhooks.parse(believe(sandbox, product, index=index), settings={})
    ]
    changes = [event for event in events if isinstance(event, MessageStatusChanged)]
    assert {event.external_id for event in changes} == {sent.external_id}
    (last,) = [event for event in changes if event.status == status]
    assert bool(last.error_text) == (status != "delivered")
    consents = [event for event in events if isinstance(event, ConsentChanged)]
    assert [event.contact.id for event in consents] == ([MIA] if outcome in ("complained", "suppressed") else [])


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
def test_after_every_fault_the_letter_is_sent_once(
    fault: str, error: type[Exception], ambiguous: bool | None, sandbox: SandboxClient
) -> None:
    client, message = open_client(sandbox), answer(sandbox, MIA)
    sandbox.fail("resend", fault)
    with pytest.raises(error) as caught:
        messaging.send_message(client, message)
    assert getattr(caught.value, "ambiguous", None) is ambiguous

    found = messaging.find_sent(client, message)
    assert found is not None and messaging.send_message(client, message) == found
    assert len(sandbox.answers(service="resend")) == 1


def test_another_letter_under_the_same_key_is_refused(sandbox: SandboxClient) -> None:
    client, message = open_client(sandbox), answer(sandbox, MIA)
    messaging.send_message(client, message)
    with pytest.raises(Refused) as caught:
        messaging.send_message(client, replace(message, text="We open at ten."))

    assert caught.value.code == "invalid_idempotent_request"
    assert len(sandbox.answers(service="resend")) == 1


def test_a_domain_without_its_records_cannot_send_until_they_are_set(sandbox: SandboxClient) -> None:
    client, pending = open_client(sandbox), sandbox.identities.resend.pending_domain
    message = answer(sandbox, MIA)
    assert message.email
    message = replace(message, email=replace(message.email, from_address=f"bri@{pending}"))
    with pytest.raises(Refused) as caught:
        messaging.send_message(client, message)
    assert caught.value.code == "domain_not_verified"

    listed = {domain.name: domain for domain in domains.list_domains(client)}
    assert next(iter(listed)) == sandbox.identities.resend.domain and listed[pending].status != "verified"
    assert {record.purpose for record in listed[pending].records} >= {"SPF", "DKIM"}
    sandbox.mail.set_dns(pending)
    domains.check_domain(client, listed[pending].id)
    assert {domain.status for domain in domains.list_domains(client)} == {"verified"}
    assert messaging.send_message(client, message).external_id
