"""Whoever is quicker than a page keeps the dialog they opened; what another visit left open is closed."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from reflex_base.event.processor import BaseStateEventProcessor

from services.connections import delete_connection, disconnect
from services.tenants import create_sign_in_link, session_cookie_name, sign_in_with_link
from tests.integration.isolation.test_pages import Tab, pipeline
from tests.support.line import Line, Shop

_STATE = "reflex___state____state."
SESSION = f"{_STATE}app___session___state____session_state"
DESK = f"{_STATE}app___desk___state____desk_state"
OWN_APP = f"{_STATE}app___desk___own_app___state____own_app_state"
UPKEEP = f"{_STATE}app___desk___upkeep___state____upkeep_state"
CHANNELS = f"{_STATE}app___desk___shared___state____channels_state"
AGENT_SETTINGS = f"{_STATE}app___pages___agent_settings___state____agent_settings_state"
TENANT = f"{_STATE}app___pages___tenant___state____tenant_state"
KEYS = f"{_STATE}app___pages___keys___state____keys_state"
TEAM = f"{_STATE}app___pages___ai_team___state____team_state"
CALENDAR = f"{_STATE}app___pages___calendar___state____calendar_state"
REPLAY = f"{_STATE}app___pages___deliveries___replay____replay_state"
"""The states with dialogs, by the names that events have."""
OWNER = "owner@northwind.example"


@dataclass
class Person:
    """An owner's tab, and what it shows."""

    tab: Tab
    seen: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])

    async def visit(self, path: str, *states: str, **query: str) -> None:
        """Let the page at an address read what it shows."""
        self.go(path, **query)
        for state in (SESSION, *states):
            await self.send(f"{state}.load")

    def go(self, path: str, **query: str) -> None:
        """Be at an address from now on; nothing is read yet."""
        self.tab.path, self.tab.query = path, query

    async def send(self, name: str, **payload: object) -> None:
        """Do something."""
        self.tab.frames.clear()
        await self.tab.send(name, payload)
        for frame in self.tab.frames:
            for state, changed in cast("Mapping[str, dict[str, Any]]", json.loads(frame)).items():
                self.seen.setdefault(state, {}).update(changed)

    def sees(self, state: str, name: str) -> object:
        """Return what a state shows."""
        return self.seen.get(state, {}).get(f"{name}_rx_state_")


@dataclass(frozen=True, kw_only=True)
class Dialog:
    """How a dialog is opened, and how one sees that it is open."""

    state: str
    opener: str
    payload: Mapping[str, object]
    shown: str
    path: str = "/admin/ai-team/{agent_id}/integrations"


@asynccontextmanager
async def person(line: Line, shop: Shop) -> AsyncGenerator[Person]:
    """The shop's owner at a tab."""
    async with pipeline() as (processor, _):
        yield Person(tab_of(line, shop, processor))


def tab_of(line: Line, shop: Shop, processor: BaseStateEventProcessor) -> Tab:
    """Return a tab with the owner's cookie."""
    link = create_sign_in_link(line.kernel, email=OWNER)
    signed_in = sign_in_with_link(line.kernel, link.rstrip("/").rsplit("/", 1)[1])
    cookie = f"{session_cookie_name(line.kernel.settings)}={signed_in.session_token.reveal()}"
    return Tab(processor, cookie, "/admin/ai-team", {}, {"agent_id": str(shop.agent.id)})


def dialogs_of(shop: Shop) -> list[Dialog]:
    """Return a dialog of each state that has some."""
    connection = {"connection_id": str(shop.slack.id)}
    agent_page, settings = "/admin/ai-team/{agent_id}", "/admin/settings"
    return [
        Dialog(state=DESK, opener="ask_disconnect", payload=connection, shown="dialog"),
        Dialog(
            state=DESK,
            opener="open_keys",
            payload={"provider": "twilio", "scheme_id": "keys", "agent_id": str(shop.agent.id)},
            shown="dialog",
        ),
        Dialog(state=DESK, opener="open_history", payload=connection, shown="dialog", path="/admin/integrations"),
        Dialog(
            state=OWN_APP,
            opener="open_apps",
            payload={"provider": "slack", "agent_id": str(shop.agent.id)},
            shown="is_open",
        ),
        Dialog(state=UPKEEP, opener="open_settings", payload=connection, shown="dialog"),
        Dialog(state=CHANNELS, opener="open_channels", payload=connection, shown="is_open"),
        Dialog(state=AGENT_SETTINGS, opener="ask_delete", payload={}, shown="is_deleting", path=agent_page),
        Dialog(state=TENANT, opener="ask_delete", payload={}, shown="is_deleting", path=f"{settings}/tenant"),
        Dialog(state=KEYS, opener="ask", payload={"what": "rotate"}, shown="dialog", path=f"{settings}/keys"),
        Dialog(state=TEAM, opener="open_form", payload={}, shown="is_creating", path="/admin/ai-team"),
        Dialog(state=CALENDAR, opener="ask_zone", payload={}, shown="is_choosing_zone", path=f"{agent_page}/calendar"),
        Dialog(
            state=REPLAY,
            opener="ask_group",
            payload={"provider": "slack", "cause": "unreadable"},
            shown="kind",
            path="/admin/deliveries",
        ),
    ]


async def test_page_that_reads_again_closes_no_dialog_that_was_opened_meanwhile(line: Line, shop: Shop) -> None:
    async with person(line, shop) as owner:
        vanished: list[tuple[str, str]] = []
        for dialog in dialogs_of(shop):
            await owner.visit("/admin/analytics")
            owner.go(dialog.path)
            await owner.send(f"{dialog.state}.{dialog.opener}", **dialog.payload)
            assert owner.sees(dialog.state, dialog.shown), f"{dialog.opener} opens nothing"
            for moment in ("the first reading", "the reading after a lost socket"):
                await owner.visit(dialog.path, dialog.state)
                if not owner.sees(dialog.state, dialog.shown):
                    vanished.append((dialog.opener, moment))
        assert vanished == []


async def test_dialog_that_another_visit_left_open_is_closed(line: Line, shop: Shop) -> None:
    async with person(line, shop) as owner:
        left: list[str] = []
        for dialog in dialogs_of(shop):
            await owner.visit(dialog.path, dialog.state)
            await owner.send(f"{dialog.state}.{dialog.opener}", **dialog.payload)
            assert owner.sees(dialog.state, dialog.shown), f"{dialog.opener} opens nothing"
            await owner.visit("/admin/analytics")
            await owner.visit(dialog.path, dialog.state)
            if owner.sees(dialog.state, dialog.shown):
                left.append(dialog.opener)
        assert left == []


async def test_walk_that_ends_on_the_page_closes_the_dialog_it_began_in_and_no_later_one(
    line: Line, shop: Shop
) -> None:
    page = "/admin/ai-team/{agent_id}/integrations"
    async with person(line, shop) as owner:
        await owner.visit(page, DESK)
        await owner.send(f"{DESK}.repair", connection_id=str(shop.slack.id), act="test")
        assert owner.sees(DESK, "dialog") == "repair"
        await owner.visit(page, DESK, connected=str(shop.slack.id))
        assert owner.sees(DESK, "dialog") == ""

        await owner.send(f"{DESK}.ask_disconnect", connection_id=str(shop.slack.id))
        await owner.visit(page, DESK)  # the banner is dismissed, also from the address
        assert owner.sees(DESK, "dialog") == "disconnect"


async def test_dialog_about_a_connection_that_is_gone_is_closed(line: Line, shop: Shop) -> None:
    page, connection_id = "/admin/ai-team/{agent_id}/integrations", shop.slack.id
    async with person(line, shop) as owner:
        await owner.visit(page, DESK, UPKEEP, CHANNELS)
        for opener in (f"{DESK}.ask_disconnect", f"{UPKEEP}.open_settings", f"{CHANNELS}.open_channels"):
            await owner.send(opener, connection_id=str(connection_id))
        disconnect(line.kernel, actor=shop.actor, connection_id=connection_id, keep_history=True)
        delete_connection(line.kernel, actor=shop.actor, connection_id=connection_id)
        await owner.visit(page, DESK, UPKEEP, CHANNELS)
        assert [owner.sees(state, "dialog") for state in (DESK, UPKEEP)] == ["", ""]
        assert owner.sees(CHANNELS, "is_open") is False


async def test_form_is_drawn_anew_only_if_what_is_stored_has_changed(line: Line, shop: Shop) -> None:
    page = "/admin/settings/tenant"
    async with person(line, shop) as owner:
        await owner.visit(page, TENANT)
        drawn = owner.sees(TENANT, "revision")
        await owner.visit(page, TENANT)
        assert owner.sees(TENANT, "revision") == drawn
        await owner.send(f"{TENANT}.rename", form={"tenant_name": "Northwind & Sons"})
        await owner.visit(page, TENANT)
        assert owner.sees(TENANT, "revision") != drawn
