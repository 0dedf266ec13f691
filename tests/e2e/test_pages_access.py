"""Every page in both themes, on a desk and on a phone: axe finds nothing, nothing runs off the side, keys suffice."""

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.accessibility import check_accessible
from tests.support.browsers import sign_in
from tests.support.product import Product
from tests.support.rest import Api

Scheme = Literal["light", "dark"]


@pytest.fixture(scope="module")
def session(product: Product, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed-in owner whose agent is connected to a phone number and has answered one message."""
    owner = product.bootstrap(email="ana@rawdog.example", tenant="Rawdog")
    api = Api(product.address, key=owner.api_key)
    agent = api.call("POST", "agents", dict[str, object], body={"name": "Bri", "purpose": "Creator operations"})
    entries = [{"question": "When do payouts go out?", "answer": "Every Friday before noon."}]
    api.call("PUT", f"agents/{agent['id']}/playbook", dict[str, object], body={"entries": entries})
    _connect_phone(product, api, str(agent["id"]))
    product.sandbox.sms("When do payouts go out?")
    product.sandbox.wait_for_text("Every Friday before noon.")
    api.close()
    context = browser.new_context()
    sign_in(context, owner.sign_in_link)
    kept = tmp_path_factory.mktemp("session") / "state.json"
    context.storage_state(path=kept)
    context.close()
    return kept


def _connect_phone(product: Product, api: Api, agent_id: str) -> None:
    account = product.sandbox.identities.twilio
    values = {"account_sid": account.account_sid, "auth_token": account.auth_token}
    body = {"provider": "twilio", "scheme": "keys", "agent_id": agent_id, "values": values}
    connection = api.call("POST", "connections", dict[str, object], body=body)
    numbers = connection["numbers"]
    assert isinstance(numbers, list)
    path = f"connections/{connection['id']}/numbers/{numbers[0]['id']}"
    api.call("PUT", path, dict[str, object], body={"agent_id": agent_id})


@pytest.mark.parametrize("width", [1440, 320])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible_and_fit(
    product: Product, browser: Browser, session: Path, scheme: Scheme, width: int
) -> None:
    context = browser.new_context(
        storage_state=session, color_scheme=scheme, viewport={"width": width, "height": 800}, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(f"{product.address}/admin/ai-team/")
    agent = page.get_by_role("list", name="Agents").get_by_role("link").filter(has_text="Bri")
    _check(page, agent)
    agent.click()
    sms = page.get_by_role("article", name="SMS")
    _check(page, sms)
    sms.get_by_text("Keys, permissions and history").click()
    _check(page, sms.get_by_role("list", name="History").get_by_role("listitem"))
    sms.get_by_role("button", name="Rename or move").click()
    _check(page, page.get_by_role("dialog", name="Rename or move"))
    page.keyboard.press("Escape")
    sms.get_by_role("button", name="Reconnect").click()
    _check(page, page.get_by_role("dialog", name="Reconnect Twilio"))
    page.keyboard.press("Escape")
    slack = page.get_by_role("article", name="Slack")
    slack.get_by_role("button", name="Use your own app by consent").click()
    _check(page, page.get_by_role("link", name="Create app at Slack"))
    page.keyboard.press("Escape")
    sms.get_by_role("button", name="Disconnect").click()
    _check(page, page.get_by_role("dialog", name="Disconnect SMS?"))
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("navigation", name="Agent").get_by_role("link", name="Actions").click()
    _check(page, page.get_by_label("How far it may go: Send a text message"))
    page.get_by_role("link", name="Playbook", exact=True).click()
    _check(page, page.get_by_label("Answer 1"))
    page.get_by_role("link", name="Calendar", exact=True).click()
    _check(page, page.get_by_role("heading", name="No calendar is connected"))
    page.get_by_role("navigation", name="Agent").get_by_role("link", name="Settings").click()
    _check(page, page.get_by_label("Instructions"))
    page.get_by_role("link", name="Conversations", exact=True).click()
    row = page.get_by_role("region", name="Conversations").get_by_role("listitem").get_by_role("link")
    _check(page, row)
    row.click()
    _check(page, page.get_by_role("log").get_by_text("Every Friday before noon."))
    page.get_by_role("log").get_by_role("link", name="Why this answer").click()
    _check(page, page.get_by_role("region", name="Steps").get_by_text("Answered by the playbook"))
    page.goto(f"{product.address}/admin/integrations/")
    _check(page, page.get_by_role("list", name="Connections").get_by_role("listitem"))
    page.get_by_role("button", name="What came in").first.click()
    _check(page, page.get_by_role("dialog").get_by_role("listitem"))
    page.goto(f"{product.address}/admin/settings/tenant/")
    _check(page, page.get_by_role("button", name="Save"))
    page.get_by_role("button", name="Delete the company…").click()
    _check(page, page.get_by_role("dialog", name="Delete the company?"))
    page.keyboard.press("Escape")
    page.get_by_role("navigation", name="Settings").get_by_role("link", name="Keys").click()
    _check(page, page.get_by_role("list", name="Data keys").get_by_role("listitem"))
    page.get_by_role("button", name="Rotate the key…").click()
    _check(page, page.get_by_role("dialog", name="Rotate the data key?"))
    context.close()


def test_dialog_is_worked_with_keys_alone_and_gives_the_focus_back(
    product: Product, browser: Browser, session: Path
) -> None:
    context = browser.new_context(storage_state=session)
    page = context.new_page()
    page.goto(f"{product.address}/admin/ai-team/")
    opener = page.get_by_role("button", name="New agent")
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="New agent")
    expect(dialog.get_by_label("Name")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("Enter a name.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
    context.close()


def test_chosen_theme_is_remembered_and_never_flashes(product: Product, browser: Browser, session: Path) -> None:
    context = browser.new_context(storage_state=session, color_scheme="light")
    page = context.new_page()
    page.goto(f"{product.address}/admin/ai-team/")
    page.get_by_role("button", name="System theme").click()
    page.get_by_role("button", name="Light theme").click()
    expect(page.get_by_role("button", name="Dark theme")).to_be_visible()
    page.goto(f"{product.address}/admin/ai-team/", wait_until="commit")
    page.wait_for_selector("body")
    assert "dark" in str(page.evaluate("document.documentElement.className"))
    context.close()


def _check(page: Page, shown: Locator) -> None:
    """Wait for what the page is about, then look at all of it."""
    expect(shown.first).to_be_visible()
    check_accessible(page)
