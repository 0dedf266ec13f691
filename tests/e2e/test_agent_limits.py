"""An agent's limits in a browser: shown with what is used, set, and refused beside the field."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from services.agents import AgentView
from tests.support.accessibility import check_accessible
from tests.support.browsers import sign_in
from tests.support.product import Product
from tests.support.rest import Api


@pytest.fixture
def page(product: Product, browser: Browser) -> Iterator[Page]:
    """The owner's tab, on the settings of the only agent."""
    owner = product.bootstrap(email="lia@limits.example", tenant="Limits")
    api = Api(product.address, key=owner.api_key)
    agent = api.call("POST", "agents", AgentView, body={"name": "Bri", "purpose": "Desk"})
    api.close()
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    tab = context.new_page()
    sign_in(context, owner.sign_in_link)
    tab.goto(f"{product.address}/admin/ai-team/{agent.id}/")
    yield tab
    context.close()


def test_limits_are_shown_set_and_refused_beside_the_field(page: Page) -> None:
    sms = page.get_by_role("group", name="SMS")
    an_hour = sms.get_by_label("Most an hour")
    expect(an_hour).to_have_value("500")
    expect(sms.get_by_text("0 used, 500 left").first).to_be_visible()
    expect(page.get_by_text("All agents together: 600 a minute")).to_be_visible()

    an_hour.fill("many")
    page.get_by_role("button", name="Save limits").click()
    expect(sms.get_by_role("alert").filter(has_text="Enter a whole number")).to_be_visible()
    an_hour.fill("0")
    page.get_by_role("button", name="Save limits").click()
    expect(sms.get_by_role("alert").filter(has_text="Enter a number from 1")).to_be_visible()
    expect(an_hour).to_have_value("0")

    an_hour.fill("60")
    sms.get_by_label("What is over it").select_option("hand_over")
    page.get_by_role("button", name="Save limits").click()
    expect(sms.get_by_text("0 used, 60 left")).to_be_visible()
    page.reload()
    expect(sms.get_by_label("Most an hour")).to_have_value("60")
    expect(sms.get_by_label("What is over it")).to_have_value("hand_over")
    check_accessible(page)
