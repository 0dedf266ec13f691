"""The frame around every page: sidebar, top bar with crumbs, skip link and landmarks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import reflex as rx

from app import routes
from app.components.elements import Text, chip, link, native_form
from app.components.scripted import theme_switch
from app.session.state import SessionState

_CLOSE_NAV = rx.call_script(
    "document.getElementById('side')?.matches(':popover-open') && document.getElementById('side').hidePopover()"
)


@dataclass(frozen=True, slots=True)
class Crumb:
    """One step of the way to a page; the last one has no address."""

    text: Text
    to: Text = ""


def shell(*content: Any, crumbs: Sequence[Crumb], current: str = routes.TEAM, wide: bool = False) -> rx.Component:
    """Return a page: the frame, and ``content`` inside the main landmark.

    Args:
        content: what the page shows; holds exactly one ``h1``.
        crumbs: the way to the page.
        current: the sidebar's entry the page belongs to.
        wide: True if the content brings its own margins.
    """
    return rx.el.div(
        rx.el.a("Skip to content", href="#content", class_name="skip"),
        _sidebar(current),
        rx.el.div(
            _top(crumbs),
            rx.el.main(*content, id="content", tab_index=-1, class_name="wide" if wide else ""),
            class_name="page",
        ),
        class_name="app",
    )


def _sidebar(current: str) -> rx.Component:
    return rx.el.nav(
        rx.el.div(
            rx.el.span(class_name="jack", custom_attrs={"aria-hidden": "true"}),
            rx.el.div(
                rx.el.b(rx.cond(SessionState.is_loaded, SessionState.tenant_name, "Patchbay")),
                rx.cond(
                    SessionState.is_loaded,
                    rx.el.small(
                        SessionState.role_word,
                        " · ",
                        SessionState.agent_count,
                        rx.cond(SessionState.agent_count == 1, " agent", " agents"),
                    ),
                ),
            ),
            class_name="tenant",
        ),
        rx.el.ul(
            _entry(
                routes.TEAM,
                current,
                rx.el.span("AI team"),
                rx.cond(SessionState.is_loaded, rx.el.span(SessionState.agent_count, class_name="count")),
            ),
        ),
        rx.el.div(
            rx.el.h2("Operate"),
            rx.el.ul(
                _entry(
                    routes.ALL_INTEGRATIONS,
                    current,
                    rx.el.span("Integrations"),
                    rx.cond(
                        SessionState.trouble_count > 0,
                        rx.el.span(
                            SessionState.trouble_count,
                            rx.el.span(
                                rx.cond(SessionState.trouble_count == 1, " needs you", " need you"),
                                class_name="sr-only",
                            ),
                            class_name="count hot",
                        ),
                    ),
                ),
                _entry(routes.DELIVERIES, current, rx.el.span("Deliveries")),
                _entry(routes.ANALYTICS, current, rx.el.span("Analytics")),
            ),
        ),
        rx.el.ul(
            _entry(routes.CATALOGUE, current, rx.el.span("Catalogue")),
            rx.cond(SessionState.may_edit_keys, _entry(routes.TENANT, current, rx.el.span("Settings"))),
            class_name="last",
        ),
        rx.el.div(
            rx.cond(
                SessionState.waiting_count > 0,
                rx.el.p(
                    chip("Waiting", "soon"),
                    " ",
                    SessionState.waiting_count,
                    rx.cond(SessionState.waiting_count == 1, " conversation waits", " conversations wait"),
                    " for a person",
                ),
            ),
            rx.el.span(rx.cond(SessionState.is_loaded, SessionState.user_name, " ")),
            rx.el.div(
                theme_switch(),
                native_form(
                    rx.el.button("Sign out", type="submit", class_name="btn quiet small"),
                    action=routes.LOGOUT,
                    method="post",
                ),
                class_name="row-foot",
            ),
            class_name="foot",
        ),
        id="side",
        class_name="side",
        custom_attrs={"aria-label": "Main", "popover": "auto"},
    )


def _entry(to: str, current: str, *content: Any) -> rx.Component:
    return rx.el.li(
        link(
            *content,
            to=to,
            on_click=_CLOSE_NAV,
            custom_attrs={"aria-current": "page"} if current == to else {},
        )
    )


def _top(crumbs: Sequence[Crumb]) -> rx.Component:
    return rx.el.header(
        rx.el.button(
            "☰",
            type="button",
            class_name="btn quiet icon menu",
            custom_attrs={"aria-label": "Menu", "popoverTarget": "side"},
        ),
        rx.el.nav(
            rx.el.ol(
                *(
                    rx.el.li(
                        link(crumb.text, to=crumb.to)
                        if isinstance(crumb.to, rx.Var) or crumb.to
                        else rx.el.span(crumb.text, custom_attrs={"aria-current": "page"})
                    )
                    for crumb in crumbs
                )
            ),
            class_name="crumbs",
            custom_attrs={"aria-label": "Breadcrumbs"},
        ),
        class_name="top",
    )
