"""A person at the conversations of an agent: letters, text messages and Slack arrive live, and are answered by hand.

The company is set up over REST; everything after that happens in the browser, by keyboard where one would.
"""

import base64
import re
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Locator, Page, WebSocketRoute, expect
from sqlalchemy import create_engine
from sqlmodel import Session

from app.http.rest.identity import IdentityView
from models import ActionRun, ActionRunState
from services.actions import ActionRunView
from services.connections import ConnectionView
from services.email import SenderView
from services.kernel.ids import new_id
from tests.support.accessibility import check_accessible, choose_scheme
from tests.support.browsers import sign_in
from tests.support.product import Product
from tests.support.rest import RestShop, open_shop
from tests.support.sandbox_mail import JONAS, MIA, Letter

HOURS = ("What are your opening hours?", "We are open from 9 to 17, Monday to Friday.")
PHONE = "+14155550142"
CHANNEL = "C0CREATOR01"
NEWSLETTER = (
    "<p>Hello Bri, <b>what are your opening hours?</b></p>"
    '<script>document.title = "taken over"</script><img src="https://tracker.example/pixel.png" alt="">'
)
NARROW_AND_WIDE: tuple[tuple[int, Literal["light", "dark"]], ...] = ((360, "dark"), (1440, "light"))
DRAFT = {
    "filename": "draft.txt",
    "content_type": "text/plain",
    "content": base64.b64encode(b"Between Northwind and Harbor.").decode(),
}


@dataclass
class Journey:
    """An owner's browser, and the company whose conversations it shows."""

    product: Product
    shop: RestShop
    page: Page
    mailbox: str
    tenant_id: UUID
    problems: list[str]
    mention_ts: str = ""

    @property
    def address(self) -> str:
        """The agent's conversations."""
        return f"{self.product.address}/admin/ai-team/{self.shop.agent.id}/conversations/"

    @property
    def inbox(self) -> Locator:
        """The list."""
        return self.page.get_by_role("region", name="Conversations")

    @property
    def log(self) -> Locator:
        """The messages of the open conversation."""
        return self.page.get_by_role("log")

    def open(self, text: str) -> None:
        """Open the conversation in whose row this stands."""
        self.inbox.get_by_role("link").filter(has_text=text).first.click()

    def narrow(self, filters: str, name: str | re.Pattern[str]) -> None:
        """Choose a filter."""
        self.inbox.get_by_role("navigation", name=filters).get_by_role("link", name=name).click()


@dataclass
class Line:
    """The page's socket on its way to the server: it can be stuck for a while, and loses nothing."""

    is_stuck: bool = False
    held: list[tuple[WebSocketRoute, str | bytes]] = field(default_factory=list[tuple[WebSocketRoute, str | bytes]])

    def connect(self, page_end: WebSocketRoute) -> None:
        """Pass on what the page says, or keep it for later."""
        server_end = page_end.connect_to_server()

        def pass_on(said: str | bytes) -> None:
            if self.is_stuck:
                self.held.append((server_end, said))
            else:
                server_end.send(said)

        page_end.on_message(pass_on)

    def move_on(self) -> None:
        """Pass on what was kept."""
        self.is_stuck = False
        for server_end, said in self.held:
            server_end.send(said)


def open_mailbox(product: Product, shop: RestShop, *, is_second: bool = False) -> str:
    """Connect the sandbox's mail account over REST, and return the address that the agent writes from."""
    account = product.sandbox.identities.other_resend if is_second else product.sandbox.identities.resend
    values = {"api_key": account.api_key, "signing_secret": account.webhook_secret, "domain": account.domain}
    body = {"provider": "resend", "scheme": "keys", "agent_id": str(shop.agent.id), "values": values}
    connection = shop.api.call("POST", "connections", ConnectionView, body=body)
    [url] = [item.url for item in connection.webhook_urls if item.kind == "events"]
    product.sandbox.mail.set_webhook_url(url, account=account.account_id if is_second else "")
    address = f"bri@{account.domain}"
    path = f"connections/{connection.id}/email-senders"
    shop.api.call("POST", path, SenderView, body={"agent_id": str(shop.agent.id), "address": address})
    return address


@pytest.fixture
def journey(product: Product, browser: Browser) -> Generator[Journey]:
    """A company that is connected everywhere, and a signed-in owner."""
    shop = open_shop(product, name="Conversations", playbook=[HOURS])
    product.sandbox.set_events_url(shop.events_url, app=shop.slack_app.app_id)
    mailbox = open_mailbox(product, shop)
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    context.set_default_timeout(20_000)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    sign_in(context, shop.sign_in_link)
    tenant_id = shop.api.get("me", IdentityView).tenant.id
    yield Journey(product, shop, page, mailbox, tenant_id, problems)
    shop.api.close()
    context.close()


def test_a_person_answers_in_every_channel(journey: Journey) -> None:
    for step in STEPS:
        step(journey)
    assert journey.problems == []
    assert journey.product.errors() == []


def watch_them_arrive(journey: Journey) -> None:
    """Leave the list open: a letter, a text message and a mention appear, each with its sign and its words."""
    sandbox, app = journey.product.sandbox, journey.shop.slack_app.app_id
    journey.page.goto(journey.address)
    expect(journey.inbox.get_by_text("the conversation appears without reloading")).to_be_visible()
    letter = Letter(html=NEWSLETTER, cc=(JONAS,), attachments=(DRAFT,))
    sandbox.mail.write(to=journey.mailbox, text=HOURS[0], subject="Opening hours", letter=letter)
    expect(journey.inbox.get_by_role("link").filter(has_text="Opening hours")).to_contain_text("E-mail")
    sandbox.sms(HOURS[0], sender=PHONE, to=journey.shop.number)
    expect(journey.inbox.get_by_role("link").filter(has_text=PHONE)).to_contain_text(f"to {journey.shop.number}")
    mention = sandbox.slack_message(HOURS[0], user="jonas", channel=CHANNEL, mention=True, app=app)
    journey.mention_ts = mention.message_id
    expect(journey.inbox.get_by_role("link").filter(has_text="Jonas Keller")).to_contain_text("Slack")
    sandbox.mail.wait_for_mails(1, sender=journey.mailbox)
    expect(journey.inbox.get_by_role("navigation", name="State").get_by_role("link", name="Open 3")).to_be_visible()
    check_accessible(journey.page)


def narrow_the_list(journey: Journey) -> None:
    """Filter by channel and state: the address holds it, a reload shows the same, and nothing is a dead end."""
    rows = journey.inbox.get_by_role("listitem")
    journey.narrow("Channel", "SMS")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text(PHONE)
    journey.page.reload()
    expect(rows).to_have_count(1)
    expect(journey.page).to_have_url(re.compile(r"channel=sms"))
    journey.narrow("State", "Closed 0")
    expect(journey.inbox.get_by_text("No conversations match")).to_be_visible()
    journey.inbox.get_by_role("link", name="Show all conversations").click()
    expect(rows).to_have_count(3)
    journey.narrow("Channel", "Slack")
    expect(rows).to_have_count(1)
    journey.narrow("Channel", "All channels")
    expect(rows).to_have_count(3)


def find_what_was_said(journey: Journey) -> None:
    """Search by typing: the words are marked where they were said, the address holds the search, and Back leaves it."""
    page, rows = journey.page, journey.inbox.get_by_role("listitem")
    box = journey.inbox.get_by_role("searchbox", name="Search conversations")
    box.press_sequentially("opening HOURS")
    expect(journey.inbox.get_by_role("status").filter(has_text="3 conversations found")).to_be_visible()
    expect(rows.filter(has_text=PHONE).locator("mark")).to_have_text(["opening", "hours"])
    expect(page).to_have_url(re.compile(r"[?&]q=opening\+HOURS"))
    expect(box).to_be_focused()
    journey.narrow("Channel", "SMS")
    expect(rows).to_have_count(1)
    page.reload()
    expect(box).to_have_value("opening HOURS")
    expect(rows).to_have_count(1)
    check_accessible(page)
    journey.open(PHONE)
    expect(journey.log.locator("mark").first).to_be_in_viewport()
    page.go_back()
    expect(journey.log).to_have_count(0)

    box.fill("zeppelin")
    expect(journey.inbox.get_by_text("Nothing found for “zeppelin”")).to_be_visible()
    for width, scheme in NARROW_AND_WIDE:
        page.set_viewport_size({"width": width, "height": 900})
        choose_scheme(page, scheme)
        check_accessible(page)
    journey.inbox.get_by_role("link", name="Search all conversations").click()
    expect(journey.inbox.get_by_text("Nobody has said that to this agent.")).to_be_visible()
    box.press("Escape")
    expect(box).to_have_value("")
    expect(rows).to_have_count(3)
    expect(page).not_to_have_url(re.compile("q="))
    box.fill("Sunday")
    expect(journey.inbox.get_by_text("Nothing found for “Sunday”")).to_be_visible()
    journey.inbox.get_by_role("button", name="Clear: Search conversations").click()
    expect(rows).to_have_count(3)
    expect(box).to_be_focused()


def read_a_letter(journey: Journey) -> None:
    """Open the letter: who wrote to whom, the original in a frame that runs nothing, and the file."""
    page, log = journey.page, journey.log
    journey.open("Opening hours")
    expect(log.get_by_text(f"Mia Ortega <{MIA}>")).to_be_visible()
    expect(log.get_by_text(JONAS)).to_be_visible()
    expect(log.get_by_text(re.compile("a new conversation"))).to_be_visible()
    log.get_by_role("button", name="Show original").first.click()
    frame = page.get_by_title("Original of “Opening hours”")
    expect(frame).to_have_attribute("sandbox", "allow-popups allow-popups-to-escape-sandbox")
    expect(frame.content_frame.get_by_text("what are your opening hours?")).to_be_visible()
    expect(log.get_by_text("1 picture from elsewhere is not loaded")).to_be_visible()
    log.get_by_role("button", name="Load pictures").click()
    expect(frame).to_have_attribute("src", re.compile("images=1"))
    expect(frame.content_frame.get_by_text("what are your opening hours?")).to_be_visible()
    expect(page).to_have_title("Conversations · Patchbay")
    with page.expect_download() as download:
        log.get_by_role("link", name="draft.txt").click()
    assert download.value.path().read_bytes() == b"Between Northwind and Harbor."
    check_accessible(page)


def answer_a_letter(journey: Journey) -> None:
    """Write with the keyboard alone: it goes to the writer, and the agent is silent from then on."""
    page, mail = journey.page, journey.product.sandbox.mail
    box = page.get_by_role("textbox", name="Reply by e-mail")
    expect(page.get_by_text(f"To {MIA} from {journey.mailbox}")).to_be_visible()
    page.get_by_role("link", name="Slack", exact=True).focus()
    tab_to(page, box)
    page.keyboard.type("On Sundays we are closed.")
    page.keyboard.press("Control+Enter")
    expect(journey.log.get_by_text("On Sundays we are closed.")).to_be_visible()
    expect(page.get_by_text("You are in charge; Bri is silent here.")).to_be_visible()
    expect(box).to_have_value("")
    answer = mail.wait_for_mails(2, sender=journey.mailbox)[1]
    assert (answer.subject, answer.text.strip()) == ("Re: Opening hours", "On Sundays we are closed.")
    mail.reply(f"Thank you! {HOURS[0]}")
    log = journey.log
    expect(log.get_by_text("Thank you!")).to_be_visible()
    log.get_by_role("button", name="Show quoted text").click()
    expect(log.get_by_role("blockquote").get_by_text("On Sundays we are closed.")).to_be_visible()
    expect(journey.inbox.get_by_text("A person answers")).to_be_visible()


def give_the_letter_back(journey: Journey) -> None:
    """Let the agent answer again; it was silent in between, and what bounces says so."""
    page, mail = journey.page, journey.product.sandbox.mail
    page.get_by_role("button", name="Give back").click()
    expect(page.get_by_text("Bri answers here.")).to_be_visible()
    mail.reply(HOURS[0])
    assert HOURS[1] in mail.wait_for_mails(3, sender=journey.mailbox)[2].text
    mail.set_outcome(MIA, "bounced")
    page.get_by_role("textbox", name="Reply by e-mail").fill("One more thing.")
    page.get_by_role("button", name="Send").click()
    expect(journey.log.get_by_text(re.compile("^came back"))).to_be_visible()
    mail.set_outcome(MIA, "delivered")


def keep_a_draft(journey: Journey) -> None:
    """What is typed survives a reload and another conversation, and says how many segments it takes."""
    page = journey.page
    journey.open(PHONE)
    box = page.get_by_role("textbox", name="Reply by SMS")
    expect(page.get_by_text(f"To {PHONE} from {journey.shop.number}")).to_be_visible()
    box.fill("We open at nine.")
    expect(page.get_by_text("16 of 160 · 1 segment")).to_be_visible()
    journey.open("Opening hours")
    expect(page.get_by_role("textbox", name="Reply by e-mail")).to_have_value("")
    journey.open(PHONE)
    expect(box).to_have_value("We open at nine.")
    page.reload()
    expect(box).to_have_value("We open at nine.")
    box.fill("We open at nine – ok?")
    expect(page.get_by_text(re.compile("^21 of 70 · 1 segment"))).to_be_visible()


def send_over_a_slow_line(journey: Journey) -> None:
    """What is sent is stuck for a while: the text stays. Sent a second time it arrives once."""
    page, line = journey.page, Line()
    page.route_web_socket(re.compile("/_event"), line.connect)
    page.reload()
    box, send = page.get_by_role("textbox", name="Reply by SMS"), page.get_by_role("button", name="Send")
    expect(box).to_have_value("We open at nine – ok?")
    line.is_stuck = True
    send.click()
    expect(page.get_by_text("The server has not answered yet.")).to_be_visible()
    expect(box).to_have_value("We open at nine – ok?")
    send.click()
    expect(page.get_by_role("button", name="Sending…")).to_be_visible()
    line.move_on()
    expect(box).to_have_value("")
    expect(journey.log.get_by_text("We open at nine – ok?")).to_have_count(1)
    expect(journey.log.get_by_text(re.compile("delivered · 1 segment"))).to_have_count(2)
    said = [item.text for item in journey.product.sandbox.answers(service="twilio", channel=PHONE)]
    assert said.count("We open at nine – ok?") == 1


def decide_on_an_action(journey: Journey) -> None:
    """What the agent asks for stands in the thread; a person rejects it with a note, and it is gone."""
    run_id = ask_for_approval(journey)
    page = journey.page
    page.reload()
    asked = journey.log.get_by_role("listitem", name=re.compile("^Bri asks for approval"))
    expect(asked.get_by_text("Text “See you at nine” to +14155550199")).to_be_visible()
    check_accessible(page)
    asked.get_by_label("Note").fill("Not this number.")
    asked.get_by_role("button", name="Reject").click()
    expect(asked).to_have_count(0)
    run = journey.shop.api.get(f"action-runs/{run_id}", ActionRunView)
    assert (run.state, run.decision_note) == ("rejected", "Not this number.")


def answer_in_the_thread(journey: Journey) -> None:
    """Answer in Slack: in the thread in which was asked."""
    page, sandbox = journey.page, journey.product.sandbox
    journey.open("Jonas Keller")
    page.get_by_role("textbox", name="Reply in the Slack thread").fill("Ana here: yes.")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("You are in charge; Bri is silent here.")).to_be_visible()
    sandbox.wait_for_text("Ana here: yes.", thread_ts=journey.mention_ts)
    page.get_by_role("button", name="Close conversation").click()
    expect(page.get_by_text("It opens again when the contact writes")).to_be_visible()
    expect(journey.inbox.get_by_role("navigation", name="State").get_by_role("link", name="Closed 1")).to_be_visible()


def use_a_phone(journey: Journey) -> None:
    """One pane at a time with a way back, nothing off the side, in both themes."""
    page = journey.page
    for width in (360, 320):
        page.set_viewport_size({"width": width, "height": 640})
        page.get_by_role("link", name="Back to the list").click()
        check_accessible(page)
        journey.open("Opening hours")
        expect(page.get_by_role("textbox", name="Reply by e-mail")).to_be_in_viewport(ratio=1)
        expect(page.get_by_role("button", name="Send")).to_be_in_viewport(ratio=1)
        check_accessible(page)
        choose_scheme(page, "dark")
    page.set_viewport_size({"width": 1440, "height": 900})
    check_accessible(page)
    choose_scheme(page, "light")


def disconnect_the_phone(journey: Journey) -> None:
    """What cannot be sent is not offered, at once."""
    journey.open(PHONE)
    expect(journey.page.get_by_role("textbox", name="Reply by SMS")).to_be_visible()
    journey.shop.api.call("POST", f"connections/{journey.shop.twilio.id}/disconnect", dict[str, object])
    expect(journey.page.get_by_text("Twilio is disconnected, so nothing can be sent")).to_be_visible()
    expect(journey.page.get_by_role("button", name="Send")).to_have_count(0)
    check_accessible(journey.page)


def ask_for_approval(journey: Journey) -> UUID:
    """Let the agent ask for a text message to somebody else, as a model would, in the open conversation."""
    [conversation] = [item for item in journey.shop.api.conversations() if item.contact_address == PHONE]
    now, run_id = datetime.now(UTC), new_id()
    run = ActionRun(
        tenant_id=journey.tenant_id,
        id=run_id,
        agent_id=journey.shop.agent.id,
        connection_id=conversation.connection_id,
        conversation_id=conversation.id,
        call_key="call-1",
        action="send_sms",
        description="Text “See you at nine” to +14155550199",
        state=ActionRunState.AWAITING_APPROVAL,
        trace_id=new_id(),
        created_at=now,
        next_attempt_at=now + timedelta(days=1),
    )
    engine = create_engine(journey.product.database_url())
    with Session(engine) as session:
        session.add(run)
        session.commit()
    engine.dispose()
    return run_id


def tab_to(page: Page, target: Locator) -> None:
    """Reach a control with the keyboard alone."""
    for _ in range(60):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError("the control is not reached by Tab")


STEPS: tuple[Callable[[Journey], None], ...] = (
    watch_them_arrive,
    narrow_the_list,
    find_what_was_said,
    read_a_letter,
    answer_a_letter,
    give_the_letter_back,
    keep_a_draft,
    send_over_a_slow_line,
    decide_on_an_action,
    answer_in_the_thread,
    use_a_phone,
    disconnect_the_phone,
)
