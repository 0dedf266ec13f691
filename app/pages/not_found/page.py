"""The page for addresses that lead nowhere."""

import reflex as rx

from app import routes
from app.components.elements import link


def page() -> rx.Component:
    """Return the page for 404; it shows nothing of a tenant, because anybody may see it."""
    return rx.el.main(
        rx.el.div(
            rx.el.h1("There is no such page", style={"fontSize": "var(--text-xl)"}),
            rx.el.p("The address is incomplete, or what was here is gone."),
            link("Go to the AI team", to=routes.TEAM, class_name="btn primary"),
            class_name="nothing",
        ),
        id="content",
        style={"margin": "12vh auto 0", "maxWidth": "640px"},
    )
