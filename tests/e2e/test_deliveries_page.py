"""The delivery log in a browser: a delivery arrives live, its drawer has an address, and it is replayed."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect
from slack_sdk.signature import SignatureVerifier

from services.connections import ConnectionView
from tests.support.accessibility import check_accessible
from tests.support.browsers import sign_in
from tests.support.product import Product
from tests.support.rest import RestShop, open_shop

HOURS = "What are your opening hours?"
NOT_A_MOBILE = "+15005550009"
"""A contact whom Twilio refuses to text; https://www.twilio.com/docs/iam/test-credentials."""
LONGER_THAN_TYPING = 500
"""Milliseconds after which what was typed would have been searched for."""
ANSWER = "From nine to five, says the Seaside."


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A signed-in owner, and what its shop is."""

    product: Product
    shop: RestShop
    storage: Any

    def address(self, **query: str) -> str:
        """The log."""
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        return f"{self.product.address}/admin/deliveries/" + (f"?{asked}" if asked else "")

    def post_broken(self, event_id: str) -> None:
        """Send an event as Slack signs it, but never writes it: it ends as a dead letter."""
        app = self.shop.slack_app
        event: dict[str, object] = {"type": "message", "channel_type": "im", "user": {}, "ts": "never"}
        envelope = {"type": "event_callback", "team_id": app.team_id, "event_id": event_id, "event": event}
        body, stamp = json.dumps(envelope), str(int(time.time()))
        signature = SignatureVerifier(app.signing_secret).generate_signature(timestamp=stamp, body=body) or ""
        headers = {"x-slack-request-timestamp": stamp, "x-slack-signature": signature}
        headers["content-type"] = "application/json"
        answer = httpx2.post(self.shop.events_url, content=body, headers=headers, trust_env=False, timeout=20)
        assert answer.status_code == 200, answer.text

    def assign_number(self, agent_id: str | None) -> None:
        """Say who answers on the number."""
        number = self.shop.twilio.numbers[0]
        path = f"connections/{self.shop.twilio.id}/numbers/{number.id}"
        self.shop.api.call("PUT", path, ConnectionView, body={"agent_id": agent_id})


@pytest.fixture(scope="module")
def desk(product: Product, browser: Browser) -> Desk:
    """A shop whose number belongs to nobody at first."""
    shop = open_shop(product, name="Seaside", playbook=[(HOURS, ANSWER)])
    context = browser.new_context()
    sign_in(context, shop.sign_in_link)
    storage: Any = context.storage_state()
    context.close()
    return Desk(product=product, shop=shop, storage=storage)


@pytest.fixture
def page(browser: Browser, desk: Desk) -> Iterator[Page]:
    """The owner's tab."""
    context = browser.new_context(storage_state=desk.storage, viewport={"width": 1440, "height": 900})
    yield context.new_page()
    context.close()


def test_delivery_arrives_live_and_is_processed_again_by_todays_rules(desk: Desk, page: Page) -> None:
    page.goto(desk.address())
    expect(page.get_by_text("No deliveries yet")).to_be_visible()
    check_accessible(page)
    desk.assign_number(None)
    desk.product.sandbox.sms(HOURS, to=desk.shop.number)
    row = page.get_by_role("list", name="Deliveries").get_by_role("listitem").filter(has_text="Ignored").first
    expect(row).to_be_visible()
    desk.assign_number(str(desk.shop.agent.id))

    row.get_by_role("link").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"[?&]d=[0-9a-f-]{36}"))
    drawer = page.get_by_role("dialog").first
    expect(drawer.get_by_role("list", name="Times").get_by_text("Stored and acknowledged")).to_be_visible()
    check_accessible(page)
    drawer.get_by_role("button", name="Process again").click()
    question = page.get_by_role("dialog", name="Process again")
    expect(question.get_by_text("This is about 1 delivery.")).to_be_visible()
    check_accessible(page)
    question.get_by_role("button", name="Process again").click()
    expect(question.get_by_text("Say why, for the audit log.")).to_be_visible()
    question.get_by_label("Reason").fill("The number has an agent now.")
    question.get_by_role("button", name="Process again").click()
    expect(page.get_by_text("1 delivery on the way again.")).to_be_visible()
    expect(drawer.get_by_role("list", name="Replays").get_by_text("The number has an agent now.")).to_be_visible()
    expect(drawer.get_by_text("Done", exact=True).first).to_be_visible()
    desk.product.sandbox.wait_for_text(ANSWER)


def test_answer_is_drafted_again_and_shown_in_the_trace_only(desk: Desk, page: Page) -> None:
    page.goto(desk.address(state="processed"))
    page.get_by_role("list", name="Deliveries").get_by_role("listitem").filter(has_text="is Bri").first.get_by_role(
        "link"
    ).click()
    drawer = page.get_by_role("dialog").first
    drawer.get_by_role("button", name="Draft the answer again").click()
    question = page.get_by_role("dialog", name="Draft the answer again")
    question.get_by_label("Reason").fill("To see what it would say.")
    question.get_by_role("button", name="Draft the answer again").click()
    expect(page.get_by_text("1 answer drafted again; see the trace.")).to_be_visible()
    drawer.get_by_role("link", name="Trace").click()
    expect(page.get_by_text("Draft by the playbook, not sent")).to_be_visible()
    assert [item.text for item in desk.product.sandbox.answers(service="twilio")].count(ANSWER) == 1


def test_whole_content_is_shown_on_request_and_the_address_is_enough(desk: Desk, page: Page) -> None:
    delivery = next(item for item in desk.shop.api.deliveries() if item.kind == "sms")
    page.goto(desk.address(d=str(delivery.id)))
    drawer = page.get_by_role("dialog").first
    expect(drawer.get_by_text("[phone]").first).to_be_visible()
    drawer.get_by_role("button", name="Show it whole").click()
    expect(drawer.get_by_text("That you looked is in the audit log.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page).not_to_have_url(re.compile(r"d="))
    page.goto(desk.address(d="0195f000-0000-7000-8000-000000000001"))
    expect(page.get_by_text("There is no such delivery.")).to_be_visible()


def test_filters_stand_in_the_address_and_fit_a_phone(desk: Desk, page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(desk.address())
    page.get_by_role("navigation", name="States").get_by_role("link", name="Dead letters").click()
    expect(page).to_have_url(re.compile("state=dead"))
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    check_accessible(page)
    page.get_by_role("link", name="Clear the filters").click()
    expect(page.get_by_role("list", name="Deliveries").get_by_role("listitem").first).to_be_visible()
    page.get_by_label("Received").select_option("1h")
    expect(page).to_have_url(re.compile("span=1h"))
    expect(page.get_by_role("list", name="Deliveries").get_by_role("listitem").first).to_be_visible()
    page.get_by_role("list", name="Deliveries").get_by_role("link").first.click()
    expect(page.get_by_role("dialog").first).to_be_visible()
    check_accessible(page)


def test_list_stays_where_one_reads_and_says_what_came(desk: Desk, page: Page) -> None:
    log = page.get_by_role("list", name="Deliveries").get_by_role("listitem")
    page.goto(desk.address(event="received"))
    expect(log.first).to_be_visible()
    first = log.first.get_by_role("link").get_attribute("href")
    desk.product.sandbox.sms("Is somebody there?", to=desk.shop.number)
    fresh = page.get_by_role("button", name="1 new")
    expect(fresh).to_be_visible()
    assert log.first.get_by_role("link").get_attribute("href") == first
    check_accessible(page)
    fresh.click()
    expect(fresh).to_have_count(0)
    expect(log.first.get_by_role("link")).not_to_have_attribute("href", str(first))

    page.get_by_role("navigation", name="Take a filter away").get_by_role("link").first.click()
    expect(page.get_by_role("group", name="All that match")).to_have_count(0)
    page.set_viewport_size({"width": 1440, "height": 420})
    page.mouse.move(700, 300)
    page.mouse.wheel(0, 4_000)
    expect(page.get_by_role("heading", name="Latest")).not_to_be_in_viewport()
    desk.product.sandbox.sms("And now?", to=desk.shop.number)
    expect(page.get_by_role("button", name=re.compile("new"))).to_be_in_viewport()
    page.get_by_role("button", name=re.compile("new")).click()
    expect(page.get_by_role("heading", name="Latest")).to_be_in_viewport()


def test_filters_that_are_cleared_while_deliveries_pour_in_stay_cleared(desk: Desk, page: Page) -> None:
    log = page.get_by_role("list", name="Deliveries").get_by_role("listitem")
    search = page.get_by_role("searchbox", name="Search by id")
    page.goto(desk.address())
    expect(log.first).to_be_visible()
    for number in range(3):
        desk.product.sandbox.sms(f"Hurry {number}", to=desk.shop.number)
        search.fill("no such id")
        expect(page).to_have_url(re.compile("q=no"))
        expect(page.get_by_text("Nothing matches")).to_be_visible()
        search.fill("nor this one")
        page.get_by_role("link", name="Clear the filters").click()
        expect(page).not_to_have_url(re.compile("q="))
        expect(log.first).to_be_visible()
        expect(search).to_have_value("")
        page.wait_for_timeout(LONGER_THAN_TYPING)
        expect(page).not_to_have_url(re.compile("q="))
        expect(log.first).to_be_visible()


def test_answers_that_did_not_arrive_are_sent_again_all_at_once(desk: Desk, page: Page) -> None:
    desk.product.sandbox.sms(HOURS, to=desk.shop.number, sender=NOT_A_MOBILE)
    page.goto(desk.address(state="unsent"))
    expect(page.get_by_role("list", name="Deliveries").get_by_role("listitem")).to_have_count(1)
    page.get_by_role("button", name="All that match: Send the answer again").click()
    question = page.get_by_role("dialog", name="Send the answer again")
    expect(question.get_by_text("This is about 1 answer.")).to_be_visible()
    check_accessible(page)
    question.get_by_label("Reason").fill("They have a mobile now.")
    question.get_by_role("button", name="Send the answer again").click()
    expect(page.get_by_text("1 answer on the way to the contact.")).to_be_visible()
    page.get_by_role("list", name="Deliveries").get_by_role("link").first.click()
    drawer = page.get_by_role("dialog").first
    expect(drawer.get_by_role("list", name="Replays").get_by_text("They have a mobile now.")).to_be_visible()


def test_dead_letters_of_one_cause_are_repaired_together(desk: Desk, page: Page) -> None:
    for event_id in ("Ev0BROKEN01", "Ev0BROKEN02"):
        desk.post_broken(event_id)
    page.goto(desk.address(state="dead"))
    group = page.get_by_role("list", name="Failures by cause").get_by_role("listitem").first
    expect(group.get_by_text("2 dead letters")).to_be_visible(timeout=60_000)
    check_accessible(page)
    group.get_by_role("button", name=re.compile("Replay all")).click()
    question = page.get_by_role("dialog", name="Process again")
    expect(question.get_by_text("This is about 2 deliveries.")).to_be_visible()
    question.get_by_label("Reason").fill("To see whether it is known by now.")
    question.get_by_role("button", name="Process again").click()
    expect(page.get_by_text("2 deliveries on the way again.")).to_be_visible()
    page.get_by_role("list", name="Deliveries").get_by_role("link").first.click()
    replays = page.get_by_role("dialog").first.get_by_role("list", name="Replays")
    expect(replays.get_by_text("To see whether it is known by now.")).to_be_visible()
