"""The frame around an agent's pages: who the agent is, and the tabs."""

from typing import Any

import reflex as rx

from app import routes
from app.components.elements import banner, bone, chip, could_not_load, link, loading, nothing
from app.components.scripted import time_ago
from app.layouts.shell import Crumb, shell
from app.session.state import AgentState

TABS: tuple[tuple[str, str], ...] = (
    ("Integrations", "/integrations"),
    ("Conversations", "/conversations"),
    ("Calendar", "/calendar"),
    ("Actions", "/actions"),
    ("Playbook", "/playbook"),
    ("Settings", ""),
)


def agent_shell(*content: Any, tab: str, compact: bool = False) -> rx.Component:
    """Return one of an agent's pages.

    Args:
        content: what stands below the tabs.
        tab: the tab that is open.
        compact: True for pages that fill the window: head and tabs give way to the content.
    """
    return shell(
        rx.match(
            AgentState.phase,
            (
                "ready",
                rx.fragment(
                    *(
                        (rx.el.h1(AgentState.name, ": ", tab.lower(), class_name="sr-only"),)
                        if compact
                        else (_head(), _tabs(tab), _alarm(tab))
                    ),
                    *content,
                ),
            ),
            ("missing", _padded(_missing())),
            (
                "failed",
                _padded(
                    rx.el.h1("Agent", class_name="sr-only"),
                    could_not_load("The agent", AgentState.trouble, again=AgentState.load),
                ),
            ),
            _padded(_waiting(tab)),
        ),
        crumbs=(
            Crumb("AI team", routes.TEAM),
            Crumb(
                rx.cond(AgentState.name != "", AgentState.name, "Agent"), f"{routes.TEAM}/{AgentState.id}/integrations"
            ),
            Crumb(tab),
        ),
        wide=True,
    )


def _head() -> rx.Component:
    return rx.el.div(
        rx.el.div(AgentState.initial, class_name="face", custom_attrs={"aria-hidden": "true"}),
        rx.el.div(
            rx.el.h1(AgentState.name),
            rx.el.p(
                rx.cond(AgentState.purpose != "", rx.fragment(AgentState.purpose, " · ")),
                rx.match(
                    AgentState.connection_count,
                    (0, rx.fragment("not connected yet")),
                    (1, rx.fragment("1 connection")),
                    rx.fragment(AgentState.connection_count, " connections"),
                ),
                rx.cond(
                    AgentState.last_answer_at != "",
                    rx.fragment(" · last answer ", time_ago(at=AgentState.last_answer_at)),
                ),
            ),
        ),
        rx.el.div(class_name="grow"),
        rx.cond(AgentState.status == "paused", chip("Paused", "off")),
        class_name="agent",
    )


def _tabs(current: str) -> rx.Component:
    return rx.el.nav(
        *(
            link(
                label,
                to=f"{routes.TEAM}/{AgentState.id}{suffix}",
                custom_attrs={"aria-current": "page"} if label == current else {},
            )
            for label, suffix in TABS
        ),
        class_name="tabs",
        custom_attrs={"aria-label": "Agent"},
    )


def _alarm(tab: str) -> rx.Component:
    """Say on each of the agent's pages that one of its connections is broken, or about to break."""
    return rx.cond(
        AgentState.alarm != "",
        rx.el.div(
            banner(
                AgentState.alarm_kind,
                rx.el.span(AgentState.alarm),
                *(
                    ()
                    if tab == "Integrations"
                    else (link("Repair", to=f"{routes.TEAM}/{AgentState.id}/integrations", class_name="link"),)
                ),
            ),
            class_name="alarm",
        ),
    )


def _padded(*children: Any) -> rx.Component:
    return rx.el.div(*children, class_name="padded")


def _missing() -> rx.Component:
    return rx.fragment(
        rx.el.h1("Agent", class_name="sr-only"),
        nothing(
            "There is no such agent",
            rx.el.p("It may have been deleted, or the address is incomplete."),
            link("Back to the AI team", to=routes.TEAM, class_name="btn"),
        ),
    )


def _waiting(tab: str) -> rx.Component:
    return rx.fragment(
        rx.el.h1(tab, class_name="sr-only"),
        loading(
            rx.el.div(bone("44px", height="44px", circle=True), style={"marginBottom": "18px"}),
            bone("180px", height="18px"),
            rx.el.br(),
            bone("320px"),
            label="Loading the agent",
        ),
    )
