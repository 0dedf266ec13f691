"""The pages as one Reflex application. ``app.asgi`` gives it its kernel and its routes and serves it."""

import reflex as rx

from app.page_table import register_pages

app = rx.App(
    html_lang="en",
    stylesheets=["/patchbay.css"],
    head_components=[
        rx.el.link(rel="icon", type="image/svg+xml", href="/favicon.svg"),
        rx.el.meta(name="color-scheme", content="light dark"),
    ],
)
register_pages(app)
