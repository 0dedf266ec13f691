"""Resend's webhooks and the mails that come in, held against ``resend``."""

import base64
from email import message_from_bytes
from typing import Any, cast

import httpx2
import pytest
import resend

from tests.integration.sandbox.conftest import Product, Received
from tests.support.listener import http_answer
from tests.support.sandbox import SandboxClient
from tests.support.sandbox_mail import JONAS, MIA, Letter, Outcome

AGENT = "nora@northwind.example"


@pytest.fixture(autouse=True)
def webhook(sandbox: SandboxClient, product: Product, monkeypatch: pytest.MonkeyPatch) -> str:
    """The first account's dashboard webhook, pointed at the product; returns its secret."""
    monkeypatch.setattr(resend, "api_url", f"{sandbox.base_url}/resend")
    monkeypatch.setattr(resend, "api_key", sandbox.identities.resend.api_key)
    sandbox.mail.set_webhook_url(f"{product.url}/events")
    return sandbox.identities.resend.webhook_secret


def send(**fields: object) -> str:
    params = {"from": f"Nora <{AGENT}>", "to": MIA, "subject": "Payout", "text": "Friday.", **fields}
    return resend.Emails.send(cast(resend.Emails.SendParams, params))["id"]


def verified(received: Received, secret: str, *, family: str = "svix") -> dict[str, Any]:
    """Check a webhook as Resend's client does, and return what it says."""
    names = ("id", "timestamp", "signature")
    headers = cast(resend.WebhookHeaders, {name: received.headers.get(f"{family}-{name}", "") for name in names})
    payload = resend.Webhooks.verify({"payload": received.body.decode(), "headers": headers, "webhook_secret": secret})
    return cast(dict[str, Any], payload)


def wait_for_events(sandbox: SandboxClient, product: Product, count: int) -> list[Received]:
    sandbox.wait_until(lambda ledger: len([item for item in ledger.webhooks if item.finished]) >= count)
    return product.received


@pytest.mark.parametrize(
    ("outcome", "events", "arrives"),
    [
        ("delivered", ["email.sent", "email.delivered"], True),
        ("bounced", ["email.sent", "email.bounced"], False),
        ("complained", ["email.sent", "email.delivered", "email.complained"], True),
        ("delayed", ["email.sent", "email.delivery_delayed", "email.delivered"], True),
        ("suppressed", ["email.suppressed"], False),
        ("failed", ["email.failed"], False),
    ],
)
@pytest.mark.parametrize("by_name", [True, False], ids=["by its name", "by control"])
def test_what_becomes_of_a_mail_is_told(
    sandbox: SandboxClient, product: Product, webhook: str, outcome: Outcome, events: list[str], arrives: bool,
    by_name: bool,
) -> None:  # fmt: skip
    to = f"{outcome}+3@resend.dev" if by_name else MIA
    if not by_name:
        sandbox.mail.set_outcome(MIA, outcome)
    mail_id = send(to=to, tags=[{"name": "turn", "value": "7"}])
    told = [verified(item, webhook) for item in wait_for_events(sandbox, product, len(events))]
    assert [item["type"] for item in told] == events
    assert {(item["data"]["email_id"], *item["data"]["to"]) for item in told} == {(mail_id, to)}
    assert told[0]["data"]["tags"] == {"turn": "7"}
    assert resend.Emails.get(mail_id)["last_event"] == events[-1].removeprefix("email.")
    assert bool(sandbox.mail.inbox(to)) == arrives


def test_a_bounce_says_why(sandbox: SandboxClient, product: Product, webhook: str) -> None:
    send(to=["bounced@resend.dev", MIA])
    events = [verified(item, webhook) for item in wait_for_events(sandbox, product, 3)]
    told = {item["type"]: item["data"] for item in events}
    assert told["email.bounced"]["bounce"]["type"] == "Permanent"
    assert told["email.bounced"]["to"] == ["bounced@resend.dev"]
    assert told["email.delivered"]["to"] == [MIA]


def test_a_contact_s_mail_is_announced_and_fetched(sandbox: SandboxClient, product: Product, webhook: str) -> None:
    content = base64.b64encode(b"%PDF-1.4").decode()
    letter = Letter(
        cc=[JONAS],
        html='<p>See <img src="cid:logo"></p>',
        attachments=[
            {"filename": "brief.pdf", "content_type": "application/pdf", "content": content},
            {"filename": "logo.png", "content_type": "image/png", "content": "aGk=", "content_id": "logo"},
        ],
    )
    written = sandbox.mail.write(to=AGENT, subject="Brief", text="See attached.", letter=letter)
    sandbox.wait_for_webhooks(*written.event_ids)
    [received] = product.received
    event = verified(received, webhook)
    data = event["data"]
    assert event["type"] == "email.received"
    assert (data["from"], data["to"], data["cc"]) == (f"Mia Ortega <{MIA}>", [AGENT], [JONAS])
    assert (data["subject"], data["message_id"], data["received_for"]) == ("Brief", written.message_id, [AGENT])
    assert [item["filename"] for item in data["attachments"]] == ["brief.pdf", "logo.png"]
    assert not {"text", "html", "headers"} & set(data)

    mail = cast(dict[str, Any], resend.Emails.Receiving.get(data["email_id"]))
    assert (mail["text"], mail["headers"]["message-id"]) == ("See attached.", written.message_id)
    assert "data:image/png;base64,aGk=" in mail["html"]
    assert "cid:logo" in (resend.Emails.Receiving.get(data["email_id"], {"html_format": "cid"})["html"] or "")
    [listed] = resend.Emails.Receiving.list()["data"]
    assert (listed["id"], "text" in listed) == (data["email_id"], False)
    parsed = message_from_bytes(httpx2.get(mail["raw"]["download_url"]).content)
    assert parsed["Subject"] == "Brief"
    assert [part.get_filename() for part in parsed.walk() if part.get_filename()] == ["brief.pdf", "logo.png"]

    files = resend.Emails.Receiving.Attachments.list(data["email_id"])["data"]
    found = resend.Emails.Receiving.Attachments.get(data["email_id"], files[0]["id"])
    download = httpx2.get(found["download_url"])
    assert (download.content, download.headers["content-type"]) == (b"%PDF-1.4", "application/pdf")
    assert found["size"] == len(download.content)
    for forged in (found["download_url"][:-1] + "x", found["download_url"].replace("expires=", "expires=9")):
        assert httpx2.get(forged).status_code == 403

    sandbox.fail("resend", "500", method="cdn")
    assert [httpx2.get(found["download_url"]).status_code for _ in range(2)] == [500, 200]

    [copy] = sandbox.mail.inbox(JONAS)
    assert copy.message_id == written.message_id


@pytest.mark.parametrize("family", ["svix", "webhook", "both"])
def test_signatures_come_under_either_name(sandbox: SandboxClient, product: Product, webhook: str, family: str) -> None:
    sandbox.mail.set_network(header_family=family)  # pyright: ignore[reportArgumentType]
    sandbox.wait_for_webhooks(*sandbox.mail.write(to=AGENT, text="Hello").event_ids)
    [received] = product.received
    for name in ("svix", "webhook"):
        if family in {name, "both"}:
            assert verified(received, webhook, family=name)
        else:
            assert f"{name}-signature" not in received.headers


@pytest.mark.parametrize("failure", [http_answer(status="503 Busy"), http_answer(status="401 Unauthorized"), b"reset"])
def test_a_failing_product_is_asked_again_under_the_same_id(
    sandbox: SandboxClient, product: Product, webhook: str, failure: bytes
) -> None:
    sandbox.control("pace", {"resend_retry_seconds": [0.05, 0.05]})
    product.answers = [failure, *product.answers]
    [delivery] = sandbox.wait_for_webhooks(*sandbox.mail.write(to=AGENT, text="Hello").event_ids)
    assert (len(delivery.statuses), delivery.statuses[-1]) == (2, 200)
    assert {item.headers["svix-id"] for item in product.received} == {delivery.id}
    assert all(verified(item, webhook) for item in product.received)


@pytest.mark.parametrize("forgery", ["missing", "wrong", "stale"])
def test_a_forged_signature_does_not_hold(sandbox: SandboxClient, product: Product, webhook: str, forgery: str) -> None:
    sandbox.wait_for_webhooks(*sandbox.mail.write(to=AGENT, text="Hello").event_ids)
    sandbox.deliver_again(forgery=forgery)
    sandbox.wait_until(lambda ledger: len(ledger.webhooks[0].statuses) == 2)
    assert verified(product.received[0], webhook)
    with pytest.raises(ValueError, match=r"header is required|signature|tolerance"):
        verified(product.received[1], webhook)


def test_webhooks_are_made_changed_and_deleted(sandbox: SandboxClient, product: Product) -> None:
    made = resend.Webhooks.create({"endpoint": f"{product.url}/own", "events": ["email.received"]})
    assert [item["endpoint"] for item in resend.Webhooks.list()["data"]] == [
        f"{product.url}/{at}" for at in ("events", "own")
    ]
    assert cast(dict[str, Any], resend.Webhooks.get(made["id"]))["signing_secret"] == made["signing_secret"]

    def announced() -> list[str]:
        product.reset()
        sandbox.wait_for_webhooks(*sandbox.mail.write(to=AGENT, text="Hello").event_ids)
        return sorted(item.path for item in product.received)

    assert announced() == ["/events", "/own"]
    assert verified(next(item for item in product.received if item.path == "/own"), made["signing_secret"])
    resend.Webhooks.update({"webhook_id": made["id"], "events": ["email.bounced"]})
    assert announced() == ["/events"]
    resend.Webhooks.update({"webhook_id": made["id"], "events": ["email.received"], "status": "disabled"})
    assert announced() == ["/events"]
    resend.Webhooks.update({"webhook_id": made["id"], "status": "enabled"})
    assert announced() == ["/events", "/own"]
    assert cast(dict[str, Any], resend.Webhooks.remove(made["id"]))["deleted"]
    assert announced() == ["/events"]


def test_after_a_rotation_both_secrets_hold(sandbox: SandboxClient, product: Product) -> None:
    made = resend.Webhooks.create({"endpoint": f"{product.url}/own", "events": ["email.received"]})
    fresh = resend.Webhooks.rotate_signing_secret(made["id"])["signing_secret"]
    sandbox.wait_for_webhooks(*sandbox.mail.write(to=AGENT, text="Hello").event_ids)
    received = next(item for item in product.received if item.path == "/own")
    assert fresh != made["signing_secret"]
    assert verified(received, fresh)
    assert verified(received, made["signing_secret"])


def test_two_accounts_write_to_each_other(sandbox: SandboxClient, product: Product, webhook: str) -> None:
    other = sandbox.identities.other_resend
    sandbox.mail.set_webhook_url(f"{product.url}/other", account=other.account_id)
    send(to=f"hal@{other.domain}", headers={"Message-ID": "<1@northwind.example>"})
    events = wait_for_events(sandbox, product, 3)
    [received] = [item for item in events if item.path == "/other"]
    event = verified(received, other.webhook_secret)
    assert (event["type"], event["data"]["message_id"]) == ("email.received", "<1@northwind.example>")
    with pytest.raises(ValueError, match="signature"):
        verified(received, webhook)
    resend.api_key = other.api_key
    assert resend.Emails.Receiving.get(event["data"]["email_id"])["text"] == "Friday."
