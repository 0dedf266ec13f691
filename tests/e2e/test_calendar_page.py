"""An agent's calendar in a browser: connected by consent, live, worked with keys, fit for a phone and for all eyes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from services.agents import AgentView
from tests.support.accessibility import check_accessible
from tests.support.browsers import sign_in
from tests.support.product import Product
from tests.support.rest import Api

TODAY = datetime.now(UTC).date()
DAY = TODAY + timedelta(days=21 - TODAY.weekday())
"""A Monday some weeks ahead, where the sandbox has hardly any meetings of its own."""
BOOKED_BY_US = {"private": {"patchbay_run": "0198f0de-0000-7000-8000-000000000001"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A signed-in owner with one agent that has a calendar, and one that has none."""

    product: Product
    storage: Any
    agent_id: str
    idle_id: str

    def address(self, **query: str) -> str:
        """The calendar in the week of the meetings."""
        asked = "&".join(f"{name}={value}" for name, value in {"week": DAY.isoformat(), **query}.items())
        return f"{self.product.address}/admin/ai-team/{self.agent_id}/calendar/?{asked}"


@pytest.fixture(scope="module")
def desk(product: Product, browser: Browser) -> Desk:
    """Connected over the sandbox's consent page; a busy week lies ahead."""
    owner = product.bootstrap(email="ida@harbor.example", tenant="Harbor Calendars")
    api = Api(product.address, key=owner.api_key)
    agents = [api.call("POST", "agents", AgentView, body={"name": name, "purpose": "Desk"}) for name in ("Bri", "Coco")]
    api.close()
    context = browser.new_context()
    sign_in(context, owner.sign_in_link)
    page = context.new_page()
    page.goto(f"{product.address}/api/admin/ai-agents/integrations/google-calendar/oauth?agent_id={agents[0].id}")
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url("**/integrations/**")
    _fill_week(product)
    storage: Any = context.storage_state()
    context.close()
    return Desk(product=product, storage=storage, agent_id=str(agents[0].id), idle_id=str(agents[1].id))


def _fill_week(product: Product) -> None:
    google = product.sandbox.google
    google.add("Stand-up", start=f"{DAY}T09:00", minutes=15, guests=["mia@northwind.example"])
    google.add("Interview", start=f"{DAY}T09:00", minutes=60)
    google.add("Night shift", start=f"{DAY}T22:00", minutes=240)
    google.add("Fair", start=f"{DAY + timedelta(days=2)}")
    booked = google.add("Call with Mia", start=f"{DAY}T09:30", minutes=60)
    fields = {
        "status": "tentative",
        "location": "Room 4",
        "description": "<b>Bring</b> the contract.",
        "extendedProperties": BOOKED_BY_US,
    }
    google.change(booked.event, fields)


@pytest.fixture
def page(browser: Browser, desk: Desk) -> Iterator[Page]:
    """The owner's tab."""
    context = browser.new_context(storage_state=desk.storage, viewport={"width": 1440, "height": 900})
    yield context.new_page()
    context.close()


def meeting(page: Page, name: str) -> Locator:
    """The button of a meeting, wherever it is shown."""
    return page.get_by_role("button", name=re.compile(f"^{name}"))


def test_week_shows_meetings_side_by_side_and_marks_the_agents_own(desk: Desk, page: Page) -> None:
    page.goto(desk.address(view="week"))
    monday = page.get_by_role("list", name=f"Monday {DAY.day} {DAY:%B}")
    expect(monday.get_by_role("button")).to_have_count(4)
    own = monday.get_by_role("button", name="Call with Mia")
    expect(own).to_have_accessible_name(re.compile("booked by Bri, tentative"))
    expect(page.get_by_role("list", name="All day, and longer").get_by_role("button", name="Fair")).to_be_visible()
    boxes = [monday.get_by_role("button", name=name).bounding_box() for name in ("Interview", "Stand-up", "Call")]
    assert all(boxes)
    long, short, beside = [box for box in boxes if box]
    assert long["x"] + long["width"] <= short["x"] and long["x"] + long["width"] <= beside["x"]
    assert short["y"] + short["height"] <= beside["y"] + 1


def test_meeting_that_is_moved_is_moved_here_within_a_moment(desk: Desk, page: Page) -> None:
    added = desk.product.sandbox.google.add("Moving", start=f"{DAY + timedelta(days=3)}T10:00")
    page.goto(desk.address(view="agenda"))
    thursday, friday = (
        page.get_by_role("region", name=f"{day:%A} {day.day} {day:%B}")
        for day in (DAY + timedelta(days=3), DAY + timedelta(days=4))
    )
    expect(meeting(thursday.page, "Moving")).to_be_visible()
    expect(thursday.get_by_role("button", name="Moving")).to_be_visible()

    desk.product.sandbox.google.move(added.event, minutes=24 * 60)
    expect(friday.get_by_role("button", name="Moving")).to_be_visible()
    expect(thursday).to_have_count(0)
    desk.product.sandbox.google.delete(added.event)
    expect(meeting(page, "Moving")).to_have_count(0)


def test_details_open_with_keys_show_text_as_text_and_give_the_focus_back(desk: Desk, page: Page) -> None:
    page.goto(desk.address(view="week"))
    opener = meeting(page, "Call with Mia")
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Call with Mia")
    expect(dialog.get_by_text("<b>Bring</b> the contract.")).to_be_visible()
    expect(dialog.get_by_text("Booked by Bri")).to_be_visible()
    out = dialog.get_by_role("link", name="Open at the provider")
    expect(out).to_have_attribute("rel", "noopener noreferrer")
    expect(out).to_have_attribute("href", re.compile("^https?://"))
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_week_and_view_live_in_the_address(desk: Desk, page: Page) -> None:
    page.goto(desk.address(view="week"))
    heading = page.get_by_role("heading", level=2, name=re.compile(f"^{DAY.day} "))
    expect(heading).to_be_visible()
    page.get_by_role("link", name="Next week").click()
    expect(page).to_have_url(re.compile(f"week={DAY + timedelta(days=7)}&view=week"))
    expect(heading).to_have_count(0)
    page.get_by_role("navigation", name="View").get_by_role("link", name="Agenda").click()
    expect(page).to_have_url(re.compile(f"week={DAY + timedelta(days=7)}&view=agenda"))
    page.go_back()
    page.go_back()
    expect(heading).to_be_visible()
    page.get_by_role("link", name="Today", exact=True).click()
    expect(page.get_by_role("list", name=re.compile("today$"))).to_be_visible()


def test_sync_now_says_what_it_did_and_asks_for_patience(desk: Desk, page: Page) -> None:
    page.goto(desk.address())
    calendars = page.get_by_role("list", name="Calendars")
    expect(calendars.get_by_text(re.compile(r"^Active \(expires in \d+ days?\)$"))).to_be_visible()
    again = page.get_by_role("button", name="Sync now")
    patience = page.get_by_text("was read a moment ago")
    # The first press may come in the pause after the sync that a change has caused.
    for _ in range(2):
        again.click()
        expect(again).to_have_attribute("aria-busy", "false")
    expect(patience.first).to_be_visible()
    expect(calendars.get_by_role("status")).not_to_have_text("Reading the calendar…")


def test_days_begin_where_the_company_says(desk: Desk, page: Page) -> None:
    page.goto(desk.address(view="agenda"))
    for zone, time in (("Asia/Kolkata", re.compile(r"^1[23]:30–1[23]:45$")), ("Europe/Berlin", "09:00–09:15")):
        page.get_by_role("button", name="Change time zone…").click()
        dialog = page.get_by_role("dialog", name="Time zone of your company")
        dialog.get_by_label("Time zone").select_option(zone)
        dialog.get_by_role("button", name="Save").click()
        expect(dialog).to_be_hidden()
        expect(page.get_by_text(f"Times in {zone}")).to_be_visible()
        entry = page.get_by_role("listitem").filter(has=page.get_by_role("button", name="Stand-up"))
        expect(entry.get_by_text(time)).to_be_visible()


def test_agent_without_a_calendar_is_led_to_its_card(desk: Desk, page: Page) -> None:
    page.goto(f"{desk.product.address}/admin/ai-team/{desk.idle_id}/calendar/")
    expect(page.get_by_role("heading", name="No calendar is connected")).to_be_visible()
    page.get_by_role("link", name="Connect a calendar").click()
    expect(page.get_by_role("article", name="Google Calendar")).to_be_focused()


def test_phone_shows_the_agenda_and_scrolls_the_week_by_day(desk: Desk, browser: Browser) -> None:
    context = browser.new_context(storage_state=desk.storage, viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.goto(f"{desk.product.address}/admin/ai-team/{desk.agent_id}/calendar/")
    views = page.get_by_role("navigation", name="View")
    expect(views.get_by_role("link", name="Agenda")).to_have_attribute("aria-current", "true")
    views.get_by_role("link", name="Week").click()
    today = page.get_by_role("list", name=re.compile("today$"))
    expect(today).to_be_visible()
    box = today.bounding_box()
    assert box and box["x"] >= 0 and box["x"] + box["width"] <= 360
    context.close()


@pytest.mark.parametrize("width", [1440, 320])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", ["week", "agenda", ""])
def test_it_is_accessible_and_fits(
    desk: Desk, browser: Browser, scheme: Literal["light", "dark"], width: int, view: str
) -> None:
    context = browser.new_context(
        storage_state=desk.storage,
        color_scheme=scheme,
        viewport={"width": width, "height": 800},
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(desk.address(view=view))
    own = meeting(page, "Call with Mia").filter(visible=True)
    expect(own).to_be_visible()
    check_accessible(page)
    own.click()
    expect(page.get_by_role("dialog", name="Call with Mia")).to_be_visible()
    check_accessible(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Change time zone…").click()
    expect(page.get_by_label("Time zone", exact=True)).to_be_focused()
    check_accessible(page)
    context.close()
