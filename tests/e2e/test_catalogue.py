"""The catalogue in a browser: its address reproduces the view, keys suffice, and it leads to an agent."""

import re
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from services.provider_kit.registry import list_manifests
from tests.support.accessibility import check_accessible
from tests.support.browsers import sign_in
from tests.support.product import Product
from tests.support.rest import Api

SERVICES = len(list_manifests())


@pytest.fixture(scope="module")
def storage(product: Product, browser: Browser) -> Any:
    """What a browser keeps of a signed-in owner with two agents."""
    owner = product.bootstrap(email="mia@harbor.example", tenant="Harbor")
    api = Api(product.address, key=owner.api_key)
    for name in ("Bri", "Coco"):
        api.call("POST", "agents", dict[str, object], body={"name": name, "purpose": "Front desk"})
    api.close()
    context = browser.new_context()
    sign_in(context, owner.sign_in_link)
    kept = context.storage_state()
    context.close()
    return kept


@pytest.fixture
def page(browser: Browser, storage: Any) -> Iterator[Page]:
    """The owner's tab."""
    context = browser.new_context(storage_state=storage)
    yield context.new_page()
    context.close()


def test_search_and_category_live_in_the_address(product: Product, page: Page) -> None:
    page.goto(f"{product.address}/admin/ai-team/")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Catalogue").click()
    services = page.get_by_role("list", name="Services").get_by_role("listitem")
    expect(services).to_have_count(SERVICES)

    page.get_by_role("searchbox").press_sequentially("text mess", delay=20)
    expect(services).to_have_count(1)
    expect(page).to_have_url(re.compile(r"/catalogue/?\?q=text\+mess$"))
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.get_by_role("link", name="Messaging").click()
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    page.reload()
    expect(page.get_by_role("searchbox")).to_have_value("text mess")
    expect(page.get_by_role("link", name="Messaging")).to_have_attribute("aria-current", "true")

    page.get_by_role("link", name="Clear search and category").click()
    expect(services).to_have_count(SERVICES)
    expect(page.get_by_role("searchbox")).to_have_value("")


def test_drawer_has_its_own_address_and_is_worked_with_keys(product: Product, page: Page) -> None:
    page.goto(f"{product.address}/admin/integrations/catalogue/?q=sl")
    opener = page.get_by_role("list", name="Services").get_by_role("link", name="Slack")
    opener.focus()
    page.keyboard.press("Enter")
    drawer = page.get_by_role("dialog", name="Slack")
    expect(drawer.get_by_role("heading", name="Set-up guide")).to_be_visible()
    expect(page).to_have_url(re.compile(r"q=sl&provider=slack"))
    guide = drawer.get_by_role("link", name="https://api.slack.com/apps")
    expect(guide).to_have_attribute("rel", "noopener noreferrer")
    expect(drawer.get_by_role("heading", name=re.compile("^Quality: "))).to_be_visible()

    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(page).to_have_url(re.compile(r"/catalogue/?\?q=sl$"))
    expect(opener).to_be_focused()
    page.go_back()
    expect(drawer).to_be_visible()


def test_it_leads_to_the_services_card_of_the_chosen_agent(product: Product, page: Page) -> None:
    page.goto(f"{product.address}/admin/integrations/catalogue/?provider=twilio")
    drawer = page.get_by_role("dialog", name="Twilio")
    drawer.get_by_label("For agent").select_option(label="Coco")
    drawer.get_by_role("link", name="Connect for Coco").click()

    expect(page).to_have_url(re.compile(r"/integrations/?\?service=twilio$"))
    expect(page.get_by_role("heading", name="Coco")).to_be_visible()
    card = page.get_by_role("article", name="SMS")
    expect(card).to_be_focused()
    expect(card).to_be_in_viewport()


def test_a_service_that_is_not_there_is_said_to_be_missing(product: Product, page: Page) -> None:
    page.goto(f"{product.address}/admin/integrations/catalogue/?provider=%3Cb%3Enope")

    expect(page.get_by_text("There is no service “<b>nope” in the catalogue.")).to_be_visible()
    expect(page.get_by_role("list", name="Services").get_by_role("listitem")).to_have_count(SERVICES)
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_text("There is no service")).to_be_hidden()


@pytest.mark.parametrize("width", [1440, 320])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("asked", ["", "?provider=slack", "?q=nothing+like+it"])
def test_it_is_accessible_and_fits(
    product: Product, browser: Browser, storage: Any, scheme: Literal["light", "dark"], width: int, asked: str
) -> None:
    context = browser.new_context(
        storage_state=storage, color_scheme=scheme, viewport={"width": width, "height": 800}, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(f"{product.address}/admin/integrations/catalogue/{asked}")
    shown = {"": "Twilio", "?provider=slack": "Set-up guide", "?q=nothing+like+it": "Nothing matches"}[asked]
    expect(page.get_by_role("heading", name=shown)).to_be_visible()

    check_accessible(page)
    context.close()
