"""The route table: every page with its title and what it loads."""

from collections.abc import Sequence
from typing import Any

import reflex as rx

from app import routes
from app.desk.own_app.state import OwnAppState
from app.desk.readings import read_again_on
from app.desk.sender.state import SenderState
from app.desk.shared.state import ChannelsState
from app.desk.state import DeskState
from app.desk.upkeep.state import UpkeepState
from app.live import Watch
from app.pages.actions import page as actions
from app.pages.actions.state import ActionsState
from app.pages.agent_settings import page as agent_settings
from app.pages.agent_settings.limits_state import LimitsState
from app.pages.agent_settings.state import AgentSettingsState
from app.pages.ai_team import page as ai_team
from app.pages.ai_team.state import TeamState
from app.pages.all_integrations import page as all_integrations
from app.pages.all_integrations.state import OverviewState
from app.pages.analytics import page as analytics
from app.pages.analytics.state import AnalyticsState
from app.pages.calendar import page as calendar
from app.pages.calendar.state import CalendarState
from app.pages.catalogue import page as catalogue
from app.pages.catalogue.state import CatalogueState
from app.pages.conversations import page as conversations
from app.pages.conversations.state import ConversationsState
from app.pages.deliveries import page as deliveries
from app.pages.deliveries.replay import ReplayState
from app.pages.deliveries.state import DeliveriesState
from app.pages.integrations import page as integrations
from app.pages.integrations.state import IntegrationsState
from app.pages.keys import page as keys
from app.pages.keys.state import KeysState
from app.pages.not_found import page as not_found
from app.pages.playbook import page as playbook
from app.pages.playbook.state import PlaybookState
from app.pages.tenant import page as tenant
from app.pages.tenant.limit_state import CompanyLimitState
from app.pages.tenant.state import TenantState
from app.pages.traces import page as traces
from app.pages.traces.state import TraceState
from app.session.guard import Guard
from app.session.state import AgentState, SessionState

_AGENT_PAGES = (routes.AGENT, routes.AGENT_PLAYBOOK, routes.AGENT_INTEGRATIONS, routes.AGENT_CALENDAR)
_CALENDAR_TOPICS = ("calendar", "connection")
_ALL_PAGES = (*_AGENT_PAGES, routes.AGENT_CONVERSATIONS, routes.TEAM, routes.ALL_INTEGRATIONS, routes.CATALOGUE)
WATCHES: Sequence[Watch] = (
    Watch(topic="conversation", route=routes.AGENT_CONVERSATIONS, handler=ConversationsState.on_live),
    Watch(topic="connection", route=routes.AGENT_CONVERSATIONS, handler=ConversationsState.on_live),
    Watch(topic="conversation", route=routes.TRACE, handler=TraceState.on_live, paced=True),
    Watch(topic="delivery", route=routes.TRACE, handler=TraceState.on_live, paced=True),
    *(Watch(topic=topic, route=routes.AGENT_CALENDAR, handler=CalendarState.on_live) for topic in _CALENDAR_TOPICS),
    Watch(topic="connection", route=routes.AGENT_INTEGRATIONS, handler=IntegrationsState.on_live),
    Watch(topic="connection", route=routes.AGENT_INTEGRATIONS, handler=ChannelsState.on_live),
    Watch(topic="calendar", route=routes.AGENT_INTEGRATIONS, handler=IntegrationsState.on_live),
    Watch(topic="letter", route=routes.AGENT_INTEGRATIONS, handler=IntegrationsState.on_live),
    Watch(topic="action", route=routes.AGENT_ACTIONS, handler=ActionsState.on_live),
    Watch(topic="connection", route=routes.ALL_INTEGRATIONS, handler=OverviewState.on_live),
    *(Watch(topic="connection", route=route, handler=AgentState.on_live) for route in _AGENT_PAGES),
    *(Watch(topic="connection", route=route, handler=SessionState.on_live) for route in _ALL_PAGES),
    Watch(topic="connection", route=routes.CATALOGUE, handler=CatalogueState.on_live),
    Watch(topic="delivery", route=routes.DELIVERIES, handler=DeliveriesState.on_live, paced=True),
    Watch(topic="conversation", route=routes.DELIVERIES, handler=DeliveriesState.on_live, paced=True),
    Watch(topic="connection", route=routes.DELIVERIES, handler=DeliveriesState.on_live, paced=True),
)
"""Which pages read again when something changes."""
_ANY_ROW = "any"
"""Stands for a row where a page reads everything again anyway."""


def register_pages(app: rx.App) -> None:
    """Add all pages to the application, and the guard in front of every event."""
    read_again_on(routes.AGENT_INTEGRATIONS, IntegrationsState.on_live(_ANY_ROW), AgentState.load())
    read_again_on(routes.ALL_INTEGRATIONS, OverviewState.on_live(_ANY_ROW))
    app.add_middleware(Guard(), index=0)
    app.add_page(home, route=routes.HOME, title="Patchbay", on_load=rx.redirect(routes.TEAM, replace=True))
    app.add_page(not_found.page, route="/404", title="No such page · Patchbay")
    _add(app, ai_team.page, routes.TEAM, "AI team", [TeamState.load])
    _add(
        app,
        agent_settings.page,
        routes.AGENT,
        "Agent settings",
        [AgentState.load, AgentSettingsState.load, LimitsState.load],
    )
    _add(app, actions.page, routes.AGENT_ACTIONS, "Actions", [AgentState.load, ActionsState.load])
    _add(app, playbook.page, routes.AGENT_PLAYBOOK, "Playbook", [AgentState.load, PlaybookState.load])
    _add(
        app,
        integrations.page,
        routes.AGENT_INTEGRATIONS,
        "Integrations",
        [
            AgentState.load,
            DeskState.load,
            OwnAppState.load,
            UpkeepState.load,
            ChannelsState.load,
            SenderState.load,
            IntegrationsState.load,
        ],
    )
    _add(
        app, conversations.page, routes.AGENT_CONVERSATIONS, "Conversations", [AgentState.load, ConversationsState.load]
    )
    _add(app, calendar.page, routes.AGENT_CALENDAR, "Calendar", [AgentState.load, CalendarState.load])
    _add(app, catalogue.page, routes.CATALOGUE, "Catalogue", [CatalogueState.load])
    _add(
        app,
        all_integrations.page,
        routes.ALL_INTEGRATIONS,
        "All integrations",
        [OverviewState.load, DeskState.load, UpkeepState.load],
    )
    _add(app, deliveries.page, routes.DELIVERIES, "Deliveries", [DeliveriesState.load, ReplayState.load])
    _add(app, analytics.page, routes.ANALYTICS, "Analytics", [AnalyticsState.load])
    _add(app, tenant.page, routes.TENANT, "Company", [TenantState.load, CompanyLimitState.load])
    _add(app, keys.page, routes.KEYS, "Keys", [KeysState.load])
    _add(app, traces.page, routes.TRACE, "Trace", [TraceState.load])


def home() -> rx.Component:
    """Send whoever comes to the root on to the team."""
    return rx.el.main(
        rx.el.h1("Patchbay", class_name="sr-only"),
        rx.el.p(rx.el.a("Go to the AI team", href=routes.TEAM + "/", class_name="link"), class_name="padded"),
    )


def _add(app: rx.App, page: Any, route: str, title: str, on_load: Sequence[Any]) -> None:
    app.add_page(page, route=route, title=f"{title} · Patchbay", on_load=[SessionState.load, *on_load])
