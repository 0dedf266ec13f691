"""What a newcomer does, on the running product: from the set-up link to the trace of an answer.

The journey is one test in steps, as each needs the one before. It listens to every frame of the page's socket: no
secret that was typed may come back in one. It runs before other files of this folder, while the set-up link is good.
"""

import re
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page, WebSocket, expect

from tests.support.product import Product

PASSWORD = "canary password of four words"  # typed in the browser, must never come back
HOURS = ("What are your opening hours?", "We are open from 9 to 17, Monday to Friday.")
PAYOUT = ("When is the payout?", "The payout goes out every Friday.")


@dataclass
class Journey:
    """A browser at work in a fresh product."""

    product: Product
    page: Page
    frames: list[str] = field(default_factory=list[str])
    problems: list[str] = field(default_factory=list[str])

    def listen(self) -> None:
        """Keep what the socket brings, and what the console complains about."""

        def keep(socket: WebSocket) -> None:
            socket.on("framereceived", lambda frame: self.frames.append(str(frame)))

        self.page.on("websocket", keep)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))


@pytest.fixture
def journey(product: Product, browser: Browser) -> Generator[Journey]:
    """A signed-out browser."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    context.set_default_timeout(20_000)
    made = Journey(product, context.new_page())
    made.listen()
    yield made
    context.close()


def test_newcomer_reaches_an_answered_message_and_its_trace(
    journey: Journey, record_property: Callable[[str, object], None]
) -> None:
    begun = time.monotonic()
    for step in STEPS:
        step(journey)
        if step is connect_slack:
            seconds = round(time.monotonic() - begun, 1)
            record_property("seconds_from_set_up_link_to_first_connection", seconds)
            print(f"From the set-up link to the first working connection: {seconds} s")
    assert journey.problems == []
    assert journey.product.errors() == []


def set_up(journey: Journey) -> None:
    """Open the printed link, and create the company and its owner."""
    page = journey.page
    page.goto(journey.product.setup_link)
    page.get_by_label("Company").fill("Northwind")
    page.get_by_label("Your name").fill("Ana Souza")
    page.get_by_label("E-mail address").fill("ana@northwind.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url("**/admin/ai-team/")
    assert page.evaluate("document.cookie") == ""


def sign_in_again(journey: Journey) -> None:
    """Sign out, find the doors closed and the link used up, and sign in with the password."""
    page = journey.page
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login**")
    page.goto(f"{journey.product.address}/admin/ai-team/")
    page.wait_for_url("**/login**")
    page.goto(journey.product.setup_link)
    expect(page.get_by_label("Company")).to_have_count(0)
    page.goto(f"{journey.product.address}/login")
    page.get_by_label("E-mail").fill("ana@northwind.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/admin/ai-team/")


def create_agent(journey: Journey) -> None:
    """Create an agent, and teach it two answers."""
    page = journey.page
    page.get_by_role("button", name="Create your first agent").click()
    page.get_by_label("Name").fill("Bri")
    page.get_by_label("Purpose").fill("Creator operations")
    page.get_by_role("button", name="Create agent").click()
    expect(page).to_have_url(re.compile(r"/playbook/?$"))
    for question, answer in (HOURS, PAYOUT):
        page.get_by_role("button", name="Add entry").click()
        page.get_by_label("Question").last.fill(question)
        page.get_by_label("Answer").last.fill(answer)
    page.get_by_role("button", name="Save playbook").click()
    expect(page.get_by_text("Playbook saved").or_(page.get_by_text("Saved", exact=True)).first).to_be_visible()


def connect_slack(journey: Journey) -> None:
    """Walk over the sandbox's consent page in its window; cancelling first is explained and costs nothing."""
    page = journey.page
    page.get_by_role("navigation", name="Agent").get_by_role("link", name="Integrations").click()
    for answer, outcome in (("Cancel", "You cancelled"), ("Allow", "Slack is connected")):
        with page.expect_popup() as consent:
            page.get_by_role("link", name="Add to Slack").click()
        consent.value.get_by_role("button", name=answer).click()
        expect(page.get_by_text(outcome)).to_be_visible()
    expect(page.get_by_text("Slack is connected: Northwind Creators")).to_be_visible()
    expect(page.get_by_text("@patchbay").first).to_be_visible()


def connect_phone(journey: Journey) -> None:
    """Connect by SID and token, wrongly first, and let the agent answer on a number."""
    page, twilio = journey.page, journey.product.sandbox.identities.twilio
    page.get_by_role("button", name="Connect phone number").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Account SID").fill(twilio.account_sid)
    dialog.get_by_label("Auth Token").fill("0" * 32)
    dialog.get_by_role("button", name="Connect").click()
    expect(dialog.get_by_role("alert")).to_be_visible()
    dialog.get_by_label("Account SID").fill(twilio.account_sid)
    dialog.get_by_label("Auth Token").fill(twilio.auth_token)
    dialog.get_by_role("button", name="Connect").click()
    numbers = page.get_by_role("dialog", name="Phone numbers")
    numbers.get_by_role("combobox").first.select_option(label="Bri")
    expect(numbers.get_by_role("combobox").first).to_be_enabled()
    numbers.get_by_role("button", name="Done").click()
    expect(page.get_by_text(twilio.numbers[0]).first).to_be_visible()


def watch_answers_arrive(journey: Journey) -> None:
    """Leave the conversations open: a direct message, a mention and a text message appear with their answers."""
    page, sandbox = journey.page, journey.product.sandbox
    page.get_by_role("link", name="Conversations").click()
    expect(page.get_by_text("the conversation appears without reloading")).to_be_visible()
    sandbox.slack_message(HOURS[0], user="mia")
    expect(page.get_by_text("Mia Ortega").first).to_be_visible()
    sandbox.slack_message("when is the payout?", user="jonas", channel="C0CREATOR01", mention=True)
    expect(page.get_by_text("Jonas Keller").first).to_be_visible()
    sandbox.sms(HOURS[0], sender="+14155550142")
    expect(page.get_by_text("+14155550142").first).to_be_visible()
    answers = sandbox.wait_for_answers(3)
    assert sorted(answer.text for answer in answers) == sorted([HOURS[1], HOURS[1], PAYOUT[1]])


def watch_a_thread(journey: Journey) -> None:
    """Open one: what the contact writes next, and the answer, come in by themselves."""
    page, sandbox = journey.page, journey.product.sandbox
    page.get_by_text("+14155550142").first.click()
    log = page.get_by_role("log")
    expect(log.get_by_text(HOURS[1])).to_have_count(1)
    sandbox.sms("and when is the payout?", sender="+14155550142")
    expect(log.get_by_text(PAYOUT[1])).to_be_visible()
    expect(log.get_by_text("delivered").first).to_be_visible()


def hand_over(journey: Journey) -> None:
    """Ask what the agent does not know: it says so, and the conversation waits until it is given back."""
    page, sandbox = journey.page, journey.product.sandbox
    sandbox.sms("Do you deliver camels to the moon?", sender="+14155550142")
    expect(page.get_by_text("Waits for a person").first).to_be_visible()
    page.get_by_role("button", name="Give back").click()
    expect(page.get_by_text("Bri answers").first).to_be_visible()


def read_the_trace(journey: Journey) -> None:
    """Ask why: every step has its time, and the routing its reason."""
    page = journey.page
    page.get_by_role("link", name=re.compile("^Why this answer")).first.click()
    page.wait_for_url("**/admin/traces/**")
    for step in ("Received from Twilio", "Routed", "Answered by the playbook", "Accepted by Twilio"):
        expect(page.get_by_text(step, exact=True)).to_be_visible()
    number = journey.product.sandbox.identities.twilio.numbers[0]
    expect(page.get_by_text(f"{number} is Bri's number")).to_be_visible()
    assert page.get_by_role("main").get_by_role("listitem").count() >= 8


def find_no_secret(journey: Journey) -> None:
    """Look through all that the sockets brought."""
    identities = journey.product.sandbox.identities
    secrets = (PASSWORD, identities.twilio.auth_token, identities.slack_app.client_secret, "0" * 32)
    assert journey.frames
    assert [secret for secret in secrets if any(secret in frame for frame in journey.frames)] == []


def disconnect(journey: Journey) -> None:
    """Disconnect Slack: asked first, told what follows; the card offers to connect again."""
    page = journey.page
    page.goto(f"{journey.product.address}/admin/ai-team/")
    page.get_by_role("link", name="Bri").first.click()
    page.get_by_role("button", name="Disconnect").first.click()
    dialog = page.get_by_role("dialog", name="Disconnect Slack?")
    expect(dialog.get_by_role("button", name="Keep it connected")).to_be_visible()
    dialog.get_by_role("button", name="Disconnect Slack").click()
    expect(page.get_by_role("link", name="Add to Slack")).to_be_visible()


STEPS: tuple[Callable[[Journey], None], ...] = (
    set_up,
    sign_in_again,
    create_agent,
    connect_slack,
    connect_phone,
    watch_answers_arrive,
    watch_a_thread,
    hand_over,
    read_the_trace,
    find_no_secret,
    disconnect,
)
