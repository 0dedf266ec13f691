"""A company connects an agent everywhere on one page, as the specification draws it, and works with it for a day.

One company goes all the way: four cards, the channels' rules, what arrives live, a meeting that a person approves, a
conversation that a person takes over, and every disconnect. Earlier companies in the same workspace may answer there
too, so what this agent says is known by its words.
"""

import re
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from services.agents import AgentView
from tests.support.accessibility import check_accessible, choose_scheme
from tests.support.product import Product, eventually
from tests.support.rest import Api
from tests.support.sandbox_google import OPS

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("dark", "light")
DESK_WIDTH, PHONE_WIDTH = 1440, 360
OWNER = "Ana"
HOURS = "Our opening hours are nine to five, Monday through Friday."
ASKED = "Which opening hours hold on Monday and Friday?"
TEAM, CREATOR_OPS, GENERAL = "T0NORTHWIND", "C0CREATOR01", "C0GENERAL01"
PHONE, LETTER_WRITER = "+14155550143", "jonas@harbor.example"


@dataclass
class Journey:
    """An owner's browser with two tabs: the cards, and what one works in."""

    product: Product
    api: Api
    agent: AgentView
    cards: Page
    page: Page
    problems: list[str] = field(default_factory=list[str])
    sender: str = ""
    number: str = ""

    def address(self, part: str) -> str:
        """One of the agent's pages."""
        return f"{self.product.address}/admin/ai-team/{self.agent.id}/{part}/"

    def card(self, name: str) -> Locator:
        """A service's card."""
        return self.cards.get_by_role("article", name=name)

    def fact(self, name: str, label: str) -> Locator:
        """What a card says under a label."""
        term = self.card(name).locator("dt").filter(has_text=re.compile(f"^{label}$"))
        return term.locator("xpath=following-sibling::dd[1]")

    def expect_state(self, name: str, state: str) -> None:
        """Wait until the head of a card says so."""
        expect(self.card(name).locator("header").get_by_text(state, exact=True)).to_be_visible()

    def expect_acts(self, name: str, *acts: str) -> None:
        """See that a card offers these."""
        footer = self.card(name).locator("footer")
        for act in acts:
            offered = footer.get_by_role("button", name=act, exact=True)
            expect(offered.or_(footer.get_by_role("link", name=act, exact=True))).to_be_visible()

    def allow(self, opener: Locator, *, chosen: str = "") -> None:
        """Walk over a consent page in its window."""
        with self.cards.expect_popup() as window:
            opener.click()
        if chosen:
            window.value.get_by_label("You are").select_option(value=chosen)
        window.value.get_by_role("button", name="Allow").click()

    def row(self, text: str) -> Locator:
        """A conversation in the list."""
        return self.page.get_by_role("region", name="Conversations").get_by_role("link").filter(has_text=text)


@pytest.fixture
def journey(product: Product, browser: Browser) -> Generator[Journey]:
    """A company whose agent is connected to nothing yet; the sandbox's model answers for it."""
    owner = product.bootstrap(email="ana@four.example", tenant="Four Channels")
    api = Api(product.address, key=owner.api_key)
    body = {"name": "Bri", "purpose": "Creator operations", "instructions": HOURS, "model": "sandbox-1"}
    agent = api.call("POST", "agents", AgentView, body=body)
    context = browser.new_context(
        viewport={"width": DESK_WIDTH, "height": 900}, locale="en-GB", reduced_motion="reduce"
    )
    context.set_default_timeout(20_000)
    cards, page = context.new_page(), context.new_page()
    made = Journey(product, api, agent, cards, page)
    for tab in (cards, page):
        tab.on("pageerror", lambda error: made.problems.append(str(error)))
    cards.goto(owner.sign_in_link)
    cards.get_by_role("button").click()
    cards.wait_for_url("**/admin/ai-team/**")
    yield made
    api.close()
    context.close()


def test_agent_works_in_four_channels_that_one_page_connects(journey: Journey) -> None:
    for step in STEPS:
        step(journey)
    assert journey.problems == []
    assert journey.product.errors() == []


def connect_slack(journey: Journey) -> None:
    """By consent: the card names workspace, bot user and channels."""
    journey.cards.goto(journey.address("integrations"))
    journey.expect_state("Slack", "Not connected")
    journey.allow(journey.card("Slack").get_by_role("link", name="Add to Slack"))
    journey.expect_state("Slack", "Connected")
    expect(journey.card("Slack").locator("header")).to_contain_text("Northwind Creators")
    expect(journey.fact("Slack", "Bot user")).to_have_text("@patchbay")
    expect(journey.fact("Slack", "Connected")).to_contain_text(OWNER)
    rules = journey.card("Slack").get_by_role("list", name="Where it answers")
    expect(rules.get_by_role("listitem").filter(has_text="#creator-ops")).to_contain_text("answers mentions")
    journey.expect_acts("Slack", "Configure channels", "Reconnect", "Disconnect")


def connect_the_calendar(journey: Journey) -> None:
    """By consent, for an account chosen there: the card names it, how changes are heard of, and today's meetings."""
    name = "Google Calendar"
    journey.allow(journey.card(name).get_by_role("link", name="Sign in with Google"), chosen=OPS)
    journey.expect_state(name, "Connected")
    expect(journey.card(name).locator("header")).to_contain_text(OPS)
    expect(journey.fact(name, "Watch status")).to_contain_text(re.compile(r"^Active \(expires in \d days?\)"))
    expect(journey.fact(name, "Meetings today")).to_have_text(re.compile(r"^\d$"))
    journey.expect_acts(name, "View calendar", "Reconnect", "Disconnect")
    link = journey.card(name).get_by_role("link", name="View calendar")
    expect(link).to_have_attribute("href", re.compile(f"/{journey.agent.id}/calendar"))


def connect_the_mailbox(journey: Journey) -> None:
    """By keys, with our address pasted at the provider; then the agent gets an address to write from."""
    account, cards = journey.product.sandbox.identities.other_resend, journey.cards
    journey.card("E-mail").get_by_role("button", name="Connect your domain").click()
    dialog = cards.get_by_role("dialog", name=re.compile("Resend"))
    dialog.get_by_label("API key").fill(account.api_key)
    dialog.get_by_label("Signing secret").fill(account.webhook_secret)
    dialog.get_by_label("Domain").fill(account.domain)
    dialog.get_by_role("button", name="Connect").click()
    pasted = cards.get_by_role("dialog", name="Paste our address")
    url = pasted.get_by_role("textbox").first.input_value()
    journey.product.sandbox.mail.set_webhook_url(url, account=account.account_id)
    pasted.get_by_role("button", name="Done").click()
    journey.expect_state("E-mail", "Setup unfinished")
    configure = journey.card("E-mail").get_by_role("button", name="Configure")
    configure.click()
    dialog = cards.get_by_role("dialog", name="E-mail address")
    expect(dialog.get_by_text(account.domain, exact=True)).to_be_visible()
    check_day_and_night(cards)
    journey.sender = f"desk@{account.domain}"
    dialog.get_by_label("Send from").fill(journey.sender)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    expect(configure).to_be_focused()
    journey.expect_state("E-mail", "Configured")
    expect(journey.fact("E-mail", "Send from")).to_have_text(f"{journey.sender} (Bri)")
    expect(journey.fact("E-mail", "E-mails sent today")).to_have_text("0")
    journey.expect_acts("E-mail", "Configure", "Disconnect")


def connect_the_phone(journey: Journey) -> None:
    """By keys, with a number for the agent."""
    account, cards = journey.product.sandbox.identities.twilio, journey.cards
    journey.number = account.numbers[0]
    journey.card("SMS").get_by_role("button", name="Connect phone number").click()
    dialog = cards.get_by_role("dialog", name=re.compile("Twilio"))
    dialog.get_by_label("Account SID").fill(account.account_sid)
    dialog.get_by_label("Auth Token").fill(account.auth_token)
    dialog.get_by_role("button", name="Connect").click()
    numbers = cards.get_by_role("dialog", name="Phone numbers")
    choice = numbers.get_by_role("combobox", name=f"Agent for {journey.number}")
    choice.select_option(label="Bri")
    expect(choice).to_be_enabled()
    check_day_and_night(cards)
    numbers.get_by_role("button", name="Done").click()
    journey.expect_state("SMS", "Connected")
    expect(journey.fact("SMS", "Number")).to_have_text(journey.number)
    journey.expect_acts("SMS", "Numbers", "Disconnect")


def meet_them_together(journey: Journey) -> None:
    """All four cards fit on a desk and on a phone, in both themes, and nobody needs to do anything."""
    expect(journey.cards.get_by_role("complementary", name="Needs you")).to_have_count(0)
    for width in (PHONE_WIDTH, DESK_WIDTH):
        for scheme in SCHEMES:
            check(journey.cards, scheme, width)


def choose_channels(journey: Journey) -> None:
    """Find a channel, let the agent answer everything in it and nothing elsewhere; the card says so after a reload."""
    journey.card("Slack").get_by_role("button", name="Configure channels").click()
    dialog = journey.cards.get_by_role("dialog", name="Channels")
    rows = dialog.get_by_role("list", name="Channels").get_by_role("listitem")
    expect(rows.filter(has_text="#general")).to_be_visible()
    dialog.get_by_label("Search channels").fill("creator")
    expect(rows.filter(has_text="#general")).to_have_count(0)
    dialog.get_by_label("What is answered in #creator-ops").select_option(label="All messages")
    expect(dialog.get_by_role("status")).to_contain_text("#creator-ops")
    dialog.get_by_label("What is answered in all other channels").select_option(label="Off")
    expect(dialog.get_by_role("status")).to_contain_text("the default")
    check_day_and_night(journey.cards)
    dialog.get_by_role("button", name="Done").click()
    journey.cards.reload()
    rules = journey.card("Slack").get_by_role("list", name="Where it answers").get_by_role("listitem")
    expect(rules.filter(has_text="#creator-ops")).to_contain_text("answers all messages")
    expect(rules.filter(has_text="#general")).to_contain_text("off")


def watch_channels_obey(journey: Journey) -> None:
    """A plain message is answered where all are; a mention elsewhere is let go, and says why."""
    page, sandbox = journey.page, journey.product.sandbox
    page.goto(journey.address("conversations"))
    expect(page.get_by_text("the conversation appears without reloading")).to_be_visible()
    sandbox.slack_message(ASKED, user="lin", channel=GENERAL, mention=True, team=TEAM)
    sandbox.slack_message(ASKED, user="mia", channel=CREATOR_OPS, team=TEAM)
    expect(journey.row("Mia Ortega")).to_contain_text("Slack")
    wait_for_words(journey, HOURS, channel=CREATOR_OPS)
    eventually(
        lambda: any("the agent is off in" in item.reason for item in journey.api.deliveries()),
        what="a mention that is let go",
    )
    assert HOURS not in [item.text for item in sandbox.answers(service="slack", channel=GENERAL)]
    expect(journey.row("Lin Wei")).to_have_count(0)


def watch_letters_and_texts_arrive(journey: Journey) -> None:
    """A letter and a text message join the list without a reload; the answers leave, and the card counts one."""
    sandbox = journey.product.sandbox
    sandbox.mail.write(to=journey.sender, text=ASKED, subject="From Harbor", sender=LETTER_WRITER)
    sandbox.sms(ASKED, sender=PHONE, to=journey.number)
    expect(journey.row("From Harbor")).to_contain_text("E-mail")
    expect(journey.row(PHONE)).to_contain_text("SMS")
    wait_for_words(journey, HOURS, channel=PHONE)
    eventually(
        lambda: any(HOURS in mail.text and journey.sender in mail.sender for mail in sandbox.mail.inbox(LETTER_WRITER)),
        what="the answer to the letter",
    )
    expect(journey.row("From Harbor")).to_contain_text(HOURS)
    expect(journey.fact("E-mail", "E-mails sent today")).to_have_text("1")


def watch_the_calendar_change(journey: Journey) -> None:
    """What somebody enters at the provider shows on the card and in the week, without a reload."""
    google, page, today = journey.product.sandbox.google, journey.page, datetime.now(UTC).date()
    count = journey.fact("Google Calendar", "Meetings today")
    before = int(count.inner_text())
    page.goto(f"{journey.address('calendar')}?week={today}&view=agenda")
    expect(page.get_by_role("list", name="Calendars")).to_contain_text(OPS)
    google.add("Quick huddle", start=f"{today}T12:00", calendar=OPS)
    expect(page.get_by_role("button", name="Quick huddle")).to_be_visible()
    expect(count).to_have_text(str(before + 1))


def book_with_approval(journey: Journey) -> None:
    """The agent may book when asked first: a person approves what a contact asks for, and the contact is told."""
    page, sandbox = journey.page, journey.product.sandbox
    page.goto(journey.address("actions"))
    page.get_by_label("How far it may go: Book a meeting").select_option(label="Ask first")
    expect(page.get_by_text("Saved. It holds from the agent's next turn on.")).to_be_visible()
    sandbox.sms("Please book a video call", sender=PHONE, to=journey.number)
    waiting = page.get_by_role("list", name="Waits for you").get_by_role("listitem")
    expect(waiting).to_contain_text("Please book a video call")
    wait_for_words(journey, "asked a colleague", channel=PHONE)
    check_day_and_night(page)
    waiting.get_by_role("button", name=re.compile("^Approve")).click()
    dialog = page.get_by_role("dialog", name="Approve this action?")
    dialog.get_by_label("Note").fill("Fine with me.")
    check_day_and_night(page)
    dialog.get_by_role("button", name="Approve").click()
    done = page.get_by_role("list", name="Action log").get_by_role("listitem").first
    expect(done.get_by_text("Done", exact=True)).to_be_visible()
    expect(done).to_contain_text("Fine with me.")
    wait_for_words(journey, "is booked for", channel=PHONE)
    page.goto(f"{journey.address('calendar')}?week={datetime.now(UTC).date() + timedelta(days=1)}&view=agenda")
    booked = page.get_by_role("listitem").filter(has=page.get_by_role("button", name="Please book a video call"))
    expect(booked.get_by_text("Booked by Bri")).to_be_visible()
    assert [item.meet for item in sandbox.google.events(calendar=OPS) if item.summary == "Please book a video call"]


def take_over_and_give_back(journey: Journey) -> None:
    """Who replies from the page has the conversation: the agent is silent in it until it is given back."""
    page, sandbox = journey.page, journey.product.sandbox
    page.goto(journey.address("conversations"))
    journey.row(PHONE).click()
    log = page.get_by_role("log")
    page.get_by_role("textbox", name="Reply by SMS").fill("Ana here, I take this one.")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text("You are in charge; Bri is silent here.")).to_be_visible()
    wait_for_words(journey, "Ana here", channel=PHONE)
    sandbox.sms(f"{ASKED} Please.", sender=PHONE, to=journey.number)
    expect(log.get_by_text(f"{ASKED} Please.")).to_be_visible()
    page.get_by_role("button", name="Give back").click()
    expect(page.get_by_text("Bri answers here.")).to_be_visible()
    sandbox.sms(f"{ASKED} Again.", sender=PHONE, to=journey.number)
    expect(log.get_by_text(HOURS)).to_have_count(2)
    said = [item.text for item in sandbox.answers(service="twilio", channel=PHONE) if item.sender == journey.number]
    assert said.count(HOURS) == 2
    assert said[-2:] == ["Ana here, I take this one.", HOURS]


def disconnect_all(journey: Journey) -> None:
    """Each is asked about first, with what follows; the card says who ended it, and offers to connect again."""
    cards = journey.cards
    for name, effect in EFFECTS.items():
        journey.card(name).get_by_role("button", name="Disconnect", exact=True).click()
        dialog = cards.get_by_role("dialog", name=f"Disconnect {name}?")
        expect(dialog.get_by_text(effect)).to_be_visible()
        expect(dialog.get_by_label("Keep the history")).to_be_checked()
        if name == "Slack":
            check_day_and_night(cards)
        dialog.get_by_role("button", name=f"Disconnect {name}").click()
        journey.expect_state(name, "Disconnected")
        expect(journey.card(name).get_by_text(f"Disconnected by {OWNER}")).to_be_visible()
    expect(journey.card("Slack").get_by_role("link", name="Reconnect")).to_be_visible()
    check_day_and_night(cards)


def wait_for_words(journey: Journey, words: str, *, channel: str) -> None:
    """Wait until the agent has said something somewhere."""
    journey.product.sandbox.wait_until(
        lambda ledger: any(words in item.text and item.channel == channel for item in ledger.answers),
        seconds=30,
        what=f"“{words}” in {channel}",
    )


def check_day_and_night(page: Page) -> None:
    """Everybody can use what is shown, by day on a desk and by night on a phone."""
    check(page, "dark", PHONE_WIDTH)
    check(page, "light", DESK_WIDTH)


def check(page: Page, scheme: Scheme, width: int) -> None:
    """Everybody can use what is shown, and it fits."""
    choose_scheme(page, scheme)
    page.set_viewport_size({"width": width, "height": 900})
    check_accessible(page)


EFFECTS = {
    "Slack": "Bri stops answering here.",
    "Google Calendar": "Meetings that were booked stay in the calendar",
    "E-mail": "The agents no longer read or answer e-mail on this domain.",
    "SMS": "Bri stops answering here.",
}
STEPS: tuple[Callable[[Journey], None], ...] = (
    connect_slack,
    connect_the_calendar,
    connect_the_mailbox,
    connect_the_phone,
    meet_them_together,
    choose_channels,
    watch_channels_obey,
    watch_letters_and_texts_arrive,
    watch_the_calendar_change,
    book_with_approval,
    take_over_and_give_back,
    disconnect_all,
)
