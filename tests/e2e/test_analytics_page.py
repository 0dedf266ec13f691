"""Analytics in a browser: read a chart, follow a point to its log, take the table along; and the company's limit."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from services.analytics import AnalyticsView
from tests.support.accessibility import check_accessible
from tests.support.browsers import sign_in
from tests.support.product import Product, eventually
from tests.support.rest import RestShop, open_shop

HOURS = "What are your opening hours?"
ANSWER = "From dusk to dawn, says the Lighthouse."
FOUND = re.compile(r"([1-9]\d*) messages? received, (\d+) answered")


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A signed-in owner, and what its shop is."""

    address: str
    shop: RestShop
    storage: Any


@pytest.fixture(scope="module")
def desk(product: Product, browser: Browser) -> Iterator[Desk]:
    """A shop whose agent has answered one question, and handed another one over."""
    shop = open_shop(product, name="Lighthouse", playbook=[(HOURS, ANSWER)])
    product.sandbox.sms(HOURS, to=shop.number, sender="+14155550171")
    product.sandbox.sms("Can you paint my boat?", to=shop.number, sender="+14155550172")

    def is_counted() -> bool:
        numbers = shop.api.get("analytics", AnalyticsView, span="24h").total.numbers
        return (numbers.answered, numbers.handed_over) == (2, 1)

    eventually(is_counted, what="two answers and a hand-over")
    context = browser.new_context()
    sign_in(context, shop.sign_in_link)
    storage: Any = context.storage_state()
    context.close()
    yield Desk(address=product.address, shop=shop, storage=storage)
    shop.api.close()


@pytest.fixture
def page(browser: Browser, desk: Desk) -> Iterator[Page]:
    """The owner's tab."""
    context = browser.new_context(
        storage_state=desk.storage, viewport={"width": 1440, "height": 900}, accept_downloads=True
    )
    expect.set_options(timeout=20_000)
    yield context.new_page()
    context.close()


def point_of(page: Page) -> tuple[Locator, int]:
    """Return the point of an hour in which something came in, and how much."""
    point = page.get_by_role("group", name="Volume: points").get_by_role("link", name=FOUND).first
    expect(point).to_be_visible()
    found = FOUND.search(point.get_attribute("aria-label") or "")
    assert found
    return point, int(found[1])


def test_point_is_reached_by_keys_and_opens_its_log(desk: Desk, page: Page) -> None:
    page.goto(f"{desk.address}/admin/ai-team/")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Analytics").click()
    expect(page.get_by_text("up ").or_(page.get_by_text("none in the period before")).first).to_be_visible()
    page.get_by_role("navigation", name="Span of time").get_by_role("link", name="24 hours").click()
    expect(page).to_have_url(re.compile("span=24h"))
    points = page.get_by_role("group", name="Volume: points").get_by_role("link")
    expect(points).to_have_count(24)
    points.last.focus()
    page.keyboard.press("ArrowLeft")
    expect(points.nth(22)).to_be_focused()
    page.keyboard.press("End")
    expect(points.last).to_be_focused()

    point, count = point_of(page)
    label = (point.get_attribute("aria-label") or "").partition(":")[0]
    point.focus()
    check_accessible(page)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/admin/deliveries/?\?outcome=message&since=.*&until="))
    log = page.get_by_role("list", name="Deliveries").get_by_role("listitem")
    expect(log).to_have_count(count)
    expect(page.get_by_role("link", name="Brought a message")).to_be_visible()

    page.go_back()
    table = page.get_by_role("region", name="Volume as a table")
    row = (
        table.get_by_role("row")
        .filter(has=page.get_by_role("link", name=f"{label[:14]}"))
        .filter(has=page.get_by_role("cell", name=str(count), exact=True))
    )
    expect(row.first).to_be_visible()


def test_hand_over_is_followed_and_the_table_is_taken_along(desk: Desk, page: Page) -> None:
    page.goto(f"{desk.address}/admin/analytics/?span=24h")
    handed = page.get_by_role("group", name="Hand-over rate: points").get_by_role("link", name=re.compile("1 of "))
    handed.first.click()
    expect(page.get_by_role("list", name="Deliveries").get_by_role("listitem")).to_have_count(1)
    page.go_back()
    with page.expect_download() as started:
        page.get_by_role("button", name="Download CSV: Volume").click()
    assert started.value.suggested_filename == "analytics-volume-24h.csv"
    lines = started.value.path().read_text(encoding="utf-8").splitlines()
    assert (lines[0], len(lines)) == ("from,until,received,answered", 25)
    assert sum(int(line.split(",")[2]) for line in lines[1:]) == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_charts_fit_a_phone_in_both_themes(desk: Desk, page: Page, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{desk.address}/admin/analytics/?span=90d")
    expect(page.get_by_role("group", name="Failure rate: points").get_by_role("link")).to_have_count(90)
    check_accessible(page)
    page.get_by_role("navigation", name="Channels").get_by_role("link", name="Chat").click()
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    check_accessible(page)
    page.get_by_role("link", name="Clear the filters").click()
    expect(page.get_by_role("heading", name="By agent")).to_be_visible()
    page.get_by_label("Agent", exact=True).select_option(label="Bri")
    expect(page).to_have_url(re.compile(f"agent={desk.shop.agent.id}"))


def test_limit_of_all_agents_is_shown_set_and_alarmed(desk: Desk, page: Page) -> None:
    page.goto(f"{desk.address}/admin/settings/tenant/")
    today = page.get_by_role("list", name="Used").get_by_role("listitem").filter(has_text="Today")
    expect(today.get_by_text("2 of 50,000 used, 49,998 left; anew at 00:00 UTC")).to_be_visible()
    a_day = page.get_by_label("Most a day")
    a_day.fill("many")
    page.get_by_role("button", name="Save limits").click()
    expect(page.get_by_role("alert").filter(has_text="Enter a whole number")).to_be_visible()
    a_day.fill("2")
    page.get_by_role("button", name="Save limits").click()
    expect(today.get_by_text("Used up")).to_be_visible()
    expect(today.get_by_role("meter", name="Today")).to_have_attribute("aria-valuenow", "100")
    check_accessible(page)
    page.get_by_role("button", name="Use the defaults").click()
    expect(page.get_by_text("These are the defaults.")).to_be_visible()
    expect(a_day).to_have_value("50000")
