"""The view on which one moves meetings, and Google's consent page, in Chromium."""

from urllib.parse import urlencode

from playwright.sync_api import Page, expect

from tests.integration.sandbox.conftest import Product
from tests.integration.sandbox.test_google_watch import client, watch
from tests.integration.sandbox.test_page import browser, page
from tests.support.accessibility import check_accessible
from tests.support.sandbox import SandboxClient
from tests.support.sandbox_google import BRI, CALENDAR_EVENTS, CALENDAR_SCOPES, OPS

__all__ = ["browser", "page"]


def test_meetings_are_added_moved_and_cancelled(page: Page, sandbox: SandboxClient, product: Product) -> None:
    page.goto("/")
    page.get_by_role("link", name="Move meetings").click()
    expect(page.get_by_text("Nobody is told of changes yet")).to_be_visible()
    watch(client(sandbox, product), product)
    expect(page.get_by_text("Patchbay is told of changes")).to_be_visible()
    first = sandbox.google.events()[0]
    day = first.start[:10]
    page.get_by_label("New meeting").fill("Launch call")
    page.get_by_label("Starts").fill(f"{day}T18:00")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="Added. Patchbay is told.")).to_be_visible()
    added = page.get_by_role("listitem").filter(has_text="Launch call")
    expect(added).to_contain_text("18:00–18:30")
    added.get_by_role("button", name="30 min later").click()
    expect(added).to_contain_text("18:30–19:00")
    added.get_by_text("Move to…").click()
    added.get_by_label("New start").fill(f"{day}T20:00")
    added.get_by_role("button", name="Move", exact=True).click()
    expect(added).to_contain_text("20:00–20:30")
    check_accessible(page)
    added.get_by_role("button", name="Cancel").click()
    expect(added).to_have_count(0)
    sandbox.wait_until(lambda ledger: sum(item.type == "calendar.exists" for item in ledger.webhooks) == 4)


def test_a_series_can_be_deleted_and_mishaps_are_arranged(page: Page, sandbox: SandboxClient, product: Product) -> None:
    watch(client(sandbox, product, OPS), product)
    page.goto("/#meetings")
    page.get_by_role("combobox", name="Calendar").select_option(OPS)
    expect(page.get_by_text("Times are those of America/New_York.")).to_be_visible()
    page.get_by_text("What can go wrong").click()
    page.get_by_role("button", name="Lose the next notification").click()
    expect(page.get_by_text("The next change will not be told.")).to_be_visible()
    series = page.get_by_role("listitem").filter(has_text="Weekly creator sync")
    series.first.get_by_role("button", name="Delete series").click()
    expect(page.get_by_text("Deleted. Nobody is told of it.")).to_be_visible()
    expect(series).to_have_count(0)
    page.get_by_role("button", name="Remove Patchbay's access").click()
    expect(page.get_by_text("Nobody is told of changes yet")).to_be_visible()
    check_accessible(page)


def test_consent_is_given_for_what_is_ticked(page: Page, sandbox: SandboxClient, product: Product) -> None:
    query = {
        "client_id": sandbox.identities.google.client_id,
        "scope": " ".join(CALENDAR_SCOPES),
        "redirect_uri": product.google_redirect_uri,
        "response_type": "code",
        "state": "s1",
        "login_hint": BRI,
    }
    page.goto(f"/google/o/oauth2/v2/auth?{urlencode(query)}")
    check_accessible(page)
    page.get_by_label("You are").select_option(OPS)
    page.get_by_label("See and download any calendar").uncheck()
    page.get_by_role("button", name="Allow").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"{product.google_redirect_uri}?**")
    assert "state=s1" in page.url and "code=" in page.url
    assert CALENDAR_EVENTS.rpartition("/")[2] in page.url and "calendar.readonly" not in page.url
