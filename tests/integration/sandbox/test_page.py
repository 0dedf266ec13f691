"""The page on which one plays the contact, in Chromium."""

from collections.abc import Generator
from typing import Literal
from urllib.parse import urlencode

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect
from slack_sdk import WebClient
from twilio.rest import Client

from tests.integration.sandbox.conftest import Product
from tests.support.accessibility import check_accessible
from tests.support.chromium import running_chromium
from tests.support.listener import http_answer
from tests.support.sandbox import SandboxClient

Scheme = Literal["light", "dark"]


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    with running_chromium() as started:
        yield started


@pytest.fixture(params=[("light", 1280), ("dark", 390)], ids=["desk, light", "phone, dark"])
def page(browser: Browser, sandbox: SandboxClient, request: pytest.FixtureRequest) -> Generator[Page]:
    scheme: Scheme
    width: int
    scheme, width = request.param
    context = browser.new_context(
        base_url=sandbox.base_url, color_scheme=scheme, viewport={"width": width, "height": 800}
    )
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    yield opened
    context.close()
    assert not problems


def test_before_anything_is_connected_it_says_what_to_do(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_text("Connect Slack in Patchbay")).to_be_visible()
    check_accessible(page)


def test_an_answer_in_a_thread_appears_by_itself(page: Page, sandbox: SandboxClient, bot: WebClient) -> None:
    page.goto("/")
    page.get_by_role("button", name="#creator-ops").click()
    page.get_by_label("As").select_option("Jonas Keller")
    page.get_by_label("Your message").fill("When is the payout?")
    page.get_by_label("Your message").press("Enter")
    asked = page.get_by_role("article").filter(has_text="@Patchbay When is the payout?")
    expect(asked).to_contain_text("received by Patchbay")
    ts = asked.get_attribute("data-id") or ""
    bot.chat_postMessage(channel="C0CREATOR01", thread_ts=ts, text="On <b>Friday</b>.")
    expect(page.get_by_role("article").filter(has_text="On <b>Friday</b>.")).to_be_visible()
    check_accessible(page)
    asked.get_by_role("button", name="Deliver again").click()
    sandbox.wait_until(lambda ledger: sum(len(item.statuses) for item in ledger.webhooks) == 4)


def test_a_text_message_is_answered_and_stopped(
    page: Page, sandbox: SandboxClient, account: Client, product: Product
) -> None:
    account.incoming_phone_numbers.list()[0].update(sms_url=f"{product.url}/sms")
    product.answers = [
        http_answer(b"<Response><Message>Thursday</Message></Response>", headers={"Content-Type": "text/xml"})
    ]
    page.goto("/")
    page.get_by_role("button", name="Mia Ortega +14155550142").click()
    page.get_by_label("Your message").fill("Can we move our call?")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("article").filter(has_text="Thursday")).to_contain_text("delivered")
    page.get_by_label("Your message").fill("STOP")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("log").get_by_text("You have successfully been unsubscribed.")).to_be_in_viewport()
    check_accessible(page)


def test_keys_are_copied_and_an_address_is_verified(page: Page, sandbox: SandboxClient, product: Product) -> None:
    page.goto("/#paste")
    page.get_by_role("button", name="Copy Auth token").first.click()
    assert page.evaluate("navigator.clipboard.readText()") == sandbox.identities.twilio.auth_token
    page.get_by_label("Events address").first.fill(f"{product.url}/events")
    page.get_by_role("button", name="Verify and save").first.click()
    expect(page.get_by_text("Verified. Slack now sends events there.")).to_be_visible()
    expect(page.get_by_text("Events go to Patchbay")).to_be_visible()
    check_accessible(page)


def test_consent_can_be_given_by_keyboard(page: Page, sandbox: SandboxClient, product: Product) -> None:
    query = {
        "client_id": sandbox.identities.slack_app.client_id,
        "scope": "chat:write",
        "redirect_uri": product.redirect_uri,
        "state": "s1",
    }
    page.goto(f"/slack/oauth/v2/authorize?{urlencode(query)}")
    check_accessible(page)
    page.get_by_label("Workspace").select_option("Harbor Studio")
    page.get_by_role("button", name="Allow").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"{product.redirect_uri}?**")
    assert "state=s1" in page.url and "code=" in page.url


def test_a_mail_is_written_answered_and_replied_to(page: Page, sandbox: SandboxClient, product: Product) -> None:
    sandbox.mail.set_webhook_url(f"{product.url}/events")
    page.goto("/")
    page.get_by_role("button", name="Mia Ortega mia@harbor.example").click()
    expect(page.get_by_label("Mail to")).to_have_value("agent@northwind.example")
    page.get_by_label("Subject").fill("Payout")
    page.get_by_label("Your message").fill("When is it?\n\nMia")
    page.get_by_role("button", name="Send").click()
    written = page.get_by_role("article").filter(has_text="When is it?")
    expect(written).to_contain_text("received by Patchbay")
    answer = {"from": "Nora <agent@northwind.example>", "to": "mia@harbor.example", "subject": "Re: Payout"}
    key = sandbox.identities.resend.api_key
    headers = {"authorization": f"Bearer {key}"}
    sent = {**answer, "text": "On <b>Friday</b>.", "html": "<script>document.title = 'x'</script>"}
    assert httpx2.post(f"{sandbox.base_url}/resend/emails", json=sent, headers=headers).status_code == 200
    answered = page.get_by_role("article").filter(has_text="On <b>Friday</b>.")
    expect(answered).to_contain_text("Nora <agent@northwind.example> → mia@harbor.example")
    answered.get_by_text("Header fields").click()
    expect(answered).to_contain_text("message-id")
    answered.get_by_role("button", name="Reply").click()
    expect(page.get_by_text("Replying to “Re: Payout”")).to_be_visible()
    expect(page.get_by_label("Mail to")).to_be_hidden()
    page.get_by_text("How unusual the mail is").click()
    page.get_by_label("Keeps References").uncheck()
    page.get_by_label("Written by").select_option("an out-of-office reply")
    check_accessible(page)
    page.get_by_label("Your message").fill("I am away.")
    page.get_by_label("Your message").press("Control+Enter")
    expect(page.get_by_role("article").filter(has_text="I am away.")).to_contain_text("received by Patchbay")
    reply = sandbox.mail.mailbox()[-1]
    assert (reply.subject, reply.to) == ("Re: Payout", ("Nora <agent@northwind.example>",))
    assert reply.headers["in-reply-to"] == sandbox.mail.inbox()[0].message_id
    assert reply.headers["auto-submitted"] == "auto-replied"
    assert "references" not in reply.headers
    expect(page.get_by_label("Mail to")).to_be_visible()
    check_accessible(page)


def test_a_webhook_endpoint_is_pasted(page: Page, sandbox: SandboxClient, product: Product) -> None:
    page.goto("/#paste")
    card = page.locator("section", has=page.get_by_role("heading", name="Resend · Harbor Studio"))
    card.get_by_role("button", name="Copy Webhook signing secret").click()
    assert page.evaluate("navigator.clipboard.readText()") == sandbox.identities.other_resend.webhook_secret
    card.get_by_label("Webhook endpoint").fill(f"{product.url}/events")
    card.get_by_role("button", name="Save endpoint").click()
    expect(card.get_by_text("Saved. Resend now sends events there.")).to_be_visible()
    expect(card.get_by_text("Events go to Patchbay")).to_be_visible()
    check_accessible(page)
