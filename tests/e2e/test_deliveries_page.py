"""The delivery log in a browser: a delivery arrives live, its drawer has an address, and it is replayed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from services.connections import ConnectionView
from tests.support.accessibility import check_accessible
from tests.support.product import Product
from tests.support.rest import RestShop, open_shop

HOURS = "What are your opening hours?"
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
    page = context.new_page()
    page.goto(shop.sign_in_link)
    page.get_by_role("button").click()
    page.wait_for_url("**/admin/ai-team/**")
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
