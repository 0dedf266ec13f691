"""An agent's integrations: its cards, what needs a person, and the dialogs behind the buttons."""

import reflex as rx

from app import routes
from app.components.elements import banner, bone, button, could_not_load, has_any, link, loading
from app.desk.dialogs import desk, said
from app.desk.findings import finding
from app.desk.own_app.dialog import own_app_dialog
from app.desk.sender.dialog import sender_dialog
from app.desk.shared.dialog import channels_dialog
from app.desk.upkeep.dialogs import upkeep_dialogs
from app.layouts.agent import agent_shell
from app.pages.integrations.components import card
from app.pages.integrations.state import IntegrationsState


def page() -> rx.Component:
    """Return the page ``/admin/ai-team/{agent_id}/integrations``."""
    return agent_shell(
        rx.el.div(
            rx.cond(
                IntegrationsState.banner_text != "",
                banner(
                    IntegrationsState.banner_kind,
                    rx.el.span(IntegrationsState.banner_text),
                    button("Dismiss", kind="quiet small", on_click=IntegrationsState.dismiss_banner),
                ),
            ),
            said(),
            rx.match(
                IntegrationsState.phase,
                ("ready", _board()),
                (
                    "failed",
                    could_not_load("The integrations", IntegrationsState.trouble, again=IntegrationsState.load),
                ),
                _bones(),
            ),
            class_name="padded",
        ),
        desk(),
        own_app_dialog(),
        upkeep_dialogs(),
        channels_dialog(),
        sender_dialog(),
        tab="Integrations",
    )


def _board() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.div(rx.foreach(IntegrationsState.cards, card), class_name="cards"),
            rx.el.p(
                link("More services in the catalogue", to=routes.CATALOGUE, class_name="link"),
                class_name="more-services",
            ),
        ),
        rx.cond(
            has_any(IntegrationsState.findings),
            rx.el.aside(
                rx.el.section(
                    rx.el.h2("Needs you", rx.el.span(IntegrationsState.findings.length(), class_name="count")),
                    rx.el.ul(rx.foreach(IntegrationsState.findings, finding)),
                ),
                class_name="needs-col",
                custom_attrs={"aria-label": "Needs you"},
            ),
        ),
        class_name=rx.cond(has_any(IntegrationsState.findings), "board", "board alone"),
    )


def _bones() -> rx.Component:
    skeleton = rx.el.div(
        rx.el.header(
            bone("34px", height="34px"), bone("120px"), rx.el.div(class_name="grow"), bone("84px", height="22px")
        ),
        rx.el.div(bone("80%"), rx.el.br(), bone("65%"), rx.el.br(), bone("70%"), class_name="pad"),
        class_name="card",
    )
    return loading(
        rx.el.div(rx.el.div(skeleton, skeleton, skeleton, skeleton, class_name="cards"), class_name="board alone"),
        label="Loading the integrations",
    )
