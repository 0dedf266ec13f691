"""How a finding is drawn: beside the page, and on the card of its connection."""

import reflex as rx

from app.components.elements import negated
from app.components.scripted import time_ago
from app.desk.dialogs import reason
from app.desk.state import DeskState
from app.desk.view import Finding
from app.session.state import SessionState


def finding(item: Finding) -> rx.Component:
    """Return one thing that needs a person, with its one way out."""
    return rx.el.li(
        rx.el.b(item.title),
        rx.el.p(item.place, " · ", item.at_label, time_ago(at=item.at)),
        rx.el.p(item.text),
        _repair(item),
        class_name=f"find {item.kind}",
    )


def forecast(item: Finding) -> rx.Component:
    """Return a finding as a line on its connection's card."""
    return rx.el.div(rx.el.span(item.title), _repair(item), class_name=f"forecast {item.kind}")


def _repair(item: Finding) -> rx.Component:
    return rx.el.button(
        item.act_label,
        type="button",
        class_name="link",
        disabled=negated(SessionState.may_edit_connections),
        title=reason(),
        on_click=DeskState.repair(item.connection_id, item.act),
        custom_attrs={"aria-label": f"{item.act_label}: {item.place}"},
    )
