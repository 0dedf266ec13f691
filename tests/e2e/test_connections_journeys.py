"""What can happen to a connection, as a person sees it: every ending of consent, repair, pause and disconnect.

Each journey has a company of its own in the one running product.
"""

import re
from collections.abc import Generator
from dataclasses import dataclass
from uuid import UUID

import psycopg
import pytest
from playwright.sync_api import Browser, Locator, expect
from playwright.sync_api import Page as Tab

from services.connections import ConnectionView
from services.kernel.kernel import Kernel, build_kernel
from services.kernel.paging import Page
from services.tenants import bootstrap
from tests.support.browsers import sign_in
from tests.support.product import Product
from tests.support.rest import Api

FIRST, SECOND = "Northwind Creators", "Harbor Studio"
"""The workspaces that the sandbox's consent page offers, in its order."""


@dataclass
class Desk:
    """A signed-in owner's browser with the page of an agent that has no connections yet."""

    product: Product
    page: Tab
    api: Api
    tenant_id: UUID
    agent_id: str

    @property
    def address(self) -> str:
        """The agent's integrations."""
        return f"{self.product.address}/admin/ai-team/{self.agent_id}/integrations/"

    def card(self, name: str) -> Locator:
        """A service's card."""
        return self.page.get_by_role("article", name=name)

    def expect_state(self, name: str, state: str) -> None:
        """Wait until the head of a service's card says so."""
        expect(self.card(name).locator("header").get_by_text(state, exact=True)).to_be_visible()

    def walk(self, opener: Locator) -> Tab:
        """Press what leads to the consent page, and return its window."""
        with self.page.expect_popup() as popup:
            opener.click()
        popup.value.wait_for_load_state()
        return popup.value

    def connect_slack(self, workspace: str = FIRST) -> None:
        """Connect a workspace by consent."""
        self.allow(self.card("Slack").get_by_role("link", name="Add to Slack"), workspace)

    def allow(self, opener: Locator, workspace: str = FIRST) -> None:
        """Walk over the consent page and come back connected."""
        window = self.walk(opener)
        window.get_by_role("combobox").first.select_option(label=workspace)
        window.get_by_role("button", name="Allow").click()
        expect(self.page.get_by_text(f"Slack is connected: {workspace}")).to_be_visible()

    def connection_id(self) -> str:
        """The only connection's id."""
        [connection] = self.api.all_of("connections", Page[ConnectionView])
        return str(connection.id)

    def status(self) -> str:
        """The only connection's state."""
        [connection] = self.api.all_of("connections", Page[ConnectionView])
        return connection.status

    def connect_phone(self) -> str:
        """Connect the sandbox's phone account, let the agent answer on a number, and return that."""
        account = self.product.sandbox.identities.twilio
        values = {"account_sid": account.account_sid, "auth_token": account.auth_token}
        body = {"provider": "twilio", "scheme": "keys", "agent_id": self.agent_id, "values": values}
        connection = self.api.call("POST", "connections", ConnectionView, body=body)
        number = connection.numbers[0]
        path = f"connections/{connection.id}/numbers/{number.id}"
        self.api.call("PUT", path, ConnectionView, body={"agent_id": self.agent_id})
        self.page.reload()
        return number.number

    def execute(self, statement: str, *values: object) -> None:
        """Change a row behind the product's back, as time would."""
        with psycopg.connect(self.product.database_url().replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(statement.encode(), values)


@pytest.fixture(scope="module")
def office(product: Product) -> Generator[Kernel]:
    """Where companies are opened, beside the running product: a command for each would take longer than its journey."""
    built = build_kernel(product.settings())
    yield built
    built.close()


@pytest.fixture
def desk(product: Product, office: Kernel, browser: Browser, request: pytest.FixtureRequest) -> Generator[Desk]:
    """A company of its own."""
    name = re.sub(r"\W+", "-", request.node.name)[-40:]
    owner = bootstrap(office, email=f"ana@{name.lower().strip('-')}.example", tenant=name)
    api = Api(product.address, key=owner.api_key.reveal())
    agent = api.call("POST", "agents", dict[str, object], body={"name": "Bri"})
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, locale="en-GB")
    context.set_default_timeout(30_000)
    page = context.new_page()
    sign_in(context, owner.sign_in_link)
    made = Desk(product, page, api, owner.tenant_id, str(agent["id"]))
    page.goto(made.address)
    yield made
    api.close()
    context.close()


def test_consent_by_window_ends_with_a_sentence_of_its_own(desk: Desk) -> None:
    page, add = desk.page, desk.card("Slack").get_by_role("link", name="Add to Slack")
    desk.walk(add).get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("You cancelled at Slack")).to_be_visible()
    desk.walk(add).close()
    expect(page.get_by_text("was closed before it finished")).to_be_visible()
    desk.connect_slack()
    expect(desk.card("Slack").get_by_text("Connected", exact=True).first).to_be_visible()


def test_blocked_window_offers_this_tab_instead(desk: Desk) -> None:
    page = desk.page
    page.evaluate("window.open = () => null")
    desk.card("Slack").get_by_role("link", name="Add to Slack").click()
    expect(page.get_by_text("Your browser blocked the window")).to_be_visible()
    page.get_by_role("link", name="go to Slack in this tab").click()
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_text(f"Slack is connected: {FIRST}")).to_be_visible()


def test_consent_that_took_too_long_says_so(desk: Desk) -> None:
    window = desk.walk(desk.card("Slack").get_by_role("link", name="Add to Slack"))
    desk.execute("UPDATE oauth_attempt SET expires_at = created_at WHERE tenant_id = %s", desk.tenant_id)
    window.get_by_role("button", name="Allow").click()
    expect(desk.page.get_by_text("The consent took longer than ten minutes")).to_be_visible()


def test_reconnect_refuses_another_account_naming_both_and_keeps_the_identity(desk: Desk) -> None:
    desk.connect_slack()
    before = desk.connection_id()
    window = desk.walk(desk.card("Slack").get_by_role("link", name="Reconnect"))
    window.get_by_role("combobox").first.select_option(label=SECOND)
    window.get_by_role("button", name="Allow").click()
    refused = desk.page.get_by_text(f"you signed in to “{SECOND}”")
    expect(refused).to_be_visible()
    expect(refused).to_contain_text(f"“{FIRST}”")
    desk.allow(desk.card("Slack").get_by_role("link", name="Reconnect"))
    assert desk.connection_id() == before


def test_pause_resume_and_the_history_of_both(desk: Desk) -> None:
    desk.connect_slack()
    card = desk.card("Slack")
    card.get_by_role("button", name="Pause").click()
    expect(card.get_by_text("Paused", exact=True).first).to_be_visible()
    card.get_by_role("button", name="Resume").click()
    expect(card.get_by_text("Connected", exact=True).first).to_be_visible()
    card.get_by_text("Keys, permissions and history").click()
    card.get_by_role("button", name="Whole history").click()
    events = desk.page.get_by_role("dialog").get_by_role("listitem")
    expect(events.filter(has_text="Paused")).to_have_count(1)


def test_disconnect_counts_first_then_says_what_the_provider_answered_and_connects_again(desk: Desk) -> None:
    # Nobody else is connected there: access that others share would not be ended.
    desk.connect_slack(SECOND)
    before = desk.connection_id()
    desk.card("Slack").get_by_role("button", name="Disconnect").click()
    dialog = desk.page.get_by_role("dialog", name="Disconnect Slack?")
    expect(dialog.get_by_text("Slack is told to end Patchbay's access.")).to_be_visible()
    expect(dialog.get_by_label("Keep the history")).to_be_checked()
    expect(dialog.get_by_role("button", name="Keep it connected")).to_be_focused()
    dialog.get_by_role("button", name="Disconnect Slack").click()
    expect(desk.page.get_by_text("Slack is disconnected.")).to_be_visible()
    card = desk.card("Slack")
    expect(card.get_by_text("Disconnected by", exact=False)).to_be_visible()
    desk.allow(card.get_by_role("link", name="Reconnect"), SECOND)
    assert desk.connection_id() == before


def test_refused_consent_is_said_on_the_card_and_repaired_by_its_one_button(desk: Desk) -> None:
    desk.connect_slack()
    before, card = desk.connection_id(), desk.card("Slack")
    desk.product.sandbox.fail("slack", "401", method="auth.test")
    card.get_by_role("button", name="Test").click()
    desk.expect_state("Slack", "Reconnect needed")
    assert desk.status() == "needs_reauth"
    desk.allow(card.get_by_role("link", name="Reconnect"))
    desk.expect_state("Slack", "Connected")
    assert (desk.connection_id(), desk.status()) == (before, "active")


def test_refused_keys_are_typed_again_and_nothing_else_changes(desk: Desk) -> None:
    number = desk.connect_phone()
    before, card = desk.connection_id(), desk.card("SMS")
    desk.product.sandbox.fail("twilio", "401")
    card.get_by_role("button", name="Test").click()
    desk.expect_state("SMS", "Reconnect needed")
    card.get_by_role("button", name="Reconnect", exact=True).click()
    dialog, twilio = desk.page.get_by_role("dialog", name="Reconnect Twilio"), desk.product.sandbox.identities.twilio
    dialog.get_by_label("Account SID").fill(twilio.account_sid)
    dialog.get_by_label("Auth Token").fill(twilio.auth_token)
    dialog.get_by_role("button", name="Replace keys").click()
    desk.expect_state("SMS", "Connected")
    expect(card.get_by_text(number).first).to_be_visible()
    assert (desk.connection_id(), desk.status()) == (before, "active")


def test_connection_is_renamed_and_moved_to_another_agent(desk: Desk) -> None:
    desk.api.call("POST", "agents", dict[str, object], body={"name": "Coco"})
    desk.connect_slack()
    before, card = desk.connection_id(), desk.card("Slack")
    card.get_by_text("Keys, permissions and history").click()
    opener = card.get_by_role("button", name="Rename or move")
    opener.click()
    dialog = desk.page.get_by_role("dialog", name="Rename or move")
    expect(dialog.get_by_label("What you call it")).to_be_focused()
    desk.page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    opener.click()
    dialog.get_by_label("What you call it").fill("Creators' corner")
    dialog.get_by_label("Belongs to").select_option(label="Coco")
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(desk.page.get_by_text("Slack belongs to Coco now.")).to_be_visible()
    expect(card.get_by_text("Not connected", exact=True)).to_be_visible()
    desk.page.goto(f"{desk.product.address}/admin/integrations/")
    expect(desk.page.get_by_text("1 connection, working.")).to_be_visible()
    row = desk.page.get_by_role("listitem", name="Slack: Creators' corner")
    expect(row.get_by_role("link", name="Coco")).to_be_visible()
    row.get_by_role("button", name="Rename or move").click()
    dialog.get_by_label("What you call it").fill("")
    dialog.get_by_label("Belongs to").select_option(label="The whole company")
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(desk.page.get_by_role("listitem", name=f"Slack: {FIRST}")).to_contain_text("Whole company")
    assert desk.connection_id() == before


def test_disconnected_connection_is_deleted_for_good_once_that_is_meant(desk: Desk) -> None:
    desk.connect_slack(SECOND)
    card, page = desk.card("Slack"), desk.page
    card.get_by_role("button", name="Disconnect").click()
    page.get_by_role("dialog").get_by_role("button", name="Disconnect Slack").click()
    card.get_by_role("button", name="Delete for good").click()
    dialog = page.get_by_role("dialog", name="Delete Slack for good?")
    expect(dialog.get_by_text("The audit log stays.")).to_be_visible()
    delete = dialog.get_by_role("button", name="Delete for good")
    delete.click()
    expect(dialog.get_by_role("alert").filter(has_text="Tick this first.")).to_be_visible()
    dialog.get_by_label("I know that nobody can bring it back").check()
    delete.click()
    expect(page.get_by_text("is deleted for good")).to_be_visible()
    expect(card.get_by_text("Not connected", exact=True)).to_be_visible()
    assert [*desk.api.all_of("connections", Page[ConnectionView])] == []


def test_owner_renames_the_company_then_deletes_it_and_is_signed_out(desk: Desk) -> None:
    desk.connect_slack(SECOND)
    page = desk.page
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Settings").click()
    page.get_by_label("Company", exact=True).fill("Northwind & Sons")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("navigation", name="Main").get_by_text("Northwind & Sons")).to_be_visible()
    page.get_by_role("button", name="Delete the company…").click()
    dialog = page.get_by_role("dialog", name="Delete the company?")
    expect(dialog.get_by_text("1 agent and no conversations are deleted.")).to_be_visible()
    expect(dialog.get_by_text("1 connection falls silent")).to_be_visible()
    typed = dialog.get_by_label("Type Northwind & Sons to confirm")
    expect(typed).to_be_focused()
    typed.fill("northwind")
    dialog.get_by_role("button", name="Delete the company").click()
    expect(dialog.get_by_role("alert").filter(has_text="Type the company's name")).to_be_visible()
    typed.fill("Northwind & Sons")
    dialog.get_by_role("button", name="Delete the company").click()
    expect(page.get_by_text("The company is deleted, and you are signed out.")).to_be_visible()
    page.goto(desk.address)
    page.wait_for_url("**/login**")


def test_forecast_on_the_companys_page_is_repaired_by_its_one_button(desk: Desk) -> None:
    desk.connect_slack()
    desk.product.sandbox.slack_control("revoke", team="T0NORTHWIND")
    page = desk.page
    expect(desk.card("Slack").get_by_text("Disconnected by Slack")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Slack ended our access")).to_be_visible()
    page.get_by_role("navigation", name="Main").get_by_role(
        "link", name=re.compile(r"Integrations\s*1\s*needs you")
    ).click()
    needs = page.get_by_role("region", name="Needs you")
    needs.get_by_role("button", name=re.compile("^Connect again")).click()
    dialog = page.get_by_role("dialog", name="Reconnect Slack")
    desk.allow(dialog.get_by_role("link", name="Reconnect Slack"))
    expect(needs).to_be_hidden()
    expect(page.get_by_role("list", name="Connections").get_by_text("Connected", exact=True)).to_be_visible()


def test_filters_live_in_the_address_and_say_when_nothing_matches(desk: Desk) -> None:
    desk.connect_slack()
    page = desk.page
    page.goto(f"{desk.product.address}/admin/integrations/")
    rows = page.get_by_role("list", name="Connections").get_by_role("listitem")
    expect(rows.filter(has_text=FIRST)).to_have_count(1)
    page.get_by_label("Search connections").fill("no such account")
    page.get_by_role("button", name="Search").click()
    expect(page).to_have_url(re.compile(r"\?q=no\+such\+account"))
    expect(page.get_by_text("No connection matches")).to_be_visible()
    page.get_by_role("link", name="Clear filters").click()
    expect(rows.filter(has_text=FIRST)).to_have_count(1)


def test_app_of_ones_own_is_created_from_the_manifest_and_offered_for_consent(desk: Desk) -> None:
    page = desk.page
    desk.card("Slack").get_by_role("button", name="Use your own app by consent").click()
    dialog = page.get_by_role("dialog")
    create = dialog.get_by_role("link", name="Create app at Slack")
    expect(create).to_have_attribute("href", re.compile(r"manifest_json="))
    dialog.get_by_label("Name").fill("Bri at Northwind")
    dialog.get_by_label("Client ID").fill("111.222")
    dialog.get_by_label("Client Secret").fill("0123456789abcdef")
    dialog.get_by_label("Signing Secret").fill("fedcba9876543210")
    dialog.get_by_role("button", name="Keep the app").click()
    expect(dialog.get_by_role("link", name="Connect through Bri at Northwind")).to_be_visible()
    app = dialog.get_by_role("list", name="Apps").get_by_role("listitem")
    app.get_by_text("Replace its secrets").click()
    app.get_by_role("button", name="Replace").click()
    expect(app.get_by_role("alert").filter(has_text="Paste at least one new secret.")).to_be_visible()
    app.get_by_label("Signing Secret").fill("00112233445566778899aabbccddeeff")
    app.get_by_role("button", name="Replace").click()
    expect(page.get_by_text("Bri at Northwind works with the new secrets")).to_be_visible()


def test_owner_rotates_the_key_after_a_dry_run_and_takes_it_back(desk: Desk) -> None:
    desk.connect_slack()
    page = desk.page
    page.goto(f"{desk.product.address}/admin/settings/keys/")
    page.get_by_role("button", name="Rotate the key…").click()
    dialog = page.get_by_role("dialog", name="Rotate the data key?")
    expect(dialog.get_by_text("Nothing has been changed yet")).to_be_visible()
    dialog.get_by_role("button", name="Rotate the key").click()
    latest = page.get_by_role("region", name="Latest rotation")
    expect(latest.get_by_text("switched off, and kept for the way back")).to_be_visible(timeout=90_000)
    page.get_by_role("button", name="Take it back…").click()
    page.get_by_role("dialog").get_by_role("button", name="Take it back").click()
    expect(latest.get_by_text("the old key is in use")).to_be_visible(timeout=90_000)


def test_owners_say_where_they_are_told_and_see_a_test_arrive(desk: Desk) -> None:
    desk.connect_slack()
    page = desk.page
    page.goto(f"{desk.product.address}/admin/integrations/")
    form = page.get_by_role("form", name="Add a place where owners are told")
    form.get_by_role("button", name="Tell owners there").click()
    expect(form.get_by_role("alert").filter(has_text="Paste the id")).to_be_visible()
    form.get_by_label("Channel, person or number").fill("C0GENERAL01")
    form.get_by_label("What you call it").fill("#general")
    form.get_by_role("button", name="Tell owners there").click()
    place = page.get_by_role("list", name="Places where owners are told").get_by_role("listitem")
    expect(place).to_contain_text("#general")
    place.get_by_role("button", name="Send a test notice").click()
    expect(page.get_by_text("Sent to #general.")).to_be_visible()
    place.get_by_role("button", name="Remove #general").click()
    expect(page.get_by_text("Nobody is told yet")).to_be_visible()
