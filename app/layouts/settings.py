"""The tabs above the company's settings."""

import reflex as rx

from app import routes
from app.components.elements import link
from app.session.state import SessionState

COMPANY, KEYS = "Company", "Keys"


def settings_tabs(current: str) -> rx.Component:
    """Return the way between the pages of the settings; keys only for those who may see them."""
    return rx.el.nav(
        _tab(COMPANY, routes.TENANT, current),
        rx.cond(SessionState.may_edit_keys, _tab(KEYS, routes.KEYS, current)),
        class_name="tabs flush",
        custom_attrs={"aria-label": "Settings"},
    )


def _tab(label: str, to: str, current: str) -> rx.Component:
    return link(label, to=to, custom_attrs={"aria-current": "page"} if label == current else {})
