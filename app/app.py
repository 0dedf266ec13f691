"""The pages as one Reflex application. ``app.asgi`` gives it its kernel and its routes and serves it."""

import reflex as rx

from app import routes


def home() -> rx.Component:
    """Send whoever comes to the root on to the team."""
    return rx.el.main(rx.el.a("Patchbay", href=routes.TEAM + "/"))


app = rx.App(html_lang="en")
app.add_page(home, route=routes.HOME, title="Patchbay", on_load=rx.redirect(routes.TEAM))
